package export

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// valueOf makes a Parquet value of one of a report: nil, string, bool, int64, float64,
// json.Number, or something that JSON can say.
func valueOf(kind string, v any) parquet.Value {
	switch kind {
	case "integer":
		switch x := v.(type) {
		case int64:
			return parquet.Int64Value(x)
		case json.Number:
			if n, err := x.Int64(); err == nil {
				return parquet.Int64Value(n)
			}
		case float64:
			if n := int64(x); float64(n) == x {
				return parquet.Int64Value(n)
			}
		}
		return parquet.NullValue()
	case "number":
		switch x := v.(type) {
		case int64:
			return parquet.DoubleValue(float64(x))
		case float64:
			return parquet.DoubleValue(x)
		case json.Number:
			if f, err := x.Float64(); err == nil {
				return parquet.DoubleValue(f)
			}
		}
		return parquet.NullValue()
	case "boolean":
		if x, ok := v.(bool); ok {
			return parquet.BooleanValue(x)
		}
		return parquet.NullValue()
	}
	return textValue(v)
}

func textValue(v any) parquet.Value {
	switch x := v.(type) {
	case nil:
		return parquet.NullValue()
	case string:
		return parquet.ByteArrayValue([]byte(strings.ToValidUTF8(x, string(utf8.RuneError))))
	case json.Number:
		return parquet.ByteArrayValue([]byte(x.String()))
	case int64:
		return parquet.ByteArrayValue(strconv.AppendInt(nil, x, 10))
	}
	data, err := json.Marshal(v)
	if err != nil {
		return parquet.NullValue()
	}
	var text string
	if json.Unmarshal(data, &text) == nil { // a text that is not of type string
		return parquet.ByteArrayValue([]byte(text))
	}
	return parquet.ByteArrayValue(data)
}
