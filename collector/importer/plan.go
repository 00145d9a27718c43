package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // dates mean the same on a server without time zones
	"unicode/utf8"
)

// The formats of files.
const (
	CSV     = "csv"
	NDJSON  = "ndjson"
	Parquet = "parquet"
)

// The encodings of texts.
const (
	UTF8        = "utf-8"
	UTF16LE     = "utf-16le"
	UTF16BE     = "utf-16be"
	Windows1252 = "windows-1252"
	Latin1      = "iso-8859-1"
)

// Targets of columns. A payload's member is PayloadPrefix and its path: keys with
// dots between them, a backslash before a dot that belongs to a key, "" for the
// empty key. Ignore drops the column.
const (
	TargetID        = "event_id"
	TargetTimestamp = "event_timestamp"
	TargetEmail     = "event_email"
	TargetCDT       = "event_adb_cdt"
	TargetPayload   = "event_payload" // the whole payload, as JSON
	PayloadPrefix   = "event_payload."
	Ignore          = "-"
)

// The two columns that a file of refused rows has before the file's own.
const (
	RefusedRowColumn    = "import_row"
	RefusedReasonColumn = "import_reason"
)

// Column says what becomes of one column.
type Column struct {
	Name   string `json:"name"`
	Target string `json:"target"`
	// Type is how a text of a CSV file is read (Types); other formats have types of
	// their own.
	Type string `json:"type,omitempty"`
	// Date is the form of dates of the column that is the event_timestamp (Dates).
	Date string `json:"date,omitempty"`
}

// Plan says how a file is read and what its columns mean.
type Plan struct {
	Format    string `json:"format"`
	Encoding  string `json:"encoding,omitempty"`
	Delimiter string `json:"delimiter,omitempty"` // of CSV: one character
	// NoHeader says that the first line of CSV is a row: columns are column_1, column_2, …
	NoHeader bool `json:"no_header,omitempty"`
	// Timezone is an IANA name; dates without an offset are local times of it. Empty = UTC.
	Timezone string   `json:"timezone,omitempty"`
	Columns  []Column `json:"columns"`
	// IDFrom are the columns of which ids are made where no column holds one.
	IDFrom []string `json:"id_from,omitempty"`
	// UndoFormulas takes away the apostrophe that our export puts before a text which a
	// spreadsheet would run as a formula.
	UndoFormulas bool `json:"undo_formulas,omitempty"`
	// MaxRefused is after how many refused rows an import gives up, because its plan is
	// wrong rather than its rows. 0 = 100,000.
	MaxRefused int64 `json:"max_refused,omitempty"`
}

const defaultMaxRefused = 100_000

// Question is what a plan leaves open.
type Question struct {
	// Code is one of id, timestamp, email, date, encoding.
	Code    string   `json:"code"`
	Column  string   `json:"column,omitempty"`
	Message string   `json:"message"`
	Choices []string `json:"choices,omitempty"`
}

// PlanError is a plan that cannot be carried out, whatever the rows are.
type PlanError struct{ Field, Message string }

func (e *PlanError) Error() string { return e.Field + " " + e.Message }

func wrong(field, format string, args ...any) error {
	return &PlanError{Field: field, Message: fmt.Sprintf(format, args...)}
}

const maxColumns = 5000

// check says what is wrong with a plan in itself. What is merely open is in questions.
func (p *Plan) check() error {
	var errs []error
	add := func(field, format string, args ...any) { errs = append(errs, wrong(field, format, args...)) }
	if !slices.Contains([]string{CSV, NDJSON, Parquet}, p.Format) {
		add("format", "must be one of csv, ndjson, parquet")
	}
	if !slices.Contains([]string{"", UTF8, UTF16LE, UTF16BE, Windows1252, Latin1}, p.Encoding) {
		add("encoding", "must be one of utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1")
	}
	if p.Format == CSV && !goodDelimiter(p.Delimiter) {
		add("delimiter", "must be one character that is no quotation mark, letter, digit or line break")
	}
	if _, err := p.location(); err != nil {
		add("timezone", "must be the name of a time zone such as Europe/Berlin")
	}
	if len(p.Columns) > maxColumns {
		add("columns", "must be at most %d", maxColumns)
	}
	taken := map[string]string{}
	names := map[string]bool{}
	payload := false
	for i, c := range p.Columns {
		field := fmt.Sprintf("columns[%d] (%s)", i, shorten(c.Name))
		if names[c.Name] {
			add(field, "is there twice")
		}
		names[c.Name] = true
		if _, ok := types[c.Type]; !ok {
			add(field, "has no type of %s", strings.Join(Types(), ", "))
		}
		if c.Date != "" && !slices.Contains(Dates(), c.Date) {
			add(field, "has no form of dates of %s", strings.Join(Dates(), ", "))
		}
		if err := checkTarget(c.Target); err != nil {
			add(field, "%v", err)
			continue
		}
		if c.Target == Ignore {
			continue
		}
		if other, ok := taken[c.Target]; ok {
			add(field, "goes to %s, and so does %s", c.Target, shorten(other))
		}
		taken[c.Target] = c.Name
		payload = payload || strings.HasPrefix(c.Target, PayloadPrefix)
	}
	if taken[TargetPayload] != "" && payload {
		add("columns", "must not have both the whole event_payload and members of it")
	}
	for _, name := range p.IDFrom {
		if !names[name] {
			add("id_from", "names %s, which is no column", shorten(name))
		}
	}
	if _, err := newTree(p.Columns); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkTarget(target string) error {
	switch target {
	case TargetID, TargetTimestamp, TargetEmail, TargetCDT, TargetPayload, Ignore:
		return nil
	}
	path, ok := strings.CutPrefix(target, PayloadPrefix)
	if !ok {
		return fmt.Errorf("must go to event_id, event_timestamp, event_email, event_adb_cdt, event_payload, event_payload.PATH or %s (nowhere)", Ignore)
	}
	_, err := parsePath(path)
	return err
}

// questions are what has to be decided before rows can be read.
func (p *Plan) questions(allowAnonymous bool) []Question {
	var q []Question
	by := map[string]*Column{}
	for i := range p.Columns {
		by[p.Columns[i].Target] = &p.Columns[i]
	}
	if by[TargetID] == nil && len(p.IDFrom) == 0 {
		q = append(q, Question{
			Code: "id", Choices: p.names(),
			Message: "No column holds an event_id: name the column, or the columns that an id is to be made of. Rows that are the same in all of these become one event.",
		})
	}
	switch t := by[TargetTimestamp]; {
	case t == nil:
		q = append(q, Question{Code: "timestamp", Choices: p.names(), Message: "Which column is the time of the event?"})
	case t.Date == "" && p.Format == CSV:
		q = append(q, Question{
			Code: "date", Column: t.Name, Choices: Dates(),
			Message: "In which form are the dates of this column?",
		})
	}
	if by[TargetEmail] == nil && (!allowAnonymous || by[TargetCDT] == nil) {
		q = append(q, Question{Code: "email", Choices: p.names(), Message: "Which column holds the e-mail address?"})
	}
	return q
}

func (p *Plan) names() []string {
	names := make([]string, 0, len(p.Columns))
	for _, c := range p.Columns {
		names = append(names, c.Name)
	}
	return names[:min(len(names), 200)]
}

func (p *Plan) location() (*time.Location, error) { return time.LoadLocation(p.Timezone) }

func goodDelimiter(text string) bool {
	if len(text) != 1 {
		return false
	}
	c := text[0]
	letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
	return c != '"' && c != '\r' && c != '\n' && c != 0 && c < utf8.RuneSelf && !letter
}

// parsePath reads a path of PayloadPrefix.
func parsePath(text string) ([]string, error) {
	var path []string
	var key strings.Builder
	quoted := false
	end := func() error {
		if key.Len() == 0 && !quoted {
			return errors.New(`has an empty key in its path: write "" for a key that is the empty string`)
		}
		path = append(path, key.String())
		key.Reset()
		quoted = false
		return nil
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			key.WriteByte(text[i])
		case c == '.':
			if err := end(); err != nil {
				return nil, err
			}
		case key.Len() == 0 && !quoted && strings.HasPrefix(text[i:], `""`):
			quoted = true
			i++
		default:
			key.WriteByte(c)
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	if len(path) >= maxDepth {
		return nil, fmt.Errorf("is deeper than %d", maxDepth)
	}
	return path, nil
}

// escapeKey writes one key for a path.
func escapeKey(key string) string {
	if key == "" {
		return `""`
	}
	key = strings.NewReplacer(`\`, `\\`, `.`, `\.`).Replace(key)
	if strings.HasPrefix(key, `"`) {
		key = `\` + key
	}
	return key
}

func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for most := most; most > 0; most-- {
		if utf8.RuneStart(s[most]) {
			return s[:most] + "…"
		}
	}
	return ""
}
