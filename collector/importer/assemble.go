package importer

import (
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// assembler turns the values of one field of a Parquet row into JSON: the way back
// from repetition and definition levels (the Dremel paper). The library's own way into
// Go maps loses logical types and panics on some schemas.
type assembler struct {
	node   parquet.Node
	name   string
	kind   nodeKind
	leaf   func(dst []byte, v parquet.Value) ([]byte, error)
	fields []*assembler
	leaves int // columns below it
}

type nodeKind uint8

const (
	nodeLeaf nodeKind = iota
	nodeGroup
	nodeList // a group that wraps a repeated group that wraps the elements
	nodeMap  // likewise, keys and values
)

var errTooDeep = errors.New("the schema is deeper than 64")

func newAssembler(name string, node parquet.Node, depth int) (*assembler, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	a := &assembler{node: node, name: name}
	if node.Leaf() {
		a.leaves, a.leaf = 1, leafOf(node.Type())
		return a, nil
	}
	for _, f := range node.Fields() {
		child, err := newAssembler(f.Name(), f, depth+1)
		if err != nil {
			return nil, err
		}
		a.fields = append(a.fields, child)
		a.leaves += child.leaves
	}
	a.kind = nodeGroup
	if len(a.fields) != 1 || !a.fields[0].node.Repeated() {
		return a, nil
	}
	switch inner := a.fields[0]; {
	case isLogical[*format.ListType](node, deprecated.List):
		a.kind = nodeList
	case (isLogical[*format.MapType](node, deprecated.Map) || isLogical[*format.MapType](node, deprecated.MapKeyValue)) && len(inner.fields) == 2:
		a.kind = nodeMap
	}
	return a, nil
}

func isLogical[T format.LogicalTypeValue](node parquet.Node, converted deprecated.ConvertedType) bool {
	t := node.Type()
	if l := t.LogicalType(); l != nil {
		_, ok := l.Value.(T)
		return ok
	}
	c := t.ConvertedType()
	return c != nil && *c == converted
}

// append appends the JSON of the values; columns has one slice for every leaf, and
// rep and def are the levels of what is around.
func (a *assembler) append(dst []byte, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	if len(columns) == 0 || len(columns[0]) == 0 {
		return append(dst, "null"...), nil
	}
	switch {
	case a.node.Optional():
		def++
		if columns[0][0].DefinitionLevel() < def {
			return append(dst, "null"...), nil
		}
	case a.node.Repeated():
		return a.appendRepeated(dst, columns, rep+1, def+1, (*assembler).appendOne)
	}
	return a.appendOne(dst, columns, rep, def)
}

type appendFunc func(a *assembler, dst []byte, columns [][]parquet.Value, rep, def int) ([]byte, error)

func (a *assembler) appendRepeated(dst []byte, columns [][]parquet.Value, rep, def int, one appendFunc) ([]byte, error) {
	dst = append(dst, '[')
	if columns[0][0].DefinitionLevel() < def {
		return append(dst, ']'), nil
	}
	err := eachElement(columns, rep, func(i int, element [][]parquet.Value) (err error) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, err = one(a, dst, element, rep, def)
		return err
	})
	return append(dst, ']'), err
}

// eachElement splits the columns where a value begins a new element at a repetition level.
func eachElement(columns [][]parquet.Value, rep int, do func(i int, element [][]parquet.Value) error) error {
	rest := append([][]parquet.Value(nil), columns...)
	element := make([][]parquet.Value, len(columns))
	for i := 0; len(rest[0]) > 0; i++ {
		for j, values := range rest {
			n := min(1, len(values))
			for n < len(values) && values[n].RepetitionLevel() > rep {
				n++
			}
			element[j], rest[j] = values[:n], values[n:]
		}
		if err := do(i, element); err != nil {
			return err
		}
	}
	return nil
}

// appendOne is append for a value that is there.
func (a *assembler) appendOne(dst []byte, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	switch a.kind {
	case nodeLeaf:
		if columns[0][0].IsNull() {
			return append(dst, "null"...), nil
		}
		return a.leaf(dst, columns[0][0])
	case nodeList:
		inner := a.fields[0]
		return inner.appendRepeated(dst, columns, rep+1, def+1, (*assembler).appendElement)
	case nodeMap:
		return a.appendMap(dst, columns, rep+1, def+1)
	}
	dst = append(dst, '{')
	at := 0
	for i, f := range a.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, []byte(f.name)), ':')
		var err error
		if dst, err = f.append(dst, columns[at:at+f.leaves], rep, def); err != nil {
			return dst, err
		}
		at += f.leaves
	}
	return append(dst, '}'), nil
}

// appendElement appends an element of a list: what the repeated group wraps, or the
// group itself where it wraps more than one thing.
func (a *assembler) appendElement(dst []byte, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	if a.kind == nodeGroup && len(a.fields) == 1 {
		return a.fields[0].append(dst, columns, rep, def)
	}
	return a.appendOne(dst, columns, rep, def)
}

func (a *assembler) appendMap(dst []byte, columns [][]parquet.Value, rep, def int) ([]byte, error) {
	dst = append(dst, '{')
	if columns[0][0].DefinitionLevel() < def {
		return append(dst, '}'), nil
	}
	key, value := a.fields[0].fields[0], a.fields[0].fields[1]
	err := eachElement(columns, rep, func(i int, element [][]parquet.Value) (err error) {
		if i > 0 {
			dst = append(dst, ',')
		}
		name, err := key.append(nil, element[:key.leaves], rep, def)
		if err != nil {
			return err
		}
		if len(name) == 0 || name[0] != '"' {
			name = appendText(nil, name)
		}
		dst = append(append(dst, name...), ':')
		dst, err = value.append(dst, element[key.leaves:], rep, def)
		return err
	})
	return append(dst, '}'), err
}

// leafOf returns how values of a physical and logical type are written.
func leafOf(t parquet.Type) func(dst []byte, v parquet.Value) ([]byte, error) {
	switch l := logicalOf(t).(type) {
	case *format.TimestampType:
		unit, utc := time.Millisecond, l.IsAdjustedToUTC
		if l.Unit.Value != nil {
			unit = l.Unit.Value.Duration()
		}
		return func(dst []byte, v parquet.Value) ([]byte, error) {
			return appendInstant(dst, instant(v.Int64(), unit), utc), nil
		}
	case *format.DateType:
		return func(dst []byte, v parquet.Value) ([]byte, error) {
			day := time.Unix(int64(v.Int32())*86_400, 0).UTC()
			return append(day.AppendFormat(append(dst, '"'), time.DateOnly), '"'), nil
		}
	case *format.DecimalType:
		return func(dst []byte, v parquet.Value) ([]byte, error) { return appendDecimal(dst, v, int(l.Scale)) }
	case *format.JsonType:
		return func(dst []byte, v parquet.Value) ([]byte, error) {
			if text := jsontext.Value(v.ByteArray()); text.IsValid() {
				return append(dst, text...), nil
			}
			return dst, errors.New("is not JSON")
		}
	case *format.UUIDType:
		return func(dst []byte, v parquet.Value) ([]byte, error) { return appendUUID(dst, v.ByteArray()) }
	case *format.IntType:
		if !l.IsSigned {
			return func(dst []byte, v parquet.Value) ([]byte, error) {
				if v.Kind() == parquet.Int32 {
					return strconv.AppendUint(dst, uint64(v.Uint32()), 10), nil
				}
				return strconv.AppendUint(dst, v.Uint64(), 10), nil
			}
		}
	}
	return appendPhysical
}

// logicalOf returns a leaf's logical type, also of files that have the older kind alone.
func logicalOf(t parquet.Type) format.LogicalTypeValue {
	if l := t.LogicalType(); l != nil {
		return l.Value
	}
	c := t.ConvertedType()
	if c == nil {
		return nil
	}
	switch *c {
	case deprecated.TimestampMillis:
		return &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MilliSeconds)}}
	case deprecated.TimestampMicros:
		return &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MicroSeconds)}}
	case deprecated.Date:
		return new(format.DateType)
	case deprecated.Json:
		return new(format.JsonType)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return &format.IntType{}
	}
	return nil
}

func appendPhysical(dst []byte, v parquet.Value) ([]byte, error) {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case parquet.Int64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case parquet.Int96: // nanoseconds of the day and the Julian day, a time
		x := v.Int96()
		nanos, day := int64(x[1])<<32|int64(x[0]), int64(x[2])-2_440_588
		return appendInstant(dst, time.Unix(day*86_400, nanos), true), nil
	case parquet.Float:
		return appendFloat(dst, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(dst, v.Double(), 64)
	default:
		text := v.ByteArray()
		if utf8.Valid(text) {
			return appendText(dst, text), nil
		}
		return appendText(dst, []byte(base64.StdEncoding.EncodeToString(text))), nil
	}
}

// appendFloat writes a fraction always: 5.0 is no integer.
func appendFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...), nil
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, bits)
	for _, c := range dst[start:] {
		if c == '.' || c == 'e' {
			return dst, nil
		}
	}
	return append(dst, ".0"...), nil
}

func instant(n int64, unit time.Duration) time.Time {
	perSecond := int64(time.Second / unit)
	seconds, rest := n/perSecond, n%perSecond
	return time.Unix(seconds, rest*int64(unit))
}

// appendInstant writes a time; one without a zone is a local time.
func appendInstant(dst []byte, t time.Time, utc bool) []byte {
	layout := `"2006-01-02T15:04:05.999999999"`
	if utc {
		layout = `"2006-01-02T15:04:05.999999999Z"`
	}
	return t.UTC().AppendFormat(dst, layout)
}

func appendDecimal(dst []byte, v parquet.Value, scale int) ([]byte, error) {
	var n big.Int
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // two's complement, big-endian
		raw := v.ByteArray()
		n.SetBytes(raw)
		if len(raw) > 0 && raw[0]&0x80 != 0 {
			n.Sub(&n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
		}
	}
	if scale < 0 || scale > 1000 {
		return dst, errors.New("has a decimal scale outside of 0 to 1000")
	}
	if n.Sign() < 0 {
		dst = append(dst, '-')
		n.Neg(&n)
	}
	digits := n.String()
	for len(digits) <= scale {
		digits = "0" + digits
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
	}
	return dst, nil
}

func appendUUID(dst, raw []byte) ([]byte, error) {
	if len(raw) != 16 {
		return dst, errors.New("has a UUID that is not 16 bytes long")
	}
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i, b := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return append(dst, '"'), nil
}
