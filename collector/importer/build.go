package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/spreadsheet"
)

// maxDepth bounds paths, as payloads are bounded.
const maxDepth = event.MaxDepth

// builder makes the JSON of an event of each row. It keeps nothing of a row.
type builder struct {
	plan   *Plan
	loc    *time.Location
	whole  bool // rows are events as they are
	fields [5]int
	tree   *tree
	idFrom []int
	// keepMore: members of NDJSON that the plan does not name go into the payload, unless
	// one column is the payload.
	keepMore bool

	hash    []byte
	payload []byte
}

var fieldTargets = [5]string{TargetID, TargetTimestamp, TargetEmail, TargetCDT, TargetPayload}

// newBuilder binds a plan to the columns of a file.
func newBuilder(plan *Plan, columns []string) (*builder, error) {
	loc, err := plan.location()
	if err != nil {
		return nil, wrong("timezone", "is not known: %s", plan.Timezone)
	}
	b := &builder{plan: plan, loc: loc, whole: plan.identity(), keepMore: plan.Format == NDJSON, fields: [5]int{-1, -1, -1, -1, -1}}
	byName := map[string]int{}
	for i, c := range plan.Columns {
		byName[c.Name] = i
	}
	if plan.Format != NDJSON {
		if err := sameColumns(plan, columns); err != nil {
			return nil, err
		}
	}
	for i, c := range plan.Columns {
		if f := slices.Index(fieldTargets[:], c.Target); f >= 0 {
			b.fields[f] = i
		}
	}
	if b.fields[4] >= 0 {
		b.keepMore = false
	}
	for _, name := range plan.IDFrom {
		b.idFrom = append(b.idFrom, byName[name])
	}
	b.tree, err = newTree(plan.Columns)
	return b, err
}

// sameColumns refuses a file whose columns are not those that the plan was made for.
func sameColumns(plan *Plan, columns []string) error {
	for i := range max(len(columns), len(plan.Columns)) {
		switch {
		case i >= len(columns):
			return broken(nil, "The file lacks the column %s, which the mapping has.", shorten(plan.Columns[i].Name))
		case i >= len(plan.Columns):
			return broken(nil, "The file has the column %s, which the mapping lacks.", shorten(columns[i]))
		case columns[i] != plan.Columns[i].Name:
			return broken(nil, "Column %d of the file is %s, and %s in the mapping.", i+1, shorten(columns[i]), shorten(plan.Columns[i].Name))
		}
	}
	return nil
}

// identity tells whether rows of NDJSON are events as they are.
func (p *Plan) identity() bool {
	if p.Format != NDJSON || len(p.IDFrom) > 0 || p.Timezone != "" && p.Timezone != "UTC" {
		return false
	}
	given := 0
	for _, c := range p.Columns {
		field := slices.Contains(fieldTargets[:], c.Name)
		switch {
		case field && c.Target == c.Name && (c.Date == "" || c.Date == DateISO):
			given++
		case !field && c.Target == Ignore:
		default:
			return false
		}
	}
	return given > 0
}

// event appends the row as a JSON event. Its rules are still to be checked.
func (b *builder) event(dst []byte, row *Row) ([]byte, *Fault) {
	if b.whole {
		return append(dst, row.Raw...), nil
	}
	cell := func(f int) Cell {
		if i := b.fields[f]; i >= 0 {
			return b.undo(row.Cells[i])
		}
		return Cell{}
	}
	name := func(f int) string { return b.plan.Columns[b.fields[f]].Name }
	dst = append(dst, `{"event_id":`...)
	if len(b.idFrom) > 0 {
		dst = b.madeID(dst, row)
	} else {
		text, fault := textOf(cell(0), name(0), true)
		if fault != nil {
			return dst, fault
		}
		dst = appendOrNull(dst, text)
	}
	dst = append(dst, `,"event_timestamp":`...)
	dst, fault := b.timestamp(dst, cell(1), name(1))
	if fault != nil {
		return dst, fault
	}
	for i, key := range []string{`,"event_email":`, `,"event_adb_cdt":`} {
		f := i + 2
		c := cell(f)
		if c.Text == nil {
			continue
		}
		text, fault := textOf(c, name(f), f == 3)
		if fault != nil {
			return dst, fault
		}
		if f == 2 {
			text = bytes.TrimSpace(text)
		}
		dst = appendOrNull(append(dst, key...), text)
	}
	if dst, fault = b.appendPayload(dst, row, cell(4)); fault != nil {
		return dst, fault
	}
	return append(dst, '}'), nil
}

// undo takes away what our export put before a formula.
func (b *builder) undo(c Cell) Cell {
	if b.plan.UndoFormulas && !c.JSON && len(c.Text) > 0 {
		c.Text = spreadsheet.Restore(c.Text)
	}
	return c
}

func appendOrNull(dst, text []byte) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	return appendText(dst, text)
}

// textOf returns a cell's text; of JSON a string, and where numbers are ids a number.
func textOf(c Cell, column string, number bool) ([]byte, *Fault) {
	if !c.JSON || c.Text == nil {
		return c.Text, nil
	}
	switch kind := jsontext.Value(c.Text).Kind(); {
	case kind == '"':
		text, err := jsontext.AppendUnquote(nil, c.Text)
		if err != nil {
			return nil, &Fault{Column: column, Message: "is not a text that can be stored: " + err.Error()}
		}
		return text, nil
	case kind == '0' && number:
		return c.Text, nil
	default:
		return nil, &Fault{Column: column, Message: "must be a text"}
	}
}

func (b *builder) timestamp(dst []byte, c Cell, column string) ([]byte, *Fault) {
	text, fault := textOf(c, column, true)
	if fault != nil || text == nil {
		return append(dst, "null"...), fault
	}
	form := b.plan.Columns[b.fields[1]].Date
	if form == "" {
		form = DateISO
	}
	ms, err := parseDate(form, string(text), b.loc)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "timestamp: ")
		return dst, &Fault{Column: column, Message: fmt.Sprintf("the date %q, read as %s: %s", shorten(string(text)), form, reason)}
	}
	return time.UnixMilli(ms).UTC().AppendFormat(dst, `"2006-01-02T15:04:05.000Z"`), nil
}

// madeID makes an id of the chosen cells: the same for the same cells, whatever else
// the file holds. Lengths stand before names and texts, so that ("a", "bc") and ("ab",
// "c") differ.
func (b *builder) madeID(dst []byte, row *Row) []byte {
	b.hash = b.hash[:0]
	part := func(text []byte) {
		b.hash = binary.AppendUvarint(b.hash, uint64(len(text)))
		b.hash = append(b.hash, text...)
	}
	for _, i := range b.idFrom {
		part([]byte(b.plan.Columns[i].Name))
		part(b.undo(row.Cells[i]).Text)
	}
	sum := sha256.Sum256(b.hash)
	dst = append(dst, `"row_`...)
	dst = hex.AppendEncode(dst, sum[:16])
	return append(dst, '"')
}

func (b *builder) appendPayload(dst []byte, row *Row, whole Cell) ([]byte, *Fault) {
	if b.fields[4] >= 0 {
		if whole.Text == nil {
			return dst, nil
		}
		text := bytes.TrimSpace(whole.Text)
		column := b.plan.Columns[b.fields[4]].Name
		if whole.JSON && len(text) > 0 && text[0] == '"' { // JSON in a text, as databases export it
			var err error
			if text, err = jsontext.AppendUnquote(nil, text); err != nil {
				return dst, &Fault{Column: column, Message: err.Error()}
			}
		}
		// Valid but for what the rules refuse, and one value: nothing may leak out of it.
		if err := oneValue(text); err != nil {
			return dst, &Fault{Column: column, Message: jsonFault(err)}
		}
		return append(append(dst, `,"event_payload":`...), text...), nil
	}
	b.payload = b.payload[:0]
	b.payload = b.tree.append(b.payload, b, row)
	if b.keepMore && len(row.More) > 0 {
		b.payload = appendMore(b.payload, row.More)
	}
	if len(b.payload) == 0 {
		return dst, nil
	}
	return append(append(dst, `,"event_payload":`...), b.payload...), nil
}

// oneValue checks that text is one JSON value; whether its keys are unique is for the
// rules to say.
func oneValue(text []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := d.SkipValue(); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(text)) {
		return errors.New("something stands behind the value")
	}
	return nil
}

// appendMore adds members to an object that may be empty yet.
func appendMore(object []byte, more []Member) []byte {
	if len(object) == 0 {
		object = append(object, '{')
	} else {
		object = append(object[:len(object)-1], ',')
	}
	for i, m := range more {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(append(appendText(object, []byte(m.Name)), ':'), m.Value...)
	}
	return append(object, '}')
}

// tree is the shape of the payload that a plan's paths make.
type tree struct {
	key      []byte // quoted
	column   int    // -1 for an object
	children []*tree
}

func newTree(columns []Column) (*tree, error) {
	root := &tree{column: -1}
	for i, c := range columns {
		text, ok := strings.CutPrefix(c.Target, PayloadPrefix)
		if !ok {
			continue
		}
		path, err := parsePath(text)
		if err != nil {
			continue // checkTarget tells
		}
		if err := root.add(path, i); err != nil {
			return nil, wrong("columns["+strconv.Itoa(i)+"] ("+shorten(c.Name)+")", "%v", err)
		}
	}
	return root, nil
}

func (t *tree) add(path []string, column int) error {
	if t.column >= 0 {
		return errors.New("goes below a member that another column gives a value of its own")
	}
	key := appendText(nil, []byte(strings.ToValidUTF8(path[0], string(utf8.RuneError))))
	var child *tree
	for _, c := range t.children {
		if bytes.Equal(c.key, key) {
			child = c
		}
	}
	last := len(path) == 1
	switch {
	case child == nil:
		child = &tree{key: key, column: -1}
		t.children = append(t.children, child)
		if last {
			child.column = column
			return nil
		}
	case last:
		return errors.New("goes to a member that other columns go to or below")
	}
	return child.add(path[1:], column)
}

// append appends the object of the row's cells; nothing if all are empty.
func (t *tree) append(dst []byte, b *builder, row *Row) []byte {
	start := len(dst)
	for _, c := range t.children {
		mark := len(dst)
		separator := byte(',')
		if mark == start {
			separator = '{'
		}
		dst = append(append(append(dst, separator), c.key...), ':')
		value := len(dst)
		if c.column >= 0 {
			dst = b.value(dst, row.Cells[c.column], c.column)
		} else {
			dst = c.append(dst, b, row)
		}
		if len(dst) == value {
			dst = dst[:mark]
		}
	}
	if len(dst) > start {
		dst = append(dst, '}')
	}
	return dst
}

// value appends one cell as JSON; nothing if it is empty.
func (b *builder) value(dst []byte, c Cell, column int) []byte {
	c = b.undo(c)
	if len(c.Text) == 0 {
		return dst
	}
	if c.JSON {
		return append(dst, c.Text...)
	}
	if out, ok := types[b.plan.Columns[column].Type](dst, c.Text); ok {
		return out
	}
	return appendText(dst, c.Text)
}
