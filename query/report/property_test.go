package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

// Moments around changes of clocks, before 1970, and far away.
var moments = []time.Time{
	time.Date(2025, 3, 29, 23, 0, 0, 0, time.UTC), time.Date(2025, 10, 25, 22, 30, 0, 0, time.UTC), time.Date(2025, 4, 5, 14, 0, 0, 0, time.UTC),
	time.Date(1955, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2155, 12, 31, 20, 0, 0, 0, time.UTC), time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC),
}

var (
	zones         = []string{"", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"}
	granularities = []string{"minute", "hour", "day", "week", "month", "quarter", "year"}
	scalarJSON    = []string{
		`1`, `2`, `-3`, `12.25`, `0.5`, `1099511627777`, `"red"`, `"blue"`, `"Red"`, `""`, `"99.50"`, `"7"`, `"+5"`, `" 5"`, `"1e2"`, `"inf"`, `"nan"`,
		`true`, `false`, `"yes"`, `"0"`, `"2025-12-01"`, `"2025-10-26T01:30:00+01:00"`, `"3.25"`, `"2025-02-30"`, `null`, `"O'Brien\\ \"x\" 日本"`,
	}
)

// inLists are what stands in arrays: reading JSON text, as these tests insert it,
// ClickHouse makes [1, 0] of [1, false] before anything is stored.
var inLists = slices.DeleteFunc(slices.Clone(scalarJSON), func(s string) bool { return s == "true" || s == "false" })

func drawValue(t *rapid.T) string {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return "[" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(inLists), 0, 4).Draw(t, "list"), ",") + "]"
		case 1:
			return `{"x":` + rapid.SampledFrom(scalarJSON).Draw(t, "inner") + `}`
		default:
			return rapid.SampledFrom(scalarJSON).Draw(t, "scalar")
		}
	}).Draw(t, "value")
}

func drawPayload(t *rapid.T) string {
	members := []string{}
	for _, key := range []string{"a", "b", "amount"} {
		if rapid.IntRange(0, 3).Draw(t, key) > 0 {
			members = append(members, `"`+key+`":`+drawValue(t))
		}
	}
	if rapid.Bool().Draw(t, "nested") {
		members = append(members, `"o":{"k":`+drawValue(t)+`}`)
	}
	if rapid.Bool().Draw(t, "tags") {
		members = append(members, `"tags":[`+strings.Join(rapid.SliceOfN(rapid.SampledFrom(inLists), 0, 4).Draw(t, "tags"), ",")+"]")
	}
	if rapid.Bool().Draw(t, "items") {
		var items []string
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			if rapid.IntRange(0, 8).Draw(t, "odd") == 0 {
				items = append(items, rapid.SampledFrom(scalarJSON[:10]).Draw(t, "item"))
				continue
			}
			items = append(items, fmt.Sprintf(`{"sku":%s,"qty":%s}`, rapid.SampledFrom(scalarJSON).Draw(t, "sku"), rapid.SampledFrom(scalarJSON).Draw(t, "qty")))
		}
		members = append(members, `"items":[`+strings.Join(items, ",")+"]")
	}
	return "{" + strings.Join(members, ",") + "}"
}

// drawModel makes connections, definitions, and events of which many have copies
// with other timestamps and payloads.
func drawModel(t *rapid.T) (*model, []stored) {
	m := &model{set: define.NewSet()}
	for i := range 3 {
		m.connections = append(m.connections, report.Connection{ID: uuid.New(), Name: fmt.Sprintf("shop %d", i), EventSource: []string{"web", "app"}[i%2]})
	}
	add := func(f *define.Field) { m.set.Fields[f.Name] = f }
	types := []define.Type{define.String, define.Numeric, define.Integer, define.Boolean, define.Datetime}
	for _, path := range []string{"a", "b", "o.k"} {
		for _, typ := range types {
			f := field("f_"+strings.ReplaceAll(path, ".", "_")+"_"+string(typ), path, typ)
			if rapid.IntRange(0, 9).Draw(t, "scope") == 0 {
				f.ConnectionIDs = []uuid.UUID{m.connections[0].ID}
			}
			add(f)
		}
	}
	add(field("tags", "tags", define.Strings))
	add(field("tag_numbers", "tags", define.Numbers))
	add(field("sku", "items[].sku", define.String))
	add(field("qty", "items[].qty", define.Numeric))
	m.set.Fields["tag_numbers"].ConnectionIDs = []uuid.UUID{m.connections[1].ID, m.connections[0].ID}
	for i := range 2 {
		m.set.Conversions[fmt.Sprintf("c%d", i)] = &define.Conversion{
			Name: fmt.Sprintf("c%d", i), Filters: drawFilters(t, m, 1), ValueField: []string{"f_a_number", "qty"}[i],
			ConnectionIDs: [][]uuid.UUID{nil, {m.connections[1].ID}}[i],
		}
	}
	var copies []stored
	received := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range rapid.IntRange(0, 60).Draw(t, "events") {
		e := modelEvent{
			connection: m.connections[rapid.IntRange(0, 2).Draw(t, "connection")].ID,
			id:         fmt.Sprint("e", rapid.IntRange(0, 40).Draw(t, "id")),
			email:      rapid.SampledFrom([]string{"Ann@x.example", "ann@X.example", "bob@x.example", ""}).Draw(t, "email"),
			timestamp: rapid.SampledFrom(moments).Draw(t, "moment").
				Add(time.Duration(rapid.IntRange(0, 6*60).Draw(t, "minutes")) * time.Minute).Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond),
			received: received,
		}
		received = received.Add(time.Microsecond)
		text := drawPayload(t)
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&e.payload); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		m.events = append(m.events, e)
		copies = append(copies, stored{
			Connection: e.connection, ID: e.id, Timestamp: at(e.timestamp), Email: e.email, Payload: json.RawMessage(text), ReceivedAt: at(e.received),
		})
	}
	return m, copies
}

func drawFilters(t *rapid.T, m *model, depth int) []define.Filter {
	var out []define.Filter
	for range rapid.IntRange(0, 2).Draw(t, "filters") {
		out = append(out, drawFilter(t, m, depth))
	}
	return out
}

func drawFilter(t *rapid.T, m *model, depth int) define.Filter {
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "group") == 0 {
		inner := []define.Filter{drawFilter(t, m, depth-1), drawFilter(t, m, depth-1)}
		if rapid.Bool().Draw(t, "and") {
			return define.Filter{And: inner}
		}
		return define.Filter{Or: inner}
	}
	f := define.Filter{Field: drawField(t, m, "field", func(define.Type) bool { return true })}
	typ := m.typeOf(f.Field)
	ops := []string{define.OpEq, define.OpNe, define.OpIn, define.OpNotIn, define.OpIsSet, define.OpIsNotSet}
	switch typ {
	case define.String:
		ops = append(ops, define.OpContains, define.OpStartsWith, define.OpMatches)
	case define.Numeric, define.Integer, define.Datetime:
		ops = append(ops, define.OpGt, define.OpGte, define.OpLt, define.OpLte, define.OpBetween)
	}
	f.Op = rapid.SampledFrom(ops).Draw(t, "op")
	values := map[define.Type][]string{
		define.String:  {"red", "Red", "7", "99.50", "ann@x.example", "bob@x.example", "shop 1", "web", "O'Brien\\ \"x\" 日本", ""},
		define.Numeric: {"1", "12.25", "99.5", "-3", "100"}, define.Integer: {"1", "7", "100", "1099511627777", "-3"}, define.Boolean: {"true", "false"},
		define.Datetime: {"2025-12-01T00:00:00Z", "2025-10-26T00:30:00Z", "1955-06-01T00:00:00Z"},
	}[typ]
	n := 1
	switch f.Op {
	case define.OpIsSet, define.OpIsNotSet:
		return f
	case define.OpIn, define.OpNotIn:
		n = 3
	case define.OpBetween:
		f.Values = []define.Scalar{define.Text(values[0]), define.Text(values[0])}
		return f
	case define.OpMatches:
		f.Values = []define.Scalar{define.Text(rapid.SampledFrom([]string{"^r", "[0-9]+$", "(?i)RED", "."}).Draw(t, "pattern"))}
		if f.Field == "event_email" {
			f.Op = define.OpContains
		}
		return f
	}
	for range n {
		f.Values = append(f.Values, define.Text(rapid.SampledFrom(values).Draw(t, "value")))
	}
	return f
}

func (m *model) typeOf(name string) define.Type {
	if f := m.set.Fields[name]; f != nil {
		return f.Type.Element()
	}
	if name == "event_timestamp" {
		return define.Datetime
	}
	return define.String
}

func drawField(t *rapid.T, m *model, label string, good func(define.Type) bool) string {
	names := []string{"event_id", "event_email", "event_timestamp", "connection", "event_source"}
	for _, f := range m.set.SortedFields() {
		names = append(names, f.Name)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !good(m.typeOf(n)) })
	return rapid.SampledFrom(names).Draw(t, label)
}

func drawRequest(t *rapid.T, m *model) report.Request {
	var r report.Request
	numeric := func(typ define.Type) bool { return typ == define.Numeric || typ == define.Integer }
	for range rapid.IntRange(1, 3).Draw(t, "metrics") {
		metric := "count"
		switch rapid.IntRange(0, 4).Draw(t, "metric") {
		case 1:
			metric = rapid.SampledFrom([]string{"sum", "avg", "median", "p95", "p1"}).Draw(t, "function") + "(" + drawField(t, m, "of", numeric) + ")"
		case 2:
			metric = "uniq(" + drawField(t, m, "of", func(define.Type) bool { return true }) + ")"
		case 3:
			metric = rapid.SampledFrom([]string{"min", "max"}).Draw(t, "function") + "(" +
				drawField(t, m, "of", func(typ define.Type) bool { return numeric(typ) || typ == define.Datetime }) + ")"
		case 4:
			metric = rapid.SampledFrom([]string{"conversion(c0)", "conversion(c1)", "conversion_value(c0)", "conversion_value(c1)"}).Draw(t, "conversion")
		}
		if !slices.Contains(r.Metrics, metric) {
			r.Metrics = append(r.Metrics, metric)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "dimensions") {
		if d := drawField(t, m, "dimension", func(define.Type) bool { return true }); !slices.Contains(r.Dimensions, d) {
			r.Dimensions = append(r.Dimensions, d)
		}
	}
	if rapid.Bool().Draw(t, "granularity") {
		r.Time.Granularity = rapid.SampledFrom(granularities).Draw(t, "granularity")
	}
	r.Time.Timezone = rapid.SampledFrom(zones).Draw(t, "zone")
	if rapid.Bool().Draw(t, "range") {
		r.Time.From, r.Time.To = "2025-03-30", "2025-10-26"
	}
	if rapid.IntRange(0, 4).Draw(t, "connections") == 0 {
		r.Connections = []string{m.connections[0].ID.String(), m.connections[2].ID.String()}
	}
	r.Filters = drawFilters(t, m, 2)
	if rapid.Bool().Draw(t, "order") {
		r.Order = []report.Order{{By: rapid.SampledFrom(append(slices.Clone(r.Metrics), r.Dimensions...)).Draw(t, "by"), Dir: rapid.SampledFrom([]string{"", "asc", "desc"}).Draw(t, "dir")}}
		if len(r.Dimensions) == 0 && r.Time.Granularity == "" {
			r.Order = nil
		}
	}
	return r
}

const reportsPerDataset = 20

// TestReportsAnswerWhatTheModelSays holds reports against the model: random events
// with copies, random definitions, random reports, equal to the last row.
func TestReportsAnswerWhatTheModelSays(t *testing.T) {
	conn := store(t)
	runner := report.Runner{Conn: conn}
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		m, copies := drawModel(rt)
		if len(copies) > 0 {
			// In two parts, so that copies meet only in FINAL.
			insert(t, conn, copies[:len(copies)/2]...)
			insert(t, conn, copies[len(copies)/2:]...)
		}
		for range reportsPerDataset {
			r := drawRequest(rt, m)
			limit := 100_000
			r.Limit = &limit
			loc, err := time.LoadLocation(r.Time.Timezone)
			if err != nil {
				rt.Fatal(err)
			}
			var from, to time.Time
			if r.Time.From != "" {
				from, to = time.Date(2025, 3, 30, 0, 0, 0, 0, loc), time.Date(2025, 10, 26, 0, 0, 0, 0, loc)
			}
			plan, err := report.Compile(r, report.Catalog{Set: m.set, Connections: m.connections}, time.Now())
			if err != nil {
				rt.Fatalf("%s: %v", report.Raw(r), err)
			}
			got, err := runner.Run(t.Context(), plan)
			if err != nil {
				rt.Fatalf("%s: %v", report.Raw(r), err)
			}
			rows, totals := m.answer(r, from, to, loc)
			if diff := gocmp.Diff(lines(rows, totals), lines(got.Rows, got.Totals)); diff != "" {
				rt.Fatalf("%s\n%s\n(-model +report):\n%s", report.Raw(r), plan.Statement(limit).Text(), diff)
			}
			cases++
		}
	})
	t.Logf("%d reports", cases)
}

func lines(rows [][]any, totals []any) []string {
	out := make([]string, 0, len(rows)+1)
	for _, r := range append(slices.Clone(rows), totals) {
		// Through JSON and back, so that 5 and 5.0 are the same number.
		var cells []any
		if err := json.Unmarshal(report.Raw(r), &cells); err != nil {
			panic(err)
		}
		var line strings.Builder
		for _, c := range cells {
			if f, ok := c.(float64); ok {
				// The last digits depend on the order of adding.
				c = strconv.FormatFloat(f, 'g', 13, 64)
			}
			fmt.Fprintf(&line, "%v | ", c)
		}
		out = append(out, line.String())
	}
	return out
}
