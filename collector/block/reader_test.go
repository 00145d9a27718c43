package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// reader is a second, plain implementation of what WriteTo writes: it reads the
// block back into rows. It panics on anything that is not as it should be.
type reader struct{ *bytes.Reader }

type readRow struct {
	connection     [16]byte
	id, email, cdt string
	timestamp      int64
	receivedAt     int64
	deleted        bool
	payload        map[string]any // by path
}

// readBlock returns the rows of a block and the names of its columns with their types.
func readBlock(data []byte) (rows []readRow, header []string) {
	if len(data) == 0 {
		return nil, nil
	}
	r := reader{bytes.NewReader(data)}
	columns := int(r.uvarint())
	rows = make([]readRow, r.uvarint())
	for range columns {
		name, typ := r.text(), r.text()
		header = append(header, name+" "+typ)
		switch name {
		case "connection_id":
			for i := range rows {
				half := r.bytes(16)
				slices.Reverse(half[:8])
				slices.Reverse(half[8:])
				rows[i].connection = [16]byte(half)
			}
		case "id":
			for i := range rows {
				rows[i].id = string(r.bytes(16))
			}
		case "event_id":
			for i := range rows {
				rows[i].id = r.text()
			}
		case "event_email":
			for i := range rows {
				rows[i].email = r.text()
			}
		case "event_adb_cdt":
			for i := range rows {
				rows[i].cdt = r.text()
			}
		case "event_timestamp":
			for i := range rows {
				rows[i].timestamp = int64(r.fixed())
			}
		case "received_at":
			for i := range rows {
				rows[i].receivedAt = int64(r.fixed())
				if typ == "DateTime64(7, 'UTC')" {
					rows[i].receivedAt /= 10
				}
			}
		case "is_deleted":
			for i := range rows {
				rows[i].deleted = r.bytes(1)[0] == 1
			}
		case "event_payload":
			c := r.objectPrefix(typ)
			for i, p := range c.read(r, len(rows)) {
				rows[i].payload = p.(map[string]any)
			}
		default:
			panic("column " + name)
		}
	}
	if r.Len() != 0 {
		panic(fmt.Sprint(r.Len(), " bytes left"))
	}
	return rows, header
}

func (r reader) uvarint() uint64 {
	v, err := binary.ReadUvarint(r)
	must(err)
	return v
}

func (r reader) bytes(n int) []byte {
	if n > r.Len() {
		panic("short block")
	}
	p := make([]byte, n)
	_, err := r.Read(p)
	if n > 0 {
		must(err)
	}
	return p
}

func (r reader) text() string  { return string(r.bytes(int(r.uvarint()))) }
func (r reader) fixed() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(ok bool, what ...any) {
	if !ok {
		panic(fmt.Sprint(what...))
	}
}

// typeReader reads rows values of one type.
type typeReader interface {
	read(r reader, rows int) []any
}

type objectReader struct {
	paths  []string
	values []typeReader
}

func (r reader) objectPrefix(typ string) typeReader {
	check(strings.HasPrefix(typ, "JSON"), typ)
	check(r.fixed() == 2, "JSON version")
	o := objectReader{paths: make([]string, r.uvarint())}
	parameter := func(name string, value int) int {
		if _, rest, found := strings.Cut(typ, name+"="); found {
			_, err := fmt.Sscanf(rest, "%d", &value)
			must(err)
		}
		return value
	}
	check(len(o.paths) <= parameter("max_dynamic_paths", 1024), len(o.paths), " columns of ", typ)
	for i := range o.paths {
		o.paths[i] = r.text()
	}
	check(slices.IsSorted(o.paths) && len(slices.Compact(slices.Clone(o.paths))) == len(o.paths), "paths ", o.paths)
	for range o.paths {
		o.values = append(o.values, r.dynamicPrefix(parameter("max_dynamic_types", 32)))
	}
	return o
}

func (o objectReader) read(r reader, rows int) []any {
	out := make([]any, rows)
	for i := range out {
		out[i] = map[string]any{}
	}
	for i, path := range o.paths {
		for row, v := range o.values[i].read(r, rows) {
			if v != nil {
				out[row].(map[string]any)[path] = v
			}
		}
	}
	ends := make([]uint64, rows)
	for i := range ends {
		ends[i] = r.fixed()
	}
	check(slices.IsSorted(ends), "shared rows")
	var paths []string
	if rows > 0 {
		for range ends[rows-1] {
			paths = append(paths, r.text())
		}
	}
	row := 0
	for i, path := range paths {
		for ends[row] <= uint64(i) {
			row++
		}
		first := row == 0 && i == 0 || row > 0 && ends[row-1] == uint64(i)
		check(first || paths[i-1] < path, "shared paths of one row are not sorted")
		check(!slices.Contains(o.paths, path), "path in two places: ", path)
		value := reader{bytes.NewReader([]byte(r.text()))}
		out[row].(map[string]any)[path] = value.binary()
		check(value.Len() == 0, "bytes after a shared value")
	}
	return out
}

type dynamicReader struct {
	names    []string
	variants []typeReader
}

func (r reader) dynamicPrefix(limit int) typeReader {
	check(r.fixed() == 2, "Dynamic version")
	names := make([]string, r.uvarint())
	check(len(names) <= limit, "types ", names)
	for i := range names {
		names[i] = r.text()
	}
	names = append(names, "SharedVariant")
	slices.Sort(names)
	check(len(slices.Compact(slices.Clone(names))) == len(names), "types ", names)
	check(r.fixed() == 0, "discriminators")
	d := dynamicReader{names: names}
	for _, name := range names {
		d.variants = append(d.variants, r.prefix(name))
	}
	return d
}

func (d dynamicReader) read(r reader, rows int) []any {
	which := r.bytes(rows)
	counts := make([]int, len(d.variants))
	for _, v := range which {
		if v != 0xFF {
			counts[v]++
		}
	}
	values := make([][]any, len(d.variants))
	for i, v := range d.variants {
		check(counts[i] > 0 || rows == 0 || d.names[i] == "SharedVariant", "no value of type ", d.names[i])
		values[i] = v.read(r, counts[i])
	}
	out := make([]any, rows)
	for i, v := range which {
		if v != 0xFF {
			out[i] = values[v][0]
			values[v] = values[v][1:]
		}
	}
	return out
}

func inside(name, outer string) (string, bool) {
	rest, found := strings.CutPrefix(name, outer+"(")
	return strings.TrimSuffix(rest, ")"), found
}

func (r reader) prefix(name string) typeReader {
	if elem, ok := inside(name, "Array"); ok {
		return arrayReader{r.prefix(elem)}
	}
	if elem, ok := inside(name, "Nullable"); ok {
		return nullableReader{r.prefix(elem)}
	}
	switch {
	case name == "Dynamic":
		return r.dynamicPrefix(32)
	case strings.HasPrefix(name, "JSON"):
		return r.objectPrefix(name)
	}
	return scalarReader(name)
}

type arrayReader struct{ elem typeReader }

func (a arrayReader) read(r reader, rows int) []any {
	ends := make([]uint64, rows)
	for i := range ends {
		ends[i] = r.fixed()
	}
	check(slices.IsSorted(ends), "array ends")
	total := 0
	if rows > 0 {
		total = int(ends[rows-1])
	}
	elems := a.elem.read(r, total)
	out := make([]any, rows)
	from := uint64(0)
	for i, end := range ends {
		out[i] = append([]any{}, elems[from:end]...)
		from = end
	}
	return out
}

type nullableReader struct{ elem typeReader }

func (n nullableReader) read(r reader, rows int) []any {
	nulls := r.bytes(rows)
	out := n.elem.read(r, rows)
	for i, null := range nulls {
		if null != 0 {
			out[i] = nil
		}
	}
	return out
}

type scalarReader string

func (s scalarReader) read(r reader, rows int) []any {
	out := make([]any, rows)
	for i := range out {
		switch s {
		case "Bool":
			out[i] = r.bytes(1)[0] == 1
		case "Int64":
			out[i] = int64(r.fixed())
		case "UInt64":
			out[i] = r.fixed()
		case "Float64":
			out[i] = math.Float64frombits(r.fixed())
		case "String":
			out[i] = r.text()
		case "SharedVariant":
			value := reader{bytes.NewReader([]byte(r.text()))}
			out[i] = value.binary()
			check(value.Len() == 0, "bytes after a value of SharedVariant")
		default:
			panic("type " + string(s))
		}
	}
	return out
}

// binary reads a type in binary and a value of it.
func (r reader) binary() any { return r.binaryType()() }

// binaryType reads a type in binary and returns what reads a value of it.
func (r reader) binaryType() func() any {
	one := func(s scalarReader) func() any { return func() any { return s.read(r, 1)[0] } }
	switch code, err := r.ReadByte(); {
	case err != nil:
		panic(err)
	case code == codeNothing:
		return func() any { return nil }
	case code == codeBool:
		return one("Bool")
	case code == codeInt64:
		return one("Int64")
	case code == codeUInt64:
		return one("UInt64")
	case code == codeFloat64:
		return one("Float64")
	case code == codeString:
		return one("String")
	case code == codeNullable:
		elem := r.binaryType()
		return func() any {
			if r.bytes(1)[0] != 0 {
				return nil
			}
			return elem()
		}
	case code == codeArray:
		elem := r.binaryType()
		return func() any {
			out := []any{}
			for range r.uvarint() {
				out = append(out, elem())
			}
			return out
		}
	case code == codeDynamic:
		r.bytes(1)
		return r.binary
	case code == codeJSON:
		check(r.bytes(1)[0] == 0, "version of JSON in binary")
		r.uvarint()
		r.bytes(4)
		return func() any {
			out := map[string]any{}
			for range r.uvarint() {
				path := r.text()
				check(out[path] == nil, "path twice: ", path)
				out[path] = r.binary()
			}
			return out
		}
	default:
		panic(fmt.Sprintf("type code %#x", code))
	}
}
