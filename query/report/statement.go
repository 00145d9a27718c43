package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// bucketSQL is the key of the bucket that an event lies in; see buckets.
func (b buckets) sql(e *env) string {
	zone := e.bind(b.loc.String())
	local := "toTimeZone(event_timestamp, " + zone + ")"
	if b.fine() {
		size := "60000"
		if b.granularity == Hour {
			size = "3600000"
		}
		// Not toStartOfHour: in the night when clocks go back by half an hour, and
		// before 1970, that is not the local hour.
		ms := "toUnixTimestamp64Milli(event_timestamp)"
		return ms + " - positiveModulo(" + ms + " + timezoneOffset(" + local + ") * 1000, " + size + ")"
	}
	date := "toDate32(" + local + ")"
	switch b.granularity {
	case Week:
		date = "toMonday(" + date + ")"
	case Month:
		date = "toStartOfMonth(" + date + ")"
	case Quarter:
		date = "toStartOfQuarter(" + date + ")"
	case Year:
		date = "toStartOfYear(" + date + ")"
	}
	return "toInt64(toInt32(" + date + "))"
}

// Statement returns the report's SQL. Its rows are the totals first
// (g = 1), then the groups. Columns: t, d0…, m0…, then g, n (events, or elements of
// exploded arrays) and x0… (misfits of the fields that Misfits names).
//
// limit is how many rows are wanted at most, 0 = no limit; one more is asked for, so
// that the reader sees whether there would have been more.
func (p *Plan) Statement(limit int) Query {
	e := p.env
	var inner, outer, groups []string
	if p.buckets.granularity != "" {
		inner = append(inner, p.buckets.sql(e)+" AS t")
		outer, groups = append(outer, "t"), append(groups, "t")
	}
	for i, c := range p.dims {
		outer = append(outer, c.value()+" AS d"+strconv.Itoa(i))
		groups = append(groups, c.value())
	}
	for i, m := range p.metrics {
		outer = append(outer, m.sql+" AS m"+strconv.Itoa(i))
	}
	total := "1"
	if len(groups) > 0 {
		total = "toUInt8(grouping(" + strings.Join(groups, ", ") + ") != 0)"
	}
	outer = append(outer, total+" AS g", "count() AS n")
	for _, c := range e.columns {
		inner = append(inner, e.expression(c)+" AS "+c.alias)
	}
	for i, c := range p.misfits() {
		n := strconv.Itoa(i)
		inner = append(inner, e.scoped(c.scope, "toUInt8("+c.unfit()+")", "0")+" AS y"+n)
		outer = append(outer, "sum(y"+n+") AS x"+n)
	}
	inner = append(inner, "connection_id AS cid")

	var b strings.Builder
	b.WriteString("SELECT\n  " + strings.Join(outer, ",\n  ") + "\nFROM ")
	b.WriteString(p.explode(e.events(once, inner, p.Range, p.where)))
	if p.having != "" {
		b.WriteString("\nWHERE " + p.having)
	}
	if len(groups) > 0 {
		b.WriteString("\nGROUP BY GROUPING SETS ((" + strings.Join(groups, ", ") + "), ())")
		b.WriteString("\nORDER BY g DESC")
		for _, o := range p.orders {
			b.WriteString(", " + p.outputName(o.index))
			if o.descending {
				b.WriteString(" DESC")
			}
			b.WriteString(" NULLS LAST")
		}
		if limit > 0 {
			fmt.Fprintf(&b, "\nLIMIT %d", limit+2) // the totals, and one more than wanted
		}
	}
	return e.finish(b.String())
}

// once is the table of events, each once: its copy received last.
const once = "events FINAL"

// events is the subquery that everything else reads: one row for each event.
func (e *env) events(from string, columns []string, r Range, where string) string {
	ids := make([]uuid.UUID, len(e.connections))
	for i, c := range e.connections {
		ids[i] = c.ID
	}
	conditions := []string{"connection_id IN " + e.bind(ids)}
	if len(ids) == 0 {
		conditions[0] = "0"
	}
	if !r.Start.IsZero() {
		conditions = append(conditions, "event_timestamp >= fromUnixTimestamp64Milli("+e.bind(r.Start.UnixMilli())+", 'UTC')")
	}
	if !r.End.IsZero() {
		conditions = append(conditions, "event_timestamp < fromUnixTimestamp64Milli("+e.bind(r.End.UnixMilli())+", 'UTC')")
	}
	if where != "" {
		conditions = append(conditions, where)
	}
	return "(\n  SELECT\n    " + strings.Join(columns, ",\n    ") + "\n  FROM " + from + "\n  WHERE " + strings.Join(conditions, "\n    AND ") + "\n)"
}

// explode makes a row of each element of the exploded arrays. The fields of one
// array go together; two arrays give every combination.
func (p *Plan) explode(from string) string {
	star := "*" // has no elements in it
	for i, group := range p.env.exploded {
		var joined []string
		for _, c := range p.env.columns {
			if c.exploded && c.group == group {
				joined = append(joined, c.alias+" AS "+c.element)
			}
		}
		if len(joined) == 0 {
			continue
		}
		if i > 0 {
			from = "(SELECT " + star + " FROM " + from + ")"
			star = "*"
		}
		from += "\nLEFT ARRAY JOIN " + strings.Join(joined, ", ")
		for _, c := range p.env.columns {
			if c.exploded && c.group == group {
				star += ", " + c.element
			}
		}
	}
	return from
}

// misfits are the columns whose values may not fit.
func (p *Plan) misfits() []*column {
	var out []*column
	for _, c := range p.env.columns {
		if c.unfit() != "" {
			out = append(out, c)
		}
	}
	return out
}

// outputName is the name of a result's column in SQL.
func (p *Plan) outputName(index int) string {
	if p.buckets.granularity != "" {
		if index == 0 {
			return "t"
		}
		index--
	}
	if index < len(p.dims) {
		return "d" + strconv.Itoa(index)
	}
	return "m" + strconv.Itoa(index-len(p.dims))
}
