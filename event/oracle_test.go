package event

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// The oracle is the decoder again in its plainest form: jsontext parses the
// whole body into a tree, then the rules are applied to the tree. It shares with
// the decoder only the Rules and the code names.

type node struct {
	kind  jsontext.Kind
	raw   string // of a scalar
	elems []node
	names []node // an object's keys, one for each element
}

// member and object are an object's members in order.
type member struct {
	Key   string
	Value any
}

type object []member

type oracleEvent struct {
	ID, Timestamp, Email, CDT any // nil where absent
	Payload                   any
}

type oracle struct {
	opts     Options
	rules    *Rules
	events   []oracleEvent
	errors   []FieldError // without messages
	warnings []FieldError
	index    int
	noObject bool // the event is none
}

var errNotArray = errors.New("not an array")

// run decodes body; err stands for HTTP 400.
func (o *oracle) run(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("invalid UTF-8")
	}
	// Lone surrogates count as invalid UTF-8 too, and are none of the parser's business here.
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	root, err := parseNode(dec)
	if err != nil {
		return err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return errors.New("trailing data")
	}
	if root.kind != '[' {
		return errNotArray
	}
	for i, e := range root.elems {
		o.index = i
		o.event(e)
	}
	return nil
}

func parseNode(dec *jsontext.Decoder) (node, error) {
	switch k := dec.PeekKind(); k {
	case '[', '{':
		n := node{kind: k}
		if _, err := dec.ReadToken(); err != nil {
			return n, err
		}
		for {
			switch dec.PeekKind() {
			case ']', '}':
				_, err := dec.ReadToken()
				return n, err
			}
			if k == '{' {
				// jsontext complains only once it has read the token.
				if p := dec.PeekKind(); p > 0 && p != '"' && p != jsontext.KindInvalid {
					return n, errors.New("a key that is no string")
				}
				name, err := parseNode(dec)
				if err != nil {
					return n, err
				}
				n.names = append(n.names, name)
			}
			e, err := parseNode(dec)
			if err != nil {
				return n, err
			}
			n.elems = append(n.elems, e)
		}
	default:
		raw, err := dec.ReadValue()
		return node{kind: k, raw: string(raw)}, err
	}
}

var (
	escapes   = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)
	surrogate = regexp.MustCompile(`\\u[dD][89abAB]..\\u[dD][c-fC-F]..`)
)

// text returns a string's text with U+FFFD for lone surrogates, and the code of
// its first fault.
func (n node) text() (text, code string) {
	plain, _ := jsontext.AppendUnquote(nil, n.raw)
	// What is left of the \u escapes once backslashes and true pairs are gone.
	rest := strings.ReplaceAll(n.raw, `\\`, `--`)
	rest = surrogate.ReplaceAllString(rest, "------------")
	for _, e := range escapes.FindAllString(rest, -1) {
		if len(e) != 6 {
			continue
		}
		switch u, _ := strconv.ParseUint(e[2:], 16, 16); {
		case u == 0:
			return string(plain), codeNUL
		case u >= 0xD800 && u <= 0xDFFF:
			return string(plain), codeSurrogate
		}
	}
	return string(plain), ""
}

func (o *oracle) report(path []string, code string) {
	if len(o.errors) < MaxErrors {
		o.errors = append(o.errors, o.entry(path, code))
	}
}

func (o *oracle) warn(path []string, code string) {
	if len(o.warnings) < MaxWarnings {
		o.warnings = append(o.warnings, o.entry(path, code))
	}
}

func (o *oracle) entry(path []string, code string) FieldError {
	e := FieldError{Index: o.index, Code: code, Pointer: "/" + strconv.Itoa(o.index)}
	if len(path) > 0 && !o.noObject {
		e.Field = shorten([]byte(path[0]), maxField)
	}
	for _, p := range path {
		longer := e.Pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p)
		if len(longer) > maxPointer {
			break
		}
		e.Pointer = longer
	}
	return e
}

func (o *oracle) event(n node) {
	o.noObject = n.kind != '{'
	if n.kind != '{' {
		o.report(nil, codeObject)
		o.value(n, nil, false)
		return
	}
	var e oracleEvent
	fields := Fields{AllowAnonymous: o.opts.AllowAnonymous}
	given := map[string]bool{}
	seen := map[string]bool{}
	// judge returns the text of a field that must be a string.
	judge := func(v node, name, goName string, to **string) any {
		path := []string{name}
		if v.kind == 'n' {
			return nil
		}
		given[name] = true
		if v.kind != '"' {
			o.report(path, codeType)
			o.value(v, path, false)
			return nil
		}
		text, fault := v.text()
		if fault != "" {
			o.report(path, fault)
			return nil
		}
		*to = &text
		if code := o.rules.broken(&fields, goName); code != "" {
			o.report(path, code)
		}
		return text
	}
	for i, v := range n.elems {
		key, fault := n.names[i].text()
		path := []string{key}
		switch {
		case fault != "":
			o.report(path, fault)
			o.value(v, path, false)
			continue
		case seen[key]:
			o.report(path, codeDuplicate)
			o.value(v, path, false)
			continue
		}
		seen[key] = true
		switch key {
		case "event_id":
			e.ID = judge(v, key, "ID", &fields.ID)
		case "event_timestamp":
			if text, ok := judge(v, key, "Timestamp", &fields.Timestamp).(string); ok {
				e.Timestamp, _ = slowTimestamp(text)
			}
		case "event_email":
			e.Email = judge(v, key, "Email", &fields.Email)
		case "event_adb_cdt":
			e.CDT = judge(v, key, "CDT", &fields.CDT)
		case "event_payload":
			if v.kind != 'n' && v.kind != '{' {
				o.report(path, codeType)
			}
			if v.kind != 'n' {
				e.Payload = o.value(v, path, v.kind == '{')
			}
		default:
			o.warn(path, codeUnknown)
			o.value(v, path, false)
		}
	}
	for i, name := range []string{"event_id", "event_timestamp", "event_email"} {
		if given[name] {
			continue
		}
		if code := o.rules.broken(&fields, []string{"ID", "Timestamp", "Email"}[i]); code != "" {
			o.report([]string{name}, code)
		}
	}
	o.events = append(o.events, e)
}

// value checks any value and returns it; path leads to it from the event.
func (o *oracle) value(n node, path []string, payload bool) any {
	if (n.kind == '{' || n.kind == '[') && len(path) > MaxDepth {
		o.report(path, codeDepth)
		return nil
	}
	child := func(name string) []string { return append(path[:len(path):len(path)], name) }
	switch n.kind {
	case 'n':
		return nil
	case 't', 'f':
		return n.kind == 't'
	case '0':
		return o.number(n.raw, path, payload)
	case '"':
		text, fault := n.text()
		if fault != "" {
			o.report(path, fault)
		}
		return text
	case '[':
		list := []any{}
		for i, e := range n.elems {
			list = append(list, o.value(e, child(strconv.Itoa(i)), payload))
		}
		return list
	}
	members, seen := object{}, map[string]bool{}
	for i, e := range n.elems {
		key, fault := n.names[i].text()
		at := child(key)
		name := key
		if payload {
			name = strings.ReplaceAll(key, ".", "%2E")
		}
		switch {
		case fault != "":
			o.report(at, fault)
		case seen[name]:
			o.report(at, codeDuplicate)
		default:
			seen[name] = true
		}
		members = append(members, member{key, o.value(e, at, payload)})
	}
	return members
}

func (o *oracle) number(raw string, path []string, payload bool) any {
	if !strings.ContainsAny(raw, ".eE") {
		if i, err := strconv.ParseInt(raw, 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(raw, 10, 64); err == nil {
			return u
		}
	} else if f, ok := slowFloat(raw); ok {
		return f
	}
	if payload {
		o.warn(path, codeNumber)
	}
	return raw
}

var timestamps = []*regexp.Regexp{
	regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$`),
	regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)(?:[T ](\d\d)(?:(\d\d)(?:(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$`),
}

// slowTimestamp is ParseTimestamp as one pattern and the time package.
func slowTimestamp(text string) (int64, bool) {
	var m []string
	for _, pattern := range timestamps {
		if m = pattern.FindStringSubmatch(text); m != nil {
			break
		}
	}
	if m == nil {
		return 0, false
	}
	n := func(s string) int { i, _ := strconv.Atoi(s); return i }
	t := time.Date(n(m[1]), time.Month(n(m[2])), n(m[3]), n(m[4]), n(m[5]), n(m[6]), 0, time.UTC)
	written := []int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()}
	if t.Year() < MinYear || t.Year() > MaxYear ||
		!cmp.Equal(written, []int{n(m[1]), n(m[2]), n(m[3]), n(m[4]), n(m[5]), n(m[6])}) {
		return 0, false
	}
	t = t.Add(time.Duration(n((m[7] + "000")[:3])) * time.Millisecond)
	if zone := strings.ReplaceAll(m[8], ":", ""); zone != "" && zone != "Z" {
		h, mins := n(zone[1:3]), n(zone[3:])
		if h > 23 || mins > 59 {
			return 0, false
		}
		offset := time.Duration(h)*time.Hour + time.Duration(mins)*time.Minute
		if zone[0] == '+' {
			offset = -offset
		}
		t = t.Add(offset)
	}
	if t.Year() < MinYear || t.Year() > MaxYear {
		return 0, false
	}
	return t.UnixMilli(), true
}
