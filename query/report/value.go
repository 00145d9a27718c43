package report

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
)

// A cell of a result is nil, a string, a bool, an int64, a float64, or a
// json.Number for an integer of any size. Rounded is a float64 that was computed.
type Rounded float64

// MarshalJSON writes 15 significant digits: the last ones of a sum depend on the
// order of adding, so that the same question would have two answers, and 0.1 + 0.2
// would show that it was not computed in decimals.
func (r Rounded) MarshalJSON() ([]byte, error) { return []byte(r.String()), nil }

// String returns the number as JSON has it.
func (r Rounded) String() string {
	f := float64(r)
	if f == math.Trunc(f) && math.Abs(f) < 1e18 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	f, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64)
	if err != nil {
		f = float64(r)
	}
	return formatFloat(f)
}

// formatFloat writes a finite number as JSON has it, in the fewest digits.
func formatFloat(f float64) string {
	data, err := json.Marshal(f)
	if err != nil {
		return "null"
	}
	return string(data)
}

// cell reads one value of a kind from ClickHouse's driver.
type cell struct {
	kind kind
	// rounded: the number was computed, not sent by anybody.
	rounded bool
	text    *string
	integer *int64
	counted *uint64
	float   *float64
	boolean *bool
	big     *big.Int
}

// target returns what to scan into. count says that the column is unsigned.
func (c *cell) target(count bool) any {
	switch {
	case c.kind == kindString:
		return &c.text
	case c.kind == kindBig:
		return &c.big
	case c.kind == kindFloat:
		return &c.float
	case c.kind == kindBool:
		return &c.boolean
	case count:
		return &c.counted
	default:
		return &c.integer
	}
}

// value returns what was scanned as a cell of the result.
func (c *cell) value() any {
	switch {
	case c.kind == kindString && c.text != nil:
		return *c.text
	case c.kind == kindBig && c.big != nil:
		return json.Number(c.big.String())
	case c.kind == kindFloat && c.float != nil:
		f := *c.float
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0): // too large a sum
			return nil
		case c.rounded:
			return Rounded(f)
		}
		return f
	case c.kind == kindBool && c.boolean != nil:
		return *c.boolean
	case c.kind == kindTime && c.integer != nil:
		return time.UnixMilli(*c.integer).UTC().Format("2006-01-02T15:04:05.000Z")
	case c.kind == kindInteger && c.counted != nil:
		return int64(*c.counted)
	case c.kind == kindInteger && c.integer != nil:
		return *c.integer
	}
	return nil
}

// compareCells compares two cells of one column; nulls come last in both directions.
func compareCells(a, b any, descending bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	sign := 1
	if descending {
		sign = -1
	}
	if x, ok := a.(string); ok {
		y, _ := b.(string)
		switch {
		case x < y:
			return -sign
		case x > y:
			return sign
		}
		return 0
	}
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			switch {
			case x < y:
				return -sign
			case x > y:
				return sign
			}
			return 0
		}
	}
	x, y := number(a), number(b)
	switch {
	case x < y:
		return -sign
	case x > y:
		return sign
	}
	return 0
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}

func number(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	case Rounded:
		return float64(n)
	case json.Number:
		f, err := n.Float64()
		if err != nil {
			return 0
		}
		return f
	case bool:
		if n {
			return 1
		}
	}
	return 0
}
