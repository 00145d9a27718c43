package report_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

var update = flag.Bool("update", false, "write the golden files")

var goldenShop, goldenCRM = uuid.MustParse("11111111-1111-4111-8111-111111111111"), uuid.MustParse("22222222-2222-4222-8222-222222222222")

func goldenCatalog() report.Catalog {
	set := setOf(
		field("revenue", "order.total", define.Numeric), field("currency", "currency", define.String), field("paid", "paid", define.Boolean),
		field("units", "units", define.Integer), field("due", "due", define.Datetime), field("tags", "tags", define.Strings),
		field("sku", "items[].sku", define.String), field("qty", "items[].qty", define.Numeric),
		field("deep", "orders[].items[].price", define.Numeric), field("odd", `"".^a`, define.String), field("dotted", `a\.b.c`, define.String),
	)
	set.Fields["units"].ConnectionIDs = []uuid.UUID{goldenCRM}
	set.Conversions["orders"] = &define.Conversion{
		Name: "orders", Filters: []define.Filter{{Field: "paid", Op: define.OpEq, Values: []define.Scalar{{Kind: define.BoolScalar, Text: "true"}}}},
		ValueField: "revenue", ConnectionIDs: []uuid.UUID{goldenShop},
	}
	set.Conversions["leads"] = &define.Conversion{Name: "leads", Filters: []define.Filter{{Field: "currency", Op: define.OpIsNotSet}}}
	return report.Catalog{Set: set, Connections: []report.Connection{
		{ID: goldenShop, Name: "Shop", EventSource: "shop", EventObject: "order"}, {ID: goldenCRM, Name: "CRM", EventSource: "crm", EventObject: "lead"},
	}}
}

// golden holds text against a file; one that is missing is a failure.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".sql")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update and read it before committing", err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func text(q report.Query) string {
	var b strings.Builder
	b.WriteString(q.SQL + "\n")
	for i, p := range q.Params {
		fmt.Fprintf(&b, "-- p%d = %q\n", i, fmt.Sprint(p))
	}
	return b.String()
}

var goldenNow = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

func TestStatementsAreAsTheGoldenFilesSay(t *testing.T) {
	for name, body := range map[string]string{
		"contract_example": `{"metrics":["count","sum(revenue)","avg(revenue)","p95(revenue)","uniq(event_email)","conversion(orders)","conversion_value(orders)"],
			"dimensions":["currency","event_source"],"time":{"from":"2025-12-01","to":"2026-01-01","granularity":"day","timezone":"Europe/Berlin"},
			"filters":[{"field":"currency","op":"eq","values":["EUR"]}],"order":[{"by":"sum(revenue)","dir":"desc"}],"limit":100,"compare":"previous_period","fill":true}`,
		"no_groups":       `{"metrics":["count","sum(units)","median(units)","min(due)","max(units)"]}`,
		"hour":            `{"metrics":["count"],"time":{"from":"-30d","to":"now","granularity":"hour","timezone":"Asia/Kolkata"}}`,
		"quarter":         `{"metrics":["uniq(units)"],"time":{"granularity":"quarter"}}`,
		"one_connection":  `{"metrics":["count"],"dimensions":["connection"],"connections":["` + goldenShop.String() + `"]}`,
		"narrowed":        `{"metrics":["count"],"dimensions":["event_object"],"filters":[{"field":"event_source","op":"in","values":["crm","none"]},{"field":"connection","op":"ne","values":["x"]}]}`,
		"exploded":        `{"metrics":["sum(qty)","count","sum(revenue)"],"dimensions":["sku"],"filters":[{"field":"qty","op":"gt","values":[0]},{"field":"paid","op":"eq","values":[true]}]}`,
		"two_arrays":      `{"metrics":["count"],"dimensions":["sku","tags"]}`,
		"arrays_together": `{"metrics":["sum(qty)","uniq(tags)","avg(deep)"],"filters":[{"field":"tags","op":"not_in","values":["a","b"]}]}`,
		"odd_keys":        `{"metrics":["uniq(odd)"],"dimensions":["dotted"]}`,
		"every_operator": `{"metrics":["count"],"filters":[{"or":[{"field":"currency","op":"ne","values":["a'b\\"]},{"field":"revenue","op":"in","values":[1,"2.50"]},{"and":[
			{"field":"revenue","op":"gt","values":[1]},{"field":"revenue","op":"gte","values":[1]},{"field":"units","op":"lt","values":[1]},{"field":"units","op":"lte","values":[1]}]},
			{"field":"due","op":"between","values":["2025-01-01","2025-02-01T00:00:00Z"]},{"field":"currency","op":"contains","values":["x","y"]},{"field":"event_email","op":"starts_with","values":["ANN"]},
			{"field":"event_email","op":"matches","values":["^a.*z$"]},{"field":"tags","op":"is_set"},{"field":"tags","op":"is_not_set"},{"field":"paid","op":"not_in","values":["yes","no"]}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := report.Compile(mustDecode(t, body), goldenCatalog(), goldenNow)
			if err != nil {
				t.Fatal(err)
			}
			out := text(plan.Statement(100))
			if plan.Previous != nil {
				out += "\n-- the period before\n" + text(plan.Previous.Statement(0))
			}
			golden(t, name, out)
		})
	}
	t.Run("events", func(t *testing.T) {
		request, err := report.DecodeEvents([]byte(`{"time":{"from":"2025-12-01","to":"2025-12-02"},"filters":[{"field":"tags","op":"eq","values":["a"]},{"field":"revenue","op":"gt","values":[5]}],"limit":50}`))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := report.CompileEvents(request, goldenCatalog(), goldenNow)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "events", text(plan.Statement()))
	})
	t.Run("client", func(t *testing.T) {
		plan, err := report.Compile(mustDecode(t, `{"metrics":["count","sum(revenue)","max(due)"],"dimensions":["currency","sku"],
			"time":{"from":"2025-12-01","to":"2026-01-01","granularity":"hour","timezone":"Europe/Berlin"},"filters":[{"field":"currency","op":"ne","values":["it's"]}]}`), goldenCatalog(), goldenNow)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "client", plan.ClientSQL("events")+"\n")
	})
	t.Run("funnel", func(t *testing.T) {
		request, err := report.DecodeFunnel([]byte(`{"steps":["leads","orders"],"window":"7d","dimension":"currency","filters":[{"field":"revenue","op":"gt","values":[5]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := report.CompileFunnel(request, goldenCatalog(), goldenNow)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "funnel", text(plan.Statement()))
	})
	t.Run("preview", func(t *testing.T) {
		q, err := report.PreviewStatement(field("x", "items[].qty", define.Numeric), goldenCatalog())
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "preview", text(q))
	})
	t.Run("view", func(t *testing.T) {
		catalog := goldenCatalog()
		sql, err := report.ViewColumns("`db`.events", catalog.Connections[0], catalog.Set.SortedFields())
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "view", sql+"\n")
	})
}
