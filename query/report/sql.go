package report

import (
	"fmt"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Query is a statement with placeholders like {p0:String} and their values.
type Query struct {
	SQL    string
	Params []any // string, float64, int64, []string, []float64, []int64, []uuid.UUID
	// parts are the text around the placeholders, one more than there are
	// parameters: what looks like a placeholder in a quoted name is none.
	parts []string
}

// Text returns the statement with its parameters in place of the placeholders, as
// literals that ClickHouse reads back as exactly those values.
//
// ClickHouse's own query parameters travel in the URL, which 10,000 filter values
// would make longer than a server takes; so they are put in here.
func (q Query) Text() string {
	var b strings.Builder
	for i, part := range q.parts {
		b.WriteString(part)
		if i < len(q.Params) {
			writeLiteral(&b, q.Params[i])
		}
	}
	return b.String()
}

func placeholder(i int, value any) string { return "{p" + strconv.Itoa(i) + ":" + typeOf(value) + "}" }

func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "String"
	case float64:
		return "Float64"
	case int64:
		return "Int64"
	case []string:
		return "Array(String)"
	case []float64:
		return "Array(Float64)"
	case []int64:
		return "Array(Int64)"
	case []uuid.UUID:
		return "Array(UUID)"
	default:
		return "Nothing"
	}
}

func writeLiteral(b *strings.Builder, value any) {
	switch v := value.(type) {
	case string:
		writeText(b, v)
	case float64:
		writeFloat(b, v)
	case int64:
		writeInt(b, v)
	case []string:
		writeList(b, v, writeText)
	case []float64:
		writeList(b, v, writeFloat)
	case []int64:
		writeList(b, v, writeInt)
	case []uuid.UUID:
		writeList(b, v, func(b *strings.Builder, id uuid.UUID) { writeText(b, id.String()) })
	default:
		b.WriteString("NULL")
	}
}

func writeList[T any](b *strings.Builder, list []T, write func(*strings.Builder, T)) {
	b.WriteByte('[')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		write(b, v)
	}
	b.WriteByte(']')
}

// writeText escapes what could end the literal; ClickHouse takes all other bytes
// as they are.
func writeText(b *strings.Builder, s string) {
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
}

// A literal such as 5 would be an integer, which makes a list of both a list of
// neither.
func writeFloat(b *strings.Builder, f float64) {
	s := strconv.FormatFloat(f, 'e', -1, 64)
	b.WriteString(s)
}

func writeInt(b *strings.Builder, i int64) { b.WriteString(strconv.FormatInt(i, 10)) }

// quoteName quotes an identifier of any characters.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

// quoteText is a literal for what becomes part of an expression that is kept, as
// in a view, where parameters cannot stand.
func quoteText(s string) string {
	var b strings.Builder
	writeText(&b, s)
	return b.String()
}

// builder collects parameters in the order in which their placeholders stand.
type builder struct {
	params []any
}

// bind returns what stands in a statement for a value until finish numbers it:
// compiled expressions still move.
func (b *builder) bind(value any) string {
	b.params = append(b.params, value)
	return fmt.Sprintf("\x00%d\x00", len(b.params)-1)
}

// finish numbers the placeholders in the order of the text. A value that stands
// twice becomes two parameters. No name has a NUL, so none can look like one.
func (b *builder) finish(sql string) Query {
	var out strings.Builder
	var q Query
	for {
		before, rest, found := strings.Cut(sql, "\x00")
		out.WriteString(before)
		q.parts = append(q.parts, before)
		if !found {
			break
		}
		number, after, _ := strings.Cut(rest, "\x00")
		i, err := strconv.Atoi(number)
		if err != nil || i >= len(b.params) {
			break
		}
		out.WriteString(placeholder(len(q.Params), b.params[i]))
		q.Params = append(q.Params, b.params[i])
		sql = after
	}
	q.SQL = out.String()
	return q
}

func unmarshal(data []byte, into any) error { return jsonv2.Unmarshal(data, into) }

// pointerToken escapes a token of an RFC 6901 JSON pointer.
func pointerToken(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}
