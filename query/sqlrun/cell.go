package sqlrun

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/tributary-events/tributary/query/report"
)

// columns describes a result in the words of reports.
func columns(types []column) []report.Column {
	out := make([]report.Column, len(types))
	for i, c := range types {
		out[i] = report.Column{Name: c.name, Type: typeName(c.typ), Label: c.name}
	}
	return out
}

// typeName returns the JSON-minded name of ClickHouse's type.
func typeName(typ string) string {
	for {
		inner, wrapped := strings.CutPrefix(typ, "Nullable(")
		if !wrapped {
			inner, wrapped = strings.CutPrefix(typ, "LowCardinality(")
		}
		if !wrapped {
			break
		}
		typ = strings.TrimSuffix(inner, ")")
	}
	switch {
	case strings.HasPrefix(typ, "Int"), strings.HasPrefix(typ, "UInt"):
		if strings.HasPrefix(typ, "Interval") {
			return "string"
		}
		return "integer"
	case strings.HasPrefix(typ, "Float"), strings.HasPrefix(typ, "Decimal"), typ == "BFloat16":
		return "number"
	case typ == "Bool":
		return "boolean"
	case typ == "Date", typ == "Date32":
		return "date"
	case strings.HasPrefix(typ, "DateTime"):
		return "datetime"
	case strings.HasPrefix(typ, "Array("):
		return "array"
	case strings.HasPrefix(typ, "Map("), strings.HasPrefix(typ, "JSON"):
		return "object"
	case strings.HasPrefix(typ, "Tuple("):
		return "array"
	}
	return "string"
}

var timeType = reflect.TypeFor[time.Time]()

// cell turns what the driver has read into what JSON has.
func cell(v reflect.Value, typ string) any {
	if !v.IsValid() {
		return nil
	}
	if v.Type() == timeType {
		return timeCell(v.Interface().(time.Time), typ)
	}
	switch x := v.Interface().(type) {
	case *big.Int:
		if x == nil {
			return nil
		}
		return json.Number(x.String())
	case big.Int:
		return json.Number(x.String())
	case time.Duration:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return cell(v.Elem(), typ)
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(fmt.Sprint(v.Uint()))
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil
		}
		if v.Kind() == reflect.Float32 {
			return float32(f)
		}
		return f
	case reflect.String:
		return textCell(v.String(), typ)
	}
	if s, ok := v.Interface().(fmt.Stringer); ok {
		if strings.Contains(typ, "Decimal") {
			return json.Number(s.String())
		}
		return s.String()
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = cell(v.Index(i), typ)
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			out[fmt.Sprint(cell(it.Key(), typ))] = cell(it.Value(), typ)
		}
		return out
	}
	return fmt.Sprint(v.Interface())
}

func textCell(text, typ string) any {
	if strings.HasPrefix(typ, "JSON") && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if strings.Contains(typ, "FixedString") {
		text = strings.TrimRight(text, "\x00")
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// timeCell goes by the column's type, which for a list names that of its elements.
func timeCell(t time.Time, typ string) any {
	if strings.Contains(typ, "Date") && !strings.Contains(typ, "DateTime") {
		return t.Format("2006-01-02")
	}
	return t.Format(time.RFC3339Nano)
}

// sizeOf is about how many bytes a row takes.
func sizeOf(row []any) int {
	size := 16 * len(row)
	for _, v := range row {
		switch x := v.(type) {
		case string:
			size += len(x)
		case json.RawMessage:
			size += len(x)
		case json.Number:
			size += len(x)
		case []any:
			size += sizeOf(x)
		case map[string]any:
			for k, y := range x {
				size += len(k) + sizeOf([]any{y})
			}
		}
	}
	return size
}
