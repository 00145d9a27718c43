package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// column is a field as one report uses it.
type column struct {
	name, label string
	// typ is the type of one value.
	typ   define.Type
	array bool
	// group names the array that a field belongs to, empty for a single value.
	group string
	// alias is the name of its values in the inner SELECT, of expr there.
	alias, expr string
	// present says whether the event has a value at the path, misfit whether it has
	// one that is no array where an array is defined. Empty where there is no such
	// question: a built-in field's values all fit.
	present, misfit string
	// scope limits the field to connections; empty = all.
	scope []uuid.UUID
	// exploded: outside the inner SELECT it has one value, called element.
	exploded bool
	element  string
}

// value is what stands for the column's value, or array, in the outer SELECT.
func (c *column) value() string {
	if c.exploded {
		return c.element
	}
	return c.alias
}

// unfit says, in the inner SELECT, whether the event has a value that does not fit.
func (c *column) unfit() string {
	if c.present != "" {
		return c.present + " AND isNull(" + c.alias + ")"
	}
	return c.misfit
}

// many says whether value is an array.
func (c *column) many() bool { return c.array && !c.exploded }

// builtins are the fields that every event has. The e-mail address in lower case:
// that is how people are told apart.
var builtins = map[string]struct {
	typ   define.Type
	label string
	expr  string
}{
	"event_id":        {define.String, "Event ID", "event_id"},
	"event_email":     {define.String, "E-mail", "nullIf(lowerUTF8(event_email), '')"},
	"event_adb_cdt":   {define.String, "Customer data ID", "nullIf(event_adb_cdt, '')"},
	"event_timestamp": {define.Datetime, "Time of the event", "toNullable(toUnixTimestamp64Milli(event_timestamp))"},
	"received_at":     {define.Datetime, "Received", "toNullable(toUnixTimestamp64Milli(received_at))"},
	"connection_id":   {define.String, "Connection ID", "toString(connection_id)"},
	"connection":      {define.String, "Connection", ""},
	"event_source":    {define.String, "Event source", ""},
	"event_object":    {define.String, "Event object", ""},
}

func attribute(c *Connection, name string) (string, bool) {
	switch name {
	case "connection_id":
		return c.ID.String(), true
	case "connection":
		return c.Name, true
	case "event_source":
		return c.EventSource, true
	case "event_object":
		return c.EventObject, true
	}
	return "", false
}

// requiredSettings are what every statement of this package must run with.
var requiredSettings = map[string]any{
	// Dates before 1970 and after 2149 would wrap around.
	"enable_extended_results_for_datetime_functions": 1,
	// Keys with dots as they were sent.
	"json_type_escape_dots_in_keys": 1,
	// Integers of payloads as they are, also inside arrays read as text.
	"output_format_json_quote_64bit_integers":   0,
	"output_format_json_quote_denormals":        0,
	"output_format_json_escape_forward_slashes": 0,
	// Compiling an expression to machine code takes longer than most reports.
	"compile_expressions": 0,
	// A statement with 20,000 filter values is longer than the default allows.
	"max_query_size": 64 << 20,
	// Fields of one array have equally many values. Should a payload ever have it
	// otherwise, the missing ones are null.
	"enable_unaligned_array_join": 1,
}

// payload makes expressions over event_payload. They are texts of one value each:
// a string as it is, a number or boolean as JSON has it, null for everything else.
// Types are made of texts, so that a value means the same wherever it stands and
// whatever form ClickHouse has chosen to keep it in.
type payload struct {
	path define.Path
	list bool // the path's end is an array of values even if the path has no []
}

// odd says whether a key means something else to ClickHouse when it is a part of a
// quoted column name.
func odd(key string) bool {
	return key == "" || strings.ContainsAny(key[:1], "^:@") || strings.ContainsAny(key, "[]`")
}

func isOdd(steps define.Path) bool {
	for _, s := range steps {
		if odd(s.Key) {
			return true
		}
	}
	return false
}

// subcolumn names what lies at the keys of the path; "[]" enters arrays.
func subcolumn(steps define.Path) string {
	var b strings.Builder
	b.WriteString("event_payload")
	for _, s := range steps {
		b.WriteByte('.')
		// Dots in keys are kept as %2E (json_type_escape_dots_in_keys).
		b.WriteString(quoteName(strings.ReplaceAll(s.Key, ".", "%2E")))
		b.WriteString(strings.Repeat("[]", s.Arrays))
	}
	return b.String()
}

// jsonKeys lists the keys of a path as arguments of JSONExtract….
func jsonKeys(steps define.Path) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(", " + quoteText(s.Key))
	}
	return b.String()
}

// dynamicText is the text of a single value of ClickHouse's type Dynamic.
func dynamicText(value string) string {
	return "if(startsWith(dynamicType(" + value + "), 'Array'), NULL, CAST(" + value + ", 'Nullable(String)'))"
}

// rawText is the text of a single value that is given as JSON text.
func rawText(value string) string {
	return "multiIf(" + value + " IN ('', 'null'), NULL, startsWith(" + value + ", '\"'), JSONExtractString(" + value + "), " +
		"startsWith(" + value + ", '[') OR startsWith(" + value + ", '{'), NULL, " + value + ")"
}

// text returns the expression for the path's one text, and one that says whether
// there is any value.
func (p payload) text() (text, present string) {
	if isOdd(p.path) {
		raw := "JSONExtractRaw(toJSONString(event_payload)" + jsonKeys(p.path) + ")"
		return rawText(raw), raw + " NOT IN ('', 'null')"
	}
	value := subcolumn(p.path)
	return dynamicText(value), "isNotNull(" + value + ")"
}

// texts is text for a path with several values: an array of nullable texts. An
// event has misfit values where there is something else than an array.
func (p payload) texts() (texts, misfit string) {
	steps := p.path
	levels := []define.Path{{}}
	for _, s := range steps {
		last := len(levels) - 1
		levels[last] = append(levels[last], define.Step{Key: s.Key})
		if s.Arrays > 0 {
			levels = append(levels, define.Path{})
		}
	}
	if p.list && len(levels[len(levels)-1]) > 0 {
		levels = append(levels, define.Path{})
	}
	head, rest := levels[0], levels[1:]
	if isOdd(head) {
		raw := "JSONExtractRaw(toJSONString(event_payload)" + jsonKeys(head) + ")"
		return "CAST(" + slowTexts("JSONExtractArrayRaw("+raw+")", rest) + ", 'Array(Nullable(String))')",
			raw + " NOT IN ('', 'null') AND NOT startsWith(" + raw + ", '[')"
	}
	value := subcolumn(head)
	misfit = "isNotNull(" + value + ") AND NOT startsWith(dynamicType(" + value + "), 'Array')"
	slow := slowTexts("JSONExtractArrayRaw(ifNull(toJSONString("+value+"), ''))", rest)
	// ClickHouse keeps an array of objects, and one of scalars of one type, in a
	// form that is read 30 times as fast; any other array goes through its JSON.
	switch {
	case len(rest) == 1 && len(rest[0]) == 0:
		var b strings.Builder
		b.WriteString("multiIf(")
		for _, t := range []string{"String", "Int64", "Float64"} {
			array := "Array(Nullable(" + t + "))"
			fmt.Fprintf(&b, "dynamicType(%s) = '%s', CAST(%s.:`%s`, 'Array(Nullable(String))'), ", value, array, value, array)
		}
		b.WriteString("CAST(" + slow + ", 'Array(Nullable(String))'))")
		return b.String(), misfit
	case len(rest) == 1 && !isOdd(rest[0]):
		entered := append(define.Path{}, head...)
		entered[len(entered)-1].Arrays = 1
		fast := "arrayMap(e -> " + dynamicText("e") + ", " + subcolumn(append(entered, rest[0]...)) + ")"
		return "if(startsWith(dynamicType(" + value + "), 'Array(JSON'), CAST(" + fast + ", 'Array(Nullable(String))'), " +
			"CAST(" + slow + ", 'Array(Nullable(String))'))", misfit
	default:
		return "CAST(" + slow + ", 'Array(Nullable(String))')", misfit
	}
}

// slowTexts goes through the levels of arrays behind an array of JSON texts.
func slowTexts(array string, levels []define.Path) string {
	inside := func(e string, steps define.Path) string {
		if len(steps) == 0 {
			return e
		}
		return "JSONExtractRaw(" + e + jsonKeys(steps) + ")"
	}
	for i, steps := range levels {
		e := "e" + strconv.Itoa(i)
		if i == len(levels)-1 {
			return "arrayMap(" + e + " -> " + rawText(inside(e, steps)) + ", " + array + ")"
		}
		array = "arrayFlatten(arrayMap(" + e + " -> JSONExtractArrayRaw(" + inside(e, steps) + "), " + array + "))"
	}
	return array
}

// datetimePattern keeps what ClickHouse's lenient parser would make a date of ("3.25")
// away from it. Years as in CONTRACT section 2.
const datetimePattern = `^(19|2[0-2])[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$`

// typed returns the value of a type that a text stands for, null if it does not fit.
func typed(t define.Type, text string) string {
	number := "toFloat64OrNull(" + text + ")"
	switch t {
	case define.Numeric:
		// "inf" and "nan" are no numbers in JSON. Adding 0 makes -0 the same as 0.
		return "if(isFinite(" + number + "), " + number + " + 0, NULL)"
	case define.Integer:
		// "1e3" and 12.0 are whole numbers too.
		return "coalesce(toInt64OrNull(" + text + "), accurateCastOrNull(" + number + ", 'Int64'))"
	case define.Boolean:
		return "multiIf(lower(" + text + ") IN ('true', 't', 'yes', 'y', 'on', '1'), true, " +
			"lower(" + text + ") IN ('false', 'f', 'no', 'n', 'off', '0'), false, NULL)"
	case define.Datetime:
		return "if(match(ifNull(" + text + ", ''), " + quoteText(datetimePattern) + "), " +
			"toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(" + text + ", 3, 'UTC')), NULL)"
	default:
		return text
	}
}

// sqlType is ClickHouse's type of a value.
func sqlType(t define.Type) string {
	switch t {
	case define.Numeric:
		return "Float64"
	case define.Integer, define.Datetime:
		return "Int64"
	case define.Boolean:
		return "Bool"
	default:
		return "String"
	}
}

// newColumn returns a defined field as a column, still without alias.
func newColumn(f *define.Field) (*column, error) {
	path, err := define.ParsePath(f.Path)
	if err != nil {
		return nil, err
	}
	c := &column{name: f.Name, label: f.Label, typ: f.Type.Element(), array: f.Array(), scope: f.ConnectionIDs}
	if c.label == "" {
		c.label = f.Name
	}
	p := payload{path: path, list: f.Type.Element() != f.Type}
	if !c.array {
		text, present := p.text()
		c.expr, c.present = typed(c.typ, text), present
		return c, nil
	}
	texts, misfit := p.texts()
	c.expr = texts
	if c.typ != define.String {
		c.expr = "CAST(arrayMap(x -> " + typed(c.typ, "x") + ", " + texts + "), 'Array(Nullable(" + sqlType(c.typ) + "))')"
	}
	c.misfit = misfit
	c.group = arrayOf(path, p.list)
	return c, nil
}

// arrayOf returns the path of the array that the values are elements of: up to the
// last [], or the whole path where its end is a list.
func arrayOf(path define.Path, list bool) string {
	last := len(path) - 1
	for i := last; i >= 0 && !list; i-- {
		if path[i].Arrays > 0 {
			last = i
			break
		}
	}
	head := append(define.Path{}, path[:last+1]...)
	head[last].Arrays = 1
	return head.String()
}
