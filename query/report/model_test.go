package report_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

// This is what reports mean, in plain Go and without any of the code under test.

type modelEvent struct {
	connection        uuid.UUID
	id, email         string
	timestamp         time.Time
	received          time.Time
	payload           map[string]any // decoded with json.Number
	connectionDetails report.Connection
}

type model struct {
	set         *define.Set
	connections []report.Connection
	events      []modelEvent // every copy
}

// newest keeps the copy of each event that was received last.
func (m *model) newest() []modelEvent {
	best := map[string]modelEvent{}
	for _, e := range m.events {
		k := e.connection.String() + "/" + e.id
		if old, ok := best[k]; !ok || e.received.After(old.received) {
			best[k] = e
		}
	}
	var out []modelEvent
	for _, e := range best {
		for _, c := range m.connections {
			if c.ID == e.connection {
				e.connectionDetails = c
				out = append(out, e)
			}
		}
	}
	return out
}

// fieldValues returns the values of a field in an event: one, or those of an array.
func (m *model) fieldValues(e *modelEvent, name string) (values []any, array bool, typ define.Type) {
	one := func(v any, t define.Type) ([]any, bool, define.Type) { return []any{v}, false, t }
	switch name {
	case "event_id":
		return one(e.id, define.String)
	case "event_email":
		if e.email == "" {
			return one(nil, define.String)
		}
		return one(strings.ToLower(e.email), define.String)
	case "event_timestamp":
		return one(e.timestamp, define.Datetime)
	case "connection":
		return one(e.connectionDetails.Name, define.String)
	case "event_source":
		return one(e.connectionDetails.EventSource, define.String)
	}
	f := m.set.Fields[name]
	typ = f.Type.Element()
	isList := typ != f.Type
	applies := f.AppliesTo(e.connection)
	head, tail, inArray := strings.Cut(f.Path, "[].")
	if !isList && !inArray {
		var v any = e.payload
		for _, key := range strings.Split(f.Path, ".") {
			object, ok := v.(map[string]any)
			if !ok {
				v = nil
				break
			}
			v = object[key]
		}
		if !applies {
			v = nil
		}
		return one(typedOf(typ, textOf(v)), typ)
	}
	list, _ := e.payload[head].([]any)
	for _, v := range list {
		if inArray {
			object, _ := v.(map[string]any)
			v = object[tail]
		}
		if !applies {
			v = nil
		}
		values = append(values, typedOf(typ, textOf(v)))
	}
	return values, true, typ
}

func (m *model) group(name string) string {
	f := m.set.Fields[name]
	if f == nil {
		return ""
	}
	head, _, inArray := strings.Cut(f.Path, "[].")
	if inArray || f.Type.Element() != f.Type {
		return head
	}
	return ""
}

// row is an event, or an element of its exploded arrays.
type modelRow struct {
	event   *modelEvent
	element map[string]int // by group; -1 = the array is empty
}

// values returns what a row has of a field, and whether that is an array.
func (m *model) values(r *modelRow, name string) ([]any, bool, define.Type) {
	values, array, typ := m.fieldValues(r.event, name)
	if !array {
		return values, false, typ
	}
	if i, exploded := r.element[m.group(name)]; exploded {
		if i < 0 || i >= len(values) {
			return []any{nil}, false, typ
		}
		return values[i : i+1], false, typ
	}
	return values, true, typ
}

func compareValues(a, b any) int {
	switch x := a.(type) {
	case float64:
		return cmp.Compare(x, b.(float64))
	case int64:
		return cmp.Compare(x, b.(int64))
	case string:
		return strings.Compare(x, b.(string))
	case time.Time:
		return x.Compare(b.(time.Time))
	case bool:
		n := map[bool]int{true: 1}
		return cmp.Compare(n[x], n[b.(bool)])
	}
	panic(fmt.Sprintf("no order of %T", a))
}

func (m *model) holds(r *modelRow, f define.Filter) bool {
	if f.And != nil {
		return !slices.ContainsFunc(f.And, func(g define.Filter) bool { return !m.holds(r, g) })
	}
	if f.Or != nil {
		return slices.ContainsFunc(f.Or, func(g define.Filter) bool { return m.holds(r, g) })
	}
	opposite := map[string]string{define.OpNe: define.OpEq, define.OpNotIn: define.OpIn, define.OpIsNotSet: define.OpIsSet}
	if op, ok := opposite[f.Op]; ok {
		f.Op = op
		return !m.holds(r, f)
	}
	values, _, typ := m.values(r, f.Field)
	return slices.ContainsFunc(values, func(v any) bool { return v != nil && matchesValue(v, typ, f) })
}

func matchesValue(v any, typ define.Type, f define.Filter) bool {
	wanted := make([]any, len(f.Values))
	for i, w := range f.Values {
		wanted[i] = typedOf(typ, w.Text)
		if f.Field == "event_email" {
			wanted[i] = strings.ToLower(w.Text)
		}
	}
	text, _ := v.(string)
	switch f.Op {
	case define.OpIsSet:
		return true
	case define.OpEq, define.OpIn:
		return slices.ContainsFunc(wanted, func(w any) bool { return compareValues(v, w) == 0 })
	case define.OpGt:
		return compareValues(v, wanted[0]) > 0
	case define.OpGte:
		return compareValues(v, wanted[0]) >= 0
	case define.OpLt:
		return compareValues(v, wanted[0]) < 0
	case define.OpLte:
		return compareValues(v, wanted[0]) <= 0
	case define.OpBetween:
		return compareValues(v, wanted[0]) >= 0 && compareValues(v, wanted[1]) <= 0
	case define.OpContains:
		return slices.ContainsFunc(wanted, func(w any) bool { return strings.Contains(text, w.(string)) })
	case define.OpStartsWith:
		return slices.ContainsFunc(wanted, func(w any) bool { return strings.HasPrefix(text, w.(string)) })
	case define.OpMatches:
		return slices.ContainsFunc(f.Values, func(w define.Scalar) bool { return regexp.MustCompile(w.Text).MatchString(text) })
	}
	panic("no operator " + f.Op)
}

func (m *model) converted(r *modelRow, name string) bool {
	c := m.set.Conversions[name]
	if len(c.ConnectionIDs) > 0 && !slices.Contains(c.ConnectionIDs, r.event.connection) {
		return false
	}
	return m.holds(r, define.Filter{And: append([]define.Filter{}, c.Filters...)}) || len(c.Filters) == 0
}

// bucket returns the name of a time's bucket and a key to sort by.
func bucket(t time.Time, granularity string, loc *time.Location) (string, int64) {
	t = t.In(loc)
	y, mo, d := t.Date()
	switch granularity {
	case "minute", "hour":
		t = t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		if granularity == "hour" {
			t = t.Add(-time.Duration(t.Minute()) * time.Minute)
		}
		return t.Format(time.RFC3339), t.UnixMilli()
	case "week":
		for day := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC); ; day = day.AddDate(0, 0, -1) {
			if day.Weekday() == time.Monday {
				return day.Format("2006-01-02"), day.Unix()
			}
		}
	case "month":
		d = 1
	case "quarter":
		mo, d = (mo-1)/3*3+1, 1
	case "year":
		mo, d = 1, 1
	}
	day := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	return day.Format("2006-01-02"), day.Unix()
}

// answer is a report's rows and totals, from, to and the location already resolved.
func (m *model) answer(r report.Request, from, to time.Time, loc *time.Location) (rows [][]any, totals []any) {
	exploded := map[string]bool{}
	for _, d := range r.Dimensions {
		if g := m.group(d); g != "" {
			exploded[g] = true
		}
	}
	var all []*modelRow
	events := m.newest()
	for i := range events {
		e := &events[i]
		if len(r.Connections) > 0 && !slices.Contains(r.Connections, e.connection.String()) {
			continue
		}
		if (!from.IsZero() && e.timestamp.Before(from)) || (!to.IsZero() && !e.timestamp.Before(to)) {
			continue
		}
		parts := []*modelRow{{event: e, element: map[string]int{}}}
		for g := range exploded {
			list, _ := e.payload[g].([]any)
			var next []*modelRow
			for _, part := range parts {
				for j := range max(len(list), 1) {
					if len(list) == 0 {
						j = -1
					}
					element := map[string]int{g: j}
					for k, v := range part.element {
						element[k] = v
					}
					next = append(next, &modelRow{e, element})
				}
			}
			parts = next
		}
		for _, part := range parts {
			if !slices.ContainsFunc(r.Filters, func(f define.Filter) bool { return !m.holds(part, f) }) {
				all = append(all, part)
			}
		}
	}
	type key struct {
		sort  int64
		cells []any
		rows  []*modelRow
	}
	groups := map[string]*key{}
	for _, row := range all {
		k := &key{}
		if r.Time.Granularity != "" {
			name, sort := bucket(row.event.timestamp, r.Time.Granularity, loc)
			k.sort = sort
			k.cells = append(k.cells, name)
		}
		for _, d := range r.Dimensions {
			values, _, _ := m.values(row, d)
			k.cells = append(k.cells, shown(values[0]))
		}
		id := fmt.Sprintf("%#v", k.cells)
		if groups[id] == nil {
			groups[id] = k
		}
		groups[id].rows = append(groups[id].rows, row)
	}
	width := len(r.Dimensions)
	if r.Time.Granularity != "" {
		width++
	}
	for range width {
		totals = append(totals, nil)
	}
	for _, metric := range r.Metrics {
		totals = append(totals, m.metric(all, metric))
	}
	if width == 0 {
		return [][]any{totals}, totals
	}
	var sorted []*key
	for _, k := range groups {
		for _, metric := range r.Metrics {
			k.cells = append(k.cells, m.metric(k.rows, metric))
		}
		sorted = append(sorted, k)
	}
	names := append([]string{}, r.Dimensions...)
	if r.Time.Granularity != "" {
		names = append([]string{"time"}, names...)
	}
	names = append(names, r.Metrics...)
	order := slices.Clone(r.Order)
	if len(order) == 0 && r.Time.Granularity == "" {
		order = append(order, report.Order{By: r.Metrics[0], Dir: "desc"})
	}
	for _, name := range names[:width] {
		order = append(order, report.Order{By: name})
	}
	slices.SortFunc(sorted, func(a, b *key) int {
		for _, o := range order {
			i := slices.Index(names, o.By)
			var c int
			switch x, y := a.cells[i], b.cells[i]; {
			case o.By == "time":
				c = cmp.Compare(a.sort, b.sort)
			case x == nil && y == nil:
			case x == nil:
				return 1
			case y == nil:
				return -1
			default:
				c = compareCells(x, y)
			}
			if o.Dir == "desc" {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	for _, k := range sorted {
		rows = append(rows, k.cells)
	}
	return rows, totals
}

func compareCells(a, b any) int {
	number := func(v any) float64 {
		switch x := v.(type) {
		case int:
			return float64(x)
		case report.Rounded:
			return float64(x)
		}
		return asFloat(v)
	}
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case bool:
		return compareValues(a, b)
	default:
		return cmp.Compare(number(a), number(b))
	}
}
