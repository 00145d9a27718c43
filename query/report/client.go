package report

import (
	"fmt"
	"strconv"
	"strings"
)

// ClientSQL returns a statement for an SQL client that gives the rows of the report
// over the analysts' view, with columns of the same names and of ClickHouse's own
// types. It stands by itself: parameters are literals and settings are part of it.
// Totals, fill and compare, which the report adds to its rows, are not in it.
func (p *Plan) ClientSQL(view string) string {
	e := p.env
	var inner, outer, groups []string
	if p.buckets.granularity != "" {
		inner = append(inner, p.buckets.sql(e)+" AS t")
		groups = append(groups, "t")
		bucket := "toDate32('1970-01-01') + t"
		if p.buckets.fine() {
			bucket = "fromUnixTimestamp64Milli(t, " + e.bind(p.buckets.loc.String()) + ")"
		}
		outer = append(outer, bucket+" AS `time`")
	}
	for _, c := range p.dims {
		outer = append(outer, shown(kindOf(c.typ), c.value())+" AS "+quoteName(c.name))
		groups = append(groups, c.value())
	}
	for _, m := range p.metrics {
		outer = append(outer, shown(m.kind, m.sql)+" AS "+quoteName(m.column.Name))
	}
	for _, c := range e.columns {
		inner = append(inner, e.expression(c)+" AS "+c.alias)
	}
	inner = append(inner, "connection_id AS cid")

	var b strings.Builder
	b.WriteString("SELECT\n  " + strings.Join(outer, ",\n  ") + "\nFROM ")
	b.WriteString(p.explode(e.events(view, inner, p.Range, p.where)))
	if p.having != "" {
		b.WriteString("\nWHERE " + p.having)
	}
	if len(groups) > 0 {
		b.WriteString("\nGROUP BY " + strings.Join(groups, ", "))
		var orders []string
		for _, o := range p.orders {
			// By its place: a name like "count" could be a column's too.
			text := strconv.Itoa(o.index + 1)
			if o.descending {
				text += " DESC"
			}
			orders = append(orders, text+" NULLS LAST")
		}
		if len(orders) > 0 {
			b.WriteString("\nORDER BY " + strings.Join(orders, ", "))
		}
		fmt.Fprintf(&b, "\nLIMIT %d", p.limit)
	}
	// The analyst's profile has the other settings of reports, and these may be
	// missing in a client's own server.
	b.WriteString("\nSETTINGS enable_extended_results_for_datetime_functions = 1, enable_unaligned_array_join = 1, " +
		"json_type_escape_dots_in_keys = 1, enable_positional_arguments = 1")
	return e.finish(b.String()).Text()
}

// shown turns milliseconds into a time that an SQL client shows as one.
func shown(k kind, expression string) string {
	if k == kindTime {
		return "fromUnixTimestamp64Milli(" + expression + ", 'UTC')"
	}
	return expression
}
