package report_test

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

// textOf is the text of a single JSON value, nil for anything else.
func textOf(v any) any {
	switch x := v.(type) {
	case string:
		return x
	case json.Number:
		f, err := x.Float64()
		if err != nil {
			return nil
		}
		if _, err := x.Int64(); err == nil {
			return x.String()
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	return nil
}

var modelNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)

func numberOf(text string) (float64, bool) {
	if !modelNumber.MatchString(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f + 0, err == nil && !math.IsInf(f, 0)
}

// typedOf is the value that a text stands for, nil if it does not fit.
func typedOf(t define.Type, text any) any {
	s, ok := text.(string)
	if !ok {
		return nil
	}
	switch t {
	case define.Numeric:
		if f, ok := numberOf(s); ok {
			return f
		}
		return nil
	case define.Integer:
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if f, ok := numberOf(s); ok && f == math.Trunc(f) && math.Abs(f) < 1<<62 {
			return int64(f)
		}
		return nil
	case define.Boolean:
		switch strings.ToLower(s) {
		case "true", "t", "yes", "y", "on", "1":
			return true
		case "false", "f", "no", "n", "off", "0":
			return false
		}
		return nil
	case define.Datetime:
		for _, layout := range []string{"2006-01-02", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05"} {
			if d, err := time.Parse(layout, s); err == nil && d.Year() >= 1900 && d.Year() < 2300 {
				return d.Truncate(time.Millisecond).UTC()
			}
		}
		return nil
	}
	return s
}

// metric computes a metric over rows, as a cell of the answer.
func (m *model) metric(rows []*modelRow, metric string) any {
	if metric == "count" {
		return len(rows)
	}
	function, name, _ := strings.Cut(strings.TrimSuffix(metric, ")"), "(")
	if function == "conversion" {
		n := 0
		for _, r := range rows {
			if m.converted(r, name) {
				n++
			}
		}
		return n
	}
	field := name
	if function == "conversion_value" {
		field = m.set.Conversions[name].ValueField
	}
	var values []any
	for _, r := range rows {
		vs, _, _ := m.values(r, field)
		if function == "conversion_value" && !m.converted(r, name) {
			continue
		}
		for _, v := range vs {
			if v != nil {
				values = append(values, v)
			}
		}
	}
	switch function {
	case "uniq":
		seen := map[any]bool{}
		for _, v := range values {
			seen[v] = true
		}
		return len(seen)
	case "sum", "conversion_value":
		sum := 0.0
		for _, v := range values {
			sum += asFloat(v)
		}
		return sum
	}
	if len(values) == 0 {
		return nil
	}
	slices.SortFunc(values, compareValues)
	switch function {
	case "min":
		return shown(values[0])
	case "max":
		return shown(values[len(values)-1])
	case "avg":
		sum := 0.0
		for _, v := range values {
			sum += asFloat(v)
		}
		return report.Rounded(sum / float64(len(values)))
	}
	p := 0.5
	if function != "median" {
		n, err := strconv.Atoi(function[1:])
		if err != nil {
			panic(err)
		}
		p = float64(n) / 100
	}
	at := p * float64(len(values)-1)
	low := int(at)
	v := asFloat(values[low])
	if low+1 < len(values) {
		v += (at - float64(low)) * (asFloat(values[low+1]) - v)
	}
	return report.Rounded(v)
}

func asFloat(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	}
	panic(fmt.Sprintf("%T is no number", v))
}

// shown is a value as the answer has it.
func shown(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return v
}
