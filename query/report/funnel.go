package report

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/query/define"
)

// FunnelRequest is the body of POST /api/v1/reports/funnel.
type FunnelRequest struct {
	// Steps are conversions in the order in which people are to reach them.
	Steps []string `json:"steps"`
	// Window is how long after the first step the last may come: "30min", "24h",
	// "7d". Absent = 30 days.
	Window string `json:"window,omitempty"`
	// Dimension is a field that splits the people by its value in their first step.
	Dimension   string          `json:"dimension,omitempty"`
	Time        Time            `json:"time,omitzero"`
	Filters     []define.Filter `json:"filters,omitempty"`
	Connections []string        `json:"connections,omitempty"`
	// Limit is how many values of the dimension are wanted: those with the most people.
	Limit *int `json:"limit,omitempty"`

	Unknown map[string]jsontext.Value `json:",embed"`
}

// FunnelPlan is a compiled funnel.
//
// A person is an e-mail address regardless of case; events without one are left
// out. Each person's events are put in order: by time, those of the same millisecond
// by the first step that they are of, then by their id. A chain is a series of
// different events in this order, of step 1, 2, 3 and so on, all within the window
// from the first. A person has reached the deepest step of any chain. Times between
// steps are those of the chain that got there first, and of several such of the one
// that began last.
type FunnelPlan struct {
	Range   Range
	Columns []Column

	env    *env
	steps  []*define.Conversion
	conds  []string
	window time.Duration
	dim    *column
	where  string
	limit  int
}

const (
	minSteps     = 2
	maxSteps     = 10
	maxWindow    = 366 * 24 * time.Hour
	funnelGroups = 1000
)

var windowPattern = regexp.MustCompile(`^(\d{1,6})(s|min|h|d|w)$`)

// DecodeFunnel is Decode for a funnel.
func DecodeFunnel(data []byte) (FunnelRequest, error) {
	var r FunnelRequest
	err := Decode(data, &r, &r.Unknown)
	return r, err
}

// CompileFunnel checks a request and compiles it; see Compile.
func CompileFunnel(request FunnelRequest, catalog Catalog, now time.Time) (*FunnelPlan, error) {
	issues := &define.Issues{}
	if request.Time.Granularity != "" {
		issues.Add("/time/granularity", "funnel", "has no meaning in a funnel")
		request.Time.Granularity = ""
	}
	r, loc := request.Time.resolve(now, issues)
	e := &env{catalog: &catalog, now: now, loc: loc, issues: issues, connections: slices.Clone(catalog.Connections)}
	f := &FunnelPlan{Range: r, env: e, window: parseWindow(request.Window, issues), limit: 100}
	plan := &Plan{env: e, request: &Request{Connections: request.Connections, Filters: request.Filters}}
	plan.chooseConnections()
	places := plan.narrow()
	if n := len(request.Steps); n < minSteps || n > maxSteps {
		issues.Add("/steps", "max", "must be %d to %d conversions", minSteps, maxSteps)
	}
	for i, name := range request.Steps[:min(len(request.Steps), maxSteps)] {
		pointer := "/steps/" + strconv.Itoa(i)
		c := catalog.Set.Conversions[name]
		if c == nil {
			issues.Add(pointer, "undefined", "%q is no conversion: define it first", clip(name))
			continue
		}
		f.steps = append(f.steps, c)
		f.conds = append(f.conds, e.conversion(c, pointer))
	}
	if request.Dimension != "" {
		f.dim = e.use(request.Dimension, "/dimension")
		if f.dim != nil && f.dim.array {
			issues.Add("/dimension", "type", "must not be a list: %s has several values an event", f.dim.name)
		}
	}
	plan.filters(places)
	f.where = plan.where
	if l := request.Limit; l != nil {
		if *l < 1 || *l > funnelGroups {
			issues.Add("/limit", "range", "must be between 1 and %d", funnelGroups)
		}
		f.limit = *l
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if f.dim != nil {
		f.Columns = append(f.Columns, Column{f.dim.name, string(f.dim.typ), f.dim.label})
	}
	f.Columns = append(f.Columns,
		Column{"step", "integer", "Step"}, Column{"conversion", "string", "Conversion"}, Column{"people", "integer", "People"},
		Column{"rate", "number", "Of those who began"}, Column{"step_rate", "number", "Of the step before"},
		Column{"median_seconds", "number", "Median time from the step before, in seconds"})
	return f, nil
}

func parseWindow(text string, issues *define.Issues) time.Duration {
	if text == "" {
		return 30 * 24 * time.Hour
	}
	m := windowPattern.FindStringSubmatch(text)
	if m == nil {
		issues.Add("/window", "duration", "%q is no duration: use 30min, 24h, 7d or 2w", clip(text))
		return 0
	}
	n, err := strconv.Atoi(m[1])
	unit := map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
	if err != nil || n < 1 || time.Duration(n) > maxWindow/unit {
		issues.Add("/window", "range", "must be between 1s and 366d")
		return 0
	}
	return time.Duration(n) * unit
}

// Statement returns the funnel's SQL: one row for each value of the
// dimension, the totals first (g = 1). Columns: d (with a dimension), g, reached
// (people by their deepest step, from step 1), medians (milliseconds to each step
// from the one before, from step 2) and n.
func (f *FunnelPlan) Statement() Query {
	e := f.env
	k := len(f.steps)
	inner := []string{"lowerUTF8(event_email) AS person", "toUnixTimestamp64Milli(event_timestamp) AS ts", "event_id AS id", "connection_id AS cid"}
	for _, c := range e.columns {
		inner = append(inner, e.expression(c)+" AS "+c.alias)
	}
	var mask []string
	for i, c := range f.conds {
		mask = append(mask, fmt.Sprintf("bitShiftLeft(toUInt16(%s), %d)", c, i))
	}
	where := "event_email != ''"
	if f.where != "" {
		where += "\n    AND " + f.where
	}
	events := e.events(once, inner, f.Range, where)
	dim, dimOut, group, grouping := "''", "", "", "1"
	if f.dim != nil {
		dim, dimOut = f.dim.alias, "  d,\n"
		group, grouping = "\nGROUP BY GROUPING SETS ((d), ())\nORDER BY g DESC, n DESC, d NULLS LAST", "toUInt8(grouping(d) != 0)"
		group += fmt.Sprintf("\nLIMIT %d", f.limit+2)
	}
	var reached, medians []string
	for i := 1; i <= k; i++ {
		reached = append(reached, fmt.Sprintf("countIf(depth >= %d)", i))
	}
	for i := 2; i <= k; i++ {
		medians = append(medians, fmt.Sprintf("quantileExactInclusiveIf(0.5)(toFloat64(best[%d] - best[%d]), depth >= %d)", i, i-1, i))
	}
	// chains[i] is the chain that reaches step i and began last; of two the later one
	// has more of its window left, so no other can get further. best is the first
	// chain that reached the deepest step so far.
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT\n%s  %s AS g,\n  [%s] AS reached,\n  [%s] AS medians,\n  count() AS n\nFROM (\n",
		dimOut, grouping, strings.Join(reached, ", "), strings.Join(medians, ", "))
	b.WriteString("  SELECT\n    arraySort(groupArray((ts, first, id, mask, dim))) AS steps,\n")
	b.WriteString("    arrayFold((acc, s) -> arrayMap(next -> (next, if(length(acc.2) < " + strconv.Itoa(k) +
		" AND notEmpty(next[length(acc.2) + 1]), next[length(acc.2) + 1], acc.2)),\n" +
		"      [arrayMap((chain, i) -> multiIf(NOT bitTest(s.4, i), chain, i = 0, [s.1],\n" +
		"        notEmpty(acc.1[i]) AND s.1 - acc.1[i][1] <= " + e.bind(f.window.Milliseconds()) + ", arrayPushBack(acc.1[i], s.1), chain), acc.1, range(" + strconv.Itoa(k) + "))])[1],\n" +
		"      steps, (arrayResize(CAST([], 'Array(Array(Int64))'), " + strconv.Itoa(k) + "), CAST([], 'Array(Int64)'))).2 AS best,\n")
	b.WriteString("    length(best) AS depth,\n    arrayFirst(s -> s.1 = best[1] AND bitTest(s.4, 0), steps).5 AS d\n")
	b.WriteString("  FROM (\n    SELECT person, ts, id, " + dim + " AS dim,\n      " + strings.Join(mask, " + ") + " AS mask,\n" +
		"      toUInt8(arrayFirstIndex(i -> bitTest(mask, i), range(" + strconv.Itoa(k) + "))) AS first\n    FROM ")
	b.WriteString(events)
	b.WriteString("\n    WHERE mask != 0\n  )\n  GROUP BY person\n  HAVING depth > 0\n)" + group)
	return e.finish(b.String())
}

// RunFunnel answers a funnel; see Run. Rows: for each value of the dimension, its
// steps in order. Totals has the people who began and those who reached the end.
func (r *Runner) RunFunnel(ctx context.Context, f *FunnelPlan) (result *Result, err error) {
	started := time.Now()
	asOf := r.asOf()
	rows, cancel, err := r.query(ctx, f.Statement())
	if err != nil {
		return nil, err
	}
	defer cancel()
	defer func() { _ = rows.Close() }() // Err below tells what matters
	result = &Result{Columns: f.Columns, Rows: [][]any{}, Meta: Meta{
		AsOf: asOf, Misfits: map[string]int64{}, From: instant(f.Range.Start), To: instant(f.Range.End),
	}}
	var (
		d       cell
		total   uint8
		reached []uint64
		medians []float64
		n       uint64
		groups  int
	)
	targets := []any{&total, &reached, &medians, &n}
	if f.dim != nil {
		d.kind = kindOf(f.dim.typ)
		targets = append([]any{d.target(false)}, targets...)
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("read funnel: %w", err)
		}
		if total == 1 {
			result.Totals = f.totals(reached)
			result.Meta.RowsRead = int64(n)
			if f.dim != nil {
				continue
			}
		}
		if groups++; groups > f.limit {
			result.Meta.Truncated = true
			break
		}
		result.Rows = append(result.Rows, f.rows(d.value(), reached, medians)...)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	if result.Totals == nil {
		result.Totals = f.totals(make([]uint64, len(f.steps)))
	}
	result.Meta.ElapsedMS = time.Since(started).Milliseconds()
	return result, nil
}

// totals is the row of the last step over all people.
func (f *FunnelPlan) totals(reached []uint64) []any {
	out := make([]any, len(f.Columns))
	at := len(f.Columns) - 6
	last := reached[len(reached)-1]
	out[at], out[at+2], out[at+3] = int64(len(reached)), int64(last), rate(last, reached[0])
	return out
}

func (f *FunnelPlan) rows(dim any, reached []uint64, medians []float64) [][]any {
	out := make([][]any, 0, len(reached))
	for i, people := range reached {
		var row []any
		if f.dim != nil {
			row = append(row, dim)
		}
		row = append(row, int64(i+1), f.steps[i].Name, int64(people), rate(people, reached[0]))
		if i == 0 {
			row = append(row, nil, nil)
		} else {
			row = append(row, rate(people, reached[i-1]))
			if m := medians[i-1]; people > 0 && !math.IsNaN(m) {
				row = append(row, Rounded(m/1000))
			} else {
				row = append(row, nil)
			}
		}
		out = append(out, row)
	}
	return out
}

func rate(part, whole uint64) any {
	if whole == 0 {
		return nil
	}
	return Rounded(float64(part) / float64(whole))
}
