package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-events/tributary/query/define"
)

// predicates compiles filters to SQL conditions, which are never NULL.
type predicates struct {
	env   *env
	count int // conditions and groups so far
}

// all compiles filters that must all hold; "1" for none.
func (p *predicates) all(filters []define.Filter, pointer string) string {
	return p.group(filters, pointer, " AND ", "1", 0)
}

func (p *predicates) group(filters []define.Filter, pointer, operator, none string, depth int) string {
	if len(filters) == 0 {
		return none
	}
	parts := make([]string, 0, len(filters))
	for i := range filters {
		part := p.one(&filters[i], pointer+"/"+strconv.Itoa(i), depth)
		parts = append(parts, part)
		if p.count > maxFilters {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, operator) + ")"
}

func (p *predicates) one(f *define.Filter, pointer string, depth int) string {
	issues := p.env.issues
	if p.count++; p.count > maxFilters {
		if p.count == maxFilters+1 {
			issues.Add(pointer, "max", "is more than the %d conditions that a report takes", maxFilters)
		}
		return "0"
	}
	if depth > maxNesting {
		issues.Add(pointer, "max", "is nested more than %d deep", maxNesting)
		return "0"
	}
	forms := 0
	for _, given := range []bool{f.Field != "" || f.Op != "" || f.Values != nil, f.And != nil, f.Or != nil} {
		if given {
			forms++
		}
	}
	switch {
	case forms != 1:
		issues.Add(pointer, "filter", `must be either {"field", "op", "values"}, {"and": […]} or {"or": […]}`)
		return "0"
	case f.And != nil:
		if len(f.And) == 0 {
			issues.Add(pointer+"/and", "required", "must not be empty")
		}
		return p.group(f.And, pointer+"/and", " AND ", "0", depth+1)
	case f.Or != nil:
		if len(f.Or) == 0 {
			issues.Add(pointer+"/or", "required", "must not be empty")
		}
		return p.group(f.Or, pointer+"/or", " OR ", "0", depth+1)
	}
	c := p.env.use(f.Field, pointer+"/field")
	if c == nil {
		return "0"
	}
	if !c.many() {
		return p.condition(c, f, c.value(), pointer)
	}
	// One element is enough; the opposites hold if no element does otherwise.
	opposite := map[string]string{define.OpNe: define.OpEq, define.OpNotIn: define.OpIn, define.OpIsNotSet: define.OpIsSet}
	if op, ok := opposite[f.Op]; ok {
		turned := *f
		turned.Op = op
		return "NOT arrayExists(e -> " + p.condition(c, &turned, "e", pointer) + ", " + c.value() + ")"
	}
	return "arrayExists(e -> " + p.condition(c, f, "e", pointer) + ", " + c.value() + ")"
}

// condition compiles one condition on a single nullable value.
func (p *predicates) condition(c *column, f *define.Filter, value, pointer string) string {
	issues := p.env.issues
	atLeast, atMost := 1, maxValues
	switch f.Op {
	case define.OpIsSet, define.OpIsNotSet:
		atLeast, atMost = 0, 0
	case define.OpGt, define.OpGte, define.OpLt, define.OpLte:
		atMost = 1
	case define.OpBetween:
		atLeast, atMost = 2, 2
	case define.OpContains, define.OpStartsWith, define.OpMatches:
		atMost = 100
	case define.OpEq, define.OpNe, define.OpIn, define.OpNotIn:
	case "":
		issues.Add(pointer+"/op", "required", "must be given: eq, ne, in, not_in, gt, gte, lt, lte, between, contains, starts_with, matches, is_set or is_not_set")
		return "0"
	default:
		issues.Add(pointer+"/op", "operator", "%q is no operator: use eq, ne, in, not_in, gt, gte, lt, lte, between, contains, starts_with, matches, is_set or is_not_set", clip(f.Op))
		return "0"
	}
	if n := len(f.Values); n < atLeast || n > atMost {
		var message string
		switch {
		case atMost == 0:
			message = "must be left out with " + f.Op
		case atLeast == 2:
			message = "must be two: the lower and the upper one"
		case n == 0:
			message = "must hold at least one value"
		case atMost == 1:
			message = "must be one with " + f.Op
		default:
			message = "must be at most " + strconv.Itoa(atMost) + ", not " + strconv.Itoa(n)
		}
		issues.Add(pointer+"/values", "values", "%s", message)
		return "0"
	}
	switch f.Op {
	case define.OpIsSet:
		return "isNotNull(" + value + ")"
	case define.OpIsNotSet:
		return "isNull(" + value + ")"
	case define.OpContains, define.OpStartsWith, define.OpMatches:
		return p.textual(c, f, value, pointer)
	}
	values, ok := p.values(c, f, pointer)
	if !ok {
		return "0"
	}
	compare := func(operator string, i int) string {
		return "ifNull(" + value + " " + operator + " " + p.env.bind(at(values, i)) + ", 0)"
	}
	switch f.Op {
	case define.OpEq, define.OpIn:
		return p.anyOf(value, values)
	case define.OpNe, define.OpNotIn:
		return "NOT " + p.anyOf(value, values)
	}
	if c.typ == define.String || c.typ == define.Boolean {
		issues.Add(pointer+"/op", "type", "cannot be %s: %s is of type %s, which has no order", f.Op, c.name, c.typ)
		return "0"
	}
	switch f.Op {
	case define.OpGt:
		return compare(">", 0)
	case define.OpGte:
		return compare(">=", 0)
	case define.OpLt:
		return compare("<", 0)
	case define.OpLte:
		return compare("<=", 0)
	default:
		if above(values) {
			issues.Add(pointer+"/values", "range", "must be the lower value and then the upper one")
			return "0"
		}
		return "(" + compare(">=", 0) + " AND " + compare("<=", 1) + ")"
	}
}

// anyOf says whether the value is one of a list.
func (p *predicates) anyOf(value string, values any) string {
	if length(values) == 1 {
		return "ifNull(" + value + " = " + p.env.bind(at(values, 0)) + ", 0)"
	}
	return "ifNull(" + value + " IN " + p.env.bind(values) + ", 0)"
}

func (p *predicates) textual(c *column, f *define.Filter, value, pointer string) string {
	if c.typ != define.String {
		p.env.issues.Add(pointer+"/op", "type", "cannot be %s: %s is of type %s, and %[1]s is for strings", f.Op, c.name, c.typ)
		return "0"
	}
	parts := make([]string, 0, len(f.Values))
	for i, v := range f.Values {
		at := pointer + "/values/" + strconv.Itoa(i)
		switch {
		case v.Kind != define.StringScalar:
			p.env.issues.Add(at, "type", "must be a string")
			continue
		case len(v.Text) > maxText:
			p.env.issues.Add(at, "max", "must be at most %d bytes long", maxText)
			continue
		}
		text := p.fold(c, v.Text)
		switch f.Op {
		case define.OpContains:
			parts = append(parts, "ifNull(position("+value+", "+p.env.bind(text)+") > 0, 0)")
		case define.OpStartsWith:
			parts = append(parts, "ifNull(startsWith("+value+", "+p.env.bind(text)+"), 0)")
		default:
			if message := checkPattern(v.Text); message != "" {
				p.env.issues.Add(at, "pattern", "%s", message)
				continue
			}
			pattern := v.Text
			if c.name == "event_email" {
				pattern = "(?i)" + pattern
			}
			parts = append(parts, "ifNull(match("+value+", "+p.env.bind(pattern)+"), 0)")
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// checkPattern says what is wrong with a regular expression. ClickHouse's own
// (RE2) takes time linear in the text whatever the pattern, and Go's takes the
// same syntax and refuses those that would grow large.
func checkPattern(pattern string) string {
	if len(pattern) > maxPattern {
		return "must be at most " + strconv.Itoa(maxPattern) + " bytes long"
	}
	if strings.ContainsRune(pattern, 0) {
		return "must not contain NUL"
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return "is no regular expression (RE2 syntax): " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	return ""
}

// fold brings a filter's value into the form in which the column has its values.
func (p *predicates) fold(c *column, text string) string {
	if c.name == "event_email" {
		return strings.ToLower(text)
	}
	return text
}

// values returns the filter's values as a list of the column's type: []string,
// []float64, []int64; a boolean is 0 or 1.
func (p *predicates) values(c *column, f *define.Filter, pointer string) (any, bool) {
	var (
		texts  []string
		floats []float64
		ints   []int64
	)
	good := true
	for i, v := range f.Values {
		bad := func(message string) {
			p.env.issues.Add(pointer+"/values/"+strconv.Itoa(i), "type", "%s", message)
			good = false
		}
		if len(v.Text) > maxText {
			bad("is longer than " + strconv.Itoa(maxText) + " bytes")
			continue
		}
		switch c.typ {
		case define.Numeric:
			n, err := strconv.ParseFloat(v.Text, 64)
			if v.Kind == define.BoolScalar || err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
				bad("must be a number, as " + c.name + " is")
			}
			floats = append(floats, n)
		case define.Integer:
			n, ok := parseInteger(v)
			if !ok {
				bad("must be a whole number, as " + c.name + " is")
			}
			ints = append(ints, n)
		case define.Boolean:
			n, ok := parseBoolean(v.Text)
			if !ok {
				bad("must be true or false, as " + c.name + " is")
			}
			ints = append(ints, n)
		case define.Datetime:
			t, ok := time.Time{}, false
			if v.Kind == define.StringScalar {
				t, ok = parseTime(v.Text, p.env.loc, p.env.now)
			}
			if !ok {
				bad("must be a date or a date-time, as " + c.name + " is")
			}
			ints = append(ints, t.UnixMilli())
		default:
			// A string field takes numbers and booleans as their text.
			texts = append(texts, p.fold(c, v.Text))
		}
	}
	switch {
	case floats != nil:
		return floats, good
	case ints != nil:
		return ints, good
	default:
		return texts, good
	}
}

func parseInteger(v define.Scalar) (int64, bool) {
	if v.Kind == define.BoolScalar {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

func parseBoolean(text string) (int64, bool) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "on", "1":
		return 1, true
	case "false", "f", "no", "n", "off", "0":
		return 0, true
	}
	return 0, false
}

func length(values any) int {
	switch v := values.(type) {
	case []string:
		return len(v)
	case []float64:
		return len(v)
	case []int64:
		return len(v)
	}
	return 0
}

// at returns one of the values, as a parameter of its own.
func at(values any, i int) any {
	switch v := values.(type) {
	case []string:
		return v[i]
	case []float64:
		return v[i]
	case []int64:
		return v[i]
	}
	return nil
}

func above(values any) bool {
	switch v := values.(type) {
	case []float64:
		return v[0] > v[1]
	case []int64:
		return v[0] > v[1]
	}
	return false
}
