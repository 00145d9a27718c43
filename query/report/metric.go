package report

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/tributary-events/tributary/query/define"
)

var metricPattern = regexp.MustCompile(`^([a-z_]+|p[1-9][0-9]?)\(([A-Za-z][A-Za-z0-9_]*)\)$`)

// metric is a compiled metric.
type metric struct {
	column Column
	sql    string // over the columns' values, in the outer SELECT
	// zero is what the metric is where there are no events: 0 for what counts or
	// adds up, otherwise null.
	zero any
	kind kind
}

// kind says how a result's column is read.
type kind uint8

const (
	kindString kind = iota
	kindInteger
	kindFloat
	kindBig // an integer of any size
	kindBool
	kindTime // milliseconds since 1970
)

func kindOf(t define.Type) kind {
	switch t {
	case define.Numeric:
		return kindFloat
	case define.Integer:
		return kindInteger
	case define.Boolean:
		return kindBool
	case define.Datetime:
		return kindTime
	default:
		return kindString
	}
}

// metric compiles one metric, nil if it is wrong.
func (e *env) metric(text, pointer string) *metric {
	if text == "count" {
		return &metric{Column{text, "integer", "Events"}, "count()", int64(0), kindInteger}
	}
	m := metricPattern.FindStringSubmatch(text)
	if m == nil {
		e.issues.Add(pointer, "metric", "%q is no metric: use count, or sum, avg, min, max, median, p50…p99, uniq, conversion or conversion_value with a name in brackets", clip(text))
		return nil
	}
	function, name := m[1], m[2]
	if function == "conversion" || function == "conversion_value" {
		return e.conversionMetric(text, function, name, pointer)
	}
	percentile := 0.0
	switch {
	case function == "median":
		percentile = 0.5
	case len(function) <= 3 && function[0] == 'p':
		if n, err := strconv.Atoi(function[1:]); err == nil {
			percentile = float64(n) / 100
		}
	}
	switch function {
	case "sum", "avg", "min", "max", "uniq":
	default:
		if percentile == 0 {
			e.issues.Add(pointer, "metric", "%q is no metric: there is count, sum, avg, min, max, median, p50…p99, uniq, conversion and conversion_value", clip(text))
			return nil
		}
	}
	c := e.use(name, pointer)
	if c == nil {
		return nil
	}
	numeric := c.typ == define.Numeric || c.typ == define.Integer
	ordered := numeric || c.typ == define.Datetime
	switch {
	case function == "uniq":
	case (function == "min" || function == "max") && ordered:
	case numeric:
	default:
		e.issues.Add(pointer, "type", "%s is of type %s: %s needs a number", name, c.typ, function)
		return nil
	}
	out := &metric{column: Column{text, "number", metricLabel(function, c.label)}, kind: kindFloat}
	suffix := ""
	value := c.value()
	if c.many() {
		suffix = "Array"
	}
	// Int64 would wrap around, and Float64 is exact only up to 2^53.
	cast := func(to string) string {
		if c.typ != define.Integer {
			return value
		}
		if c.many() {
			return "arrayMap(x -> " + to + "(x), " + value + ")"
		}
		return to + "(" + value + ")"
	}
	switch function {
	case "sum":
		out.sql, out.zero = "ifNull(sum"+suffix+"("+cast("toInt128")+"), 0)", int64(0)
		if c.typ == define.Integer {
			out.kind, out.column.Type = kindBig, "integer"
		}
	case "avg":
		out.sql = "avg" + suffix + "(" + cast("toFloat64") + ")"
	case "min", "max":
		out.sql = function + suffix + "(" + value + ")"
		out.kind, out.column.Type = kindOf(c.typ), string(c.typ)
	case "uniq":
		out.sql, out.zero = "uniqExact"+suffix+"("+value+")", int64(0)
		out.kind, out.column.Type = kindInteger, "integer"
	default:
		// Interpolated between the two nearest values, as spreadsheets do; exact.
		out.sql = "quantileExactInclusive" + suffix + "(" + strconv.FormatFloat(percentile, 'g', -1, 64) + ")(" + cast("toFloat64") + ")"
	}
	return out
}

func metricLabel(function, label string) string {
	words := map[string]string{
		"sum": "Sum of", "avg": "Average of", "min": "Smallest", "max": "Largest", "median": "Median of", "uniq": "Different",
	}
	if w, ok := words[function]; ok {
		return w + " " + label
	}
	return strings.TrimPrefix(function, "p") + "th percentile of " + label
}

// conversionMetric compiles conversion(name) and conversion_value(name).
func (e *env) conversionMetric(text, function, name, pointer string) *metric {
	c := e.catalog.Set.Conversions[name]
	if c == nil {
		e.issues.Add(pointer, "undefined", "%q is no conversion: define it first", clip(name))
		return nil
	}
	label := c.Label
	if label == "" {
		label = name
	}
	condition := e.conversion(c, pointer)
	if function == "conversion" {
		return &metric{Column{text, "integer", label}, "countIf(" + condition + ")", int64(0), kindInteger}
	}
	if c.ValueField == "" {
		e.issues.Add(pointer, "value_field", "the conversion %s has no value_field", name)
		return nil
	}
	v := e.use(c.ValueField, pointer)
	if v == nil {
		return nil
	}
	out := &metric{column: Column{text, "number", label + ", value"}, zero: int64(0), kind: kindFloat}
	suffix, value := "", v.value()
	if v.many() {
		suffix = "Array"
	}
	switch v.typ {
	case define.Numeric:
		out.sql = "ifNull(sum" + suffix + "If(" + value + ", " + condition + "), 0)"
	case define.Integer:
		value = "toInt128(" + value + ")"
		if v.many() {
			value = "arrayMap(x -> toInt128(x), " + v.value() + ")"
		}
		out.sql = "ifNull(sum" + suffix + "If(" + value + ", " + condition + "), 0)"
		out.kind, out.column.Type = kindBig, "integer"
	default:
		e.issues.Add(pointer, "type", "the value_field %s of the conversion %s is of type %s, not a number", v.name, name, v.typ)
		return nil
	}
	return out
}

// conversion compiles a conversion's condition over the columns' values. What is
// wrong with its filters is an issue of the place that uses it.
func (e *env) conversion(c *define.Conversion, pointer string) string {
	var inner define.Issues
	outer := e.issues
	e.issues = &inner
	condition := (&predicates{env: e}).all(c.Filters, "/filters")
	e.issues = outer
	if err := inner.Err(); err != nil {
		e.issues.Add(pointer, "conversion", "the conversion %s cannot be used: %s", c.Name, err)
	}
	if e.allIn(c.ConnectionIDs) {
		return condition
	}
	return "(cid IN " + e.bind(c.ConnectionIDs) + " AND " + condition + ")"
}

// sent says that the number is one that somebody sent, not a computed one.
func (m *metric) sent() bool {
	return strings.HasPrefix(m.column.Name, "min(") || strings.HasPrefix(m.column.Name, "max(")
}

// counts says that the engine's type of the result is unsigned.
func (m *metric) counts() bool { return m.kind == kindInteger && m.zero != nil }
