package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func TestDefineAFieldAndUseItAtOnce(t *testing.T) {
	s := newServer(t)
	s.event(shop, "1", "2025-12-01 10:00:00", "Ann@x.example", `{"total":"99.90","currency":"EUR","items":[{"sku":"a","qty":2},{"sku":"b","qty":1}]}`)
	s.event(shop, "2", "2025-12-02 10:00:00", "bob@x.example", `{"total":10,"currency":"EUR","items":[]}`)
	s.event(shop, "2", "2025-12-03 10:00:00", "bob@x.example", `{"total":20,"currency":"USD","items":[{"sku":"a","qty":5}]}`)
	s.event(crm, "1", "2025-12-03 10:00:00", "ANN@x.example", `{"total":{"x":1},"currency":[3]}`)

	preview := s.must(200, "POST", "/fields/preview", `{"path":"total","type":"number"}`)
	if got := fmt.Sprint(preview.json["present"], preview.json["fitting"], preview.json["misfit_samples"]); got != `4 3 [{"x":1}]` && got != `5 4 [{"x":1}]` {
		t.Errorf("preview: %s", preview.text)
	}
	s.must(200, "PUT", "/fields/revenue", `{"path":"total","type":"number","label":"Revenue"}`)
	s.must(200, "PUT", "/fields/currency", `{"path":"currency","type":"string"}`)
	s.must(200, "PUT", "/fields/sku", `{"path":"items[].sku","type":"string","connection_ids":["`+shop.String()+`"]}`)
	s.must(200, "PUT", "/fields/qty", `{"path":"items[].qty","type":"integer"}`)
	s.must(200, "PUT", "/conversions/paid", `{"connection_ids":["`+shop.String()+`"],"filters":[{"field":"revenue","op":"gt","values":[0]}],"value_field":"revenue"}`)

	for _, c := range []struct{ request, rows, totals string }{
		{
			`{"metrics":["count","sum(revenue)","uniq(event_email)","conversion(paid)","conversion_value(paid)"],"dimensions":["event_source"],"order":[{"by":"event_source"}]}`,
			`[[crm 1 0 1 0 0] [shop 2 119.9 2 2 119.9]]`, `[<nil> 3 119.9 2 2 119.9]`,
		},
		{
			`{"metrics":["sum(qty)","count"],"dimensions":["sku"],"connections":["` + shop.String() + `"]}`,
			`[[a 7 2] [b 1 1]]`, `[<nil> 8 3]`,
		},
		{
			`{"metrics":["sum(revenue)"],"time":{"from":"2025-12-01","to":"2025-12-04","granularity":"day","timezone":"Europe/Berlin"},"fill":true,"compare":"previous_period"}`,
			`[[2025-12-01 99.9 0] [2025-12-02 0 0] [2025-12-03 20 0]]`, `[<nil> 119.9 0]`,
		},
		{
			`{"metrics":["count"],"time":{"from":"2025-12-03","to":"2025-12-04"},"compare":"previous_period"}`,
			`[[2 0]]`, `[2 0]`,
		},
	} {
		a := s.must(200, "POST", "/reports/query", c.request)
		if rows, totals := fmt.Sprint(a.json["rows"]), fmt.Sprint(a.json["totals"]); rows != c.rows || totals != c.totals {
			t.Errorf("%s:\n got %s %s\nwant %s %s", c.request, rows, totals, c.rows, c.totals)
		}
	}

	if err := s.views.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := s.must(200, "POST", "/sql", `{"query":"SELECT event_id, revenue, currency, sku FROM web_shop WHERE revenue > {least:Float64} ORDER BY event_id","params":{"least":5}}`)
	if got := fmt.Sprint(a.json["rows"]); got != `[[1 99.9 EUR [a b]] [2 20 USD [a]]]` {
		t.Errorf("view: %s", a.text)
	}
	a = s.must(200, "POST", "/sql", `{"query":"SELECT event_payload, currency FROM crm_leads"}`)
	if got := fmt.Sprint(a.json["rows"]); got != `[[map[currency:[3] total:map[x:1]] <nil>]]` {
		t.Errorf("view: %s", a.text)
	}

	// What is in use is not broken silently.
	s.must(200, "PUT", "/reports/daily", `{"title":"Daily","query":{"metrics":["sum(revenue)"],"dimensions":["currency"]}}`)
	if a := s.must(422, "DELETE", "/fields/revenue", ""); !strings.Contains(a.text, "daily") || !strings.Contains(a.text, "paid") {
		t.Errorf("deleting a field in use: %s", a.text)
	}
	s.must(422, "PUT", "/fields/revenue", `{"path":"total","type":"string"}`)
	s.must(422, "PUT", "/fields/revenue", `{"name":"income","path":"total","type":"number"}`)
	s.must(200, "PUT", "/fields/revenue?force=true", `{"name":"income","path":"total","type":"number"}`)
	s.must(404, "GET", "/fields/revenue", "")
	if a := s.must(422, "GET", "/reports/daily/data", ""); !strings.Contains(a.text, "revenue") {
		t.Errorf("a broken report: %s", a.text)
	}
	history := s.must(200, "GET", "/fields/revenue/history", "")
	if list, _ := history.json["data"].([]any); len(list) != 2 || !strings.Contains(history.text, `"changed_by":"tester"`) {
		t.Errorf("history: %s", history.text)
	}

	// The views follow.
	s.connections = s.connections[:1]
	s.connections[0].Name = "events"
	if err := s.views.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	a = s.must(200, "POST", "/sql", `{"query":"SHOW TABLES"}`)
	if got := fmt.Sprint(a.json["rows"]); got != `[[events] [events_00000000]]` {
		t.Errorf("views: %s", a.text)
	}
	a = s.must(200, "POST", "/sql", `{"query":"SELECT sum(income) FROM events_00000000"}`)
	if got := fmt.Sprint(a.json["rows"]); got != `[[119.9]]` {
		t.Errorf("view: %s", a.text)
	}

	if err := s.catalogue.Flush(t.Context(), s.counter); err != nil {
		t.Fatal(err)
	}
	a = s.must(200, "GET", "/connections/"+shop.String()+"/fields", "")
	for _, want := range []string{
		`{"path":"total","types":{"integer":2,"string":1}`, `{"path":"items[].qty","types":{"integer":2}`, `"name":"income","type":"number","misfit_share":0}`,
	} {
		if !strings.Contains(a.text, want) {
			t.Errorf("catalogue lacks %s: %s", want, a.text)
		}
	}
}

func TestEveryFaultOfARequestIsNamed(t *testing.T) {
	s := newServer(t)
	s.must(200, "PUT", "/fields/amount", `{"path":"amount","type":"number"}`)
	s.must(200, "PUT", "/fields/name_of_it", `{"path":"name","type":"string"}`)
	report := "/reports/query"
	deep := strings.Repeat(`{"and":[`, 30) + `{"field":"amount","op":"is_set"}` + strings.Repeat(`]}`, 30)
	for _, c := range []struct{ path, body, pointers string }{
		{report, `{}`, "/metrics"},
		{report, `{"metrics":["sum(nothing)","count; DROP TABLE events","sum(name_of_it)","p0(amount)","uniq(amount)","uniq(amount)"]}`, "/metrics/0 /metrics/1 /metrics/2 /metrics/3 /metrics/5"},
		{report, `{"metrics":["conversion(none)"],"dimensions":["x` + "`" + `) --"]}`, "/dimensions/0 /metrics/0"},
		{report, `{"metrics":["count"],"time":{"from":"2025-13-01","to":"yesterday","granularity":"decade","timezone":"Mars/Base"}}`, "/time/timezone /time/from /time/to /time/granularity"},
		{report, `{"metrics":["count"],"time":{"from":"2025-02-01","to":"2025-01-01"}}`, "/time/to"},
		{report, `{"metrics":["count"],"time":{"from":"0001-01-01"}}`, "/time/from"},
		{report, `{"metrics":["count"],"time":{"from":"1900-01-01","to":"2299-01-01","granularity":"minute"},"fill":true}`, "/time/granularity"},
		{report, `{"metrics":["count"],"fill":true}`, "/fill /time/from"},
		{
			report, `{"metrics":["count"],"filters":[{"field":"amount","op":"gt","values":["many"]},{"field":"amount","op":"like","values":[1]},{"op":"eq"},{"field":"name_of_it","op":"gt","values":["a"]},{"field":"amount","op":"between","values":[2,1]},{"field":"amount","op":"between","values":[1]},{"field":"amount","op":"is_set","values":[1]},{"field":"amount","op":"contains","values":["a"]}]}`,
			"/filters/0/values/0 /filters/1/op /filters/2/field /filters/3/op /filters/4/values /filters/5/values /filters/6/values /filters/7/op",
		},
		{
			report, `{"metrics":["count"],"filters":[{"or":[{"field":"name_of_it","op":"matches","values":["(a{1000}){1000}"]},{"field":"name_of_it","op":"matches","values":["("]},{"field":"x","and":[]}]}]}`,
			"/filters/0/or/0/values/0 /filters/0/or/1/values/0 /filters/0/or/2",
		},
		{report, `{"metrics":["count"],"filters":[` + deep + `]}`, "/filters/0" + strings.Repeat("/and/0", 11)},
		{report, `{"metrics":["count"],"limit":0,"order":[{"by":"nothing","dir":"up"}],"compare":"last_year","connections":["x"]}`, "/connections/0 /order/0/by /order/0/dir /limit /compare"},
		{report, `{"metrics":["count"],"metric":["count"]}`, "/metric"},
		{report, `{"metrics":"count"}`, "/metrics"},
		{report, `{"metrics":["count"],"filters":[{"field":"amount","op":"eq","values":[null]}]}`, "/filters/0/values/0"},
		{report, `{"metrics":["count"],"limit":"ten"}`, "/limit"},
		{"/reports/funnel", `{"steps":["a"],"window":"for ever","time":{"granularity":"day"}}`, "/time/granularity /window /steps /steps/0"},
		{"/fields/preview", `{"path":"a..b","type":"money"}`, "/path /type"},
		{"/sql", `{"query":""}`, "/query"},
		{"/sql", `{"query":"SELECT nothing"}`, "/query"},
		{"/sql", `{"query":"SELECT 1 FORMAT JSON"}`, "/query"},
	} {
		a := s.must(422, "POST", c.path, c.body)
		if got := a.pointers(); got != c.pointers {
			t.Errorf("%s %s:\n got %s\nwant %s\n%s", c.path, c.body, got, c.pointers, a.text)
		}
	}
	for _, name := range []string{"a`b", "a'b", `a"b`, "a)b", "a--b", "a b", "sum(x)", "日本", "event_id", "count", "Time", "1a", strings.Repeat("x", 65), "a;b", "a/*b"} {
		a := s.must(422, "PUT", "/fields/"+url.PathEscape(name), `{"path":"x","type":"string"}`)
		if a.pointers() != "/name" {
			t.Errorf("name %q: %s", name, a.text)
		}
	}
	s.must(400, "POST", report, `{"metrics":`)
	s.must(415, "POST", report, `{}`, "Content-Type", "text/plain")
}

func TestHostilePathsAreReadAsPaths(t *testing.T) {
	s := newServer(t)
	keys := []string{"a`b", `a'b`, `a\b`, `a"b`, "a) OR 1=1 --", "a/*b", "日本", "{p0:String}", "^x", ":Int64", "a[]", "x.y", "", "?", "a%2Eb", "@k", "a b", `""`}
	for i, key := range keys {
		encoded := fmt.Sprintf("%q", key)
		encoded = strings.ReplaceAll(encoded, "`", "\\u0060")
		s.event(shop, fmt.Sprint(i), "2025-12-01 10:00:00", "a@x.example", fmt.Sprintf(`{%s:"v%d","list":[{%s:"w%d"}],"o":{%s:"u%d"}}`, encoded, i, encoded, i, encoded, i))
	}
	escape := strings.NewReplacer(`\`, `\\`, ".", `\.`, "[", `\[`, "]", `\]`)
	for i, key := range keys {
		path := escape.Replace(key)
		if key == "" {
			path = `""`
		} else if strings.HasPrefix(path, `""`) {
			path = `\` + path
		}
		for prefix, value := range map[string]string{"": "v", "list[].": "w", "o.": "u"} {
			body := fmt.Sprintf(`{"path":%q,"type":"string"}`, prefix+path)
			s.must(200, "PUT", "/fields/hostile", body)
			a := s.must(200, "POST", "/reports/query", `{"metrics":["count"],"dimensions":["hostile"],"filters":[{"field":"hostile","op":"is_set"}]}`)
			want := fmt.Sprintf("[[%s%d 1]]", value, i)
			if key == "a%2Eb" || key == "x.y" {
				continue
			}
			if got := fmt.Sprint(a.json["rows"]); got != want {
				t.Errorf("key %q, path %s%s: got %s, want %s", key, prefix, path, got, want)
			}
		}
		if err := s.views.Reconcile(t.Context()); err != nil {
			t.Errorf("views with the key %q: %v", key, err)
		}
	}
}

func TestTenThousandFilterValues(t *testing.T) {
	s := newServer(t)
	s.event(shop, "1", "2025-12-01 10:00:00", "a@x.example", `{"k":"value 9999 'quoted' \\ and long enough to fill a URL","n":9999}`)
	s.must(200, "PUT", "/fields/k", `{"path":"k","type":"string"}`)
	s.must(200, "PUT", "/fields/n", `{"path":"n","type":"number"}`)
	var texts, numbers []string
	for i := range 10_000 {
		texts = append(texts, fmt.Sprintf(`"value %d 'quoted' \\ and long enough to fill a URL"`, i))
		numbers = append(numbers, fmt.Sprint(i))
	}
	for _, body := range []string{
		`{"metrics":["count"],"filters":[{"field":"k","op":"in","values":[` + strings.Join(texts, ",") + `]}]}`,
		`{"metrics":["count"],"filters":[{"field":"n","op":"in","values":[` + strings.Join(numbers, ",") + `]}]}`,
	} {
		if a := s.must(200, "POST", "/reports/query", body); fmt.Sprint(a.json["rows"]) != "[[1]]" {
			t.Errorf("got %s", a.text)
		}
	}
}

func TestStreamsAndHarmlessCells(t *testing.T) {
	s := newServer(t)
	for i, v := range []string{"=1+1", "+1", "-1", "@x", "\t=1", " =1", "plain", "a,\"b\"\n", "-"} {
		s.event(shop, fmt.Sprint(i), "2025-12-01 10:00:00", "a@x.example", fmt.Sprintf(`{"k":%q,"n":-%d}`, v, i))
	}
	s.must(200, "PUT", "/fields/k", `{"path":"k","type":"string"}`)
	s.must(200, "PUT", "/fields/n", `{"path":"n","type":"number"}`)
	body := `{"metrics":["sum(n)"],"dimensions":["k"],"order":[{"by":"sum(n)","dir":"desc"}]}`
	a := s.must(200, "POST", "/reports/query", body, "Accept", "text/csv")
	want := "k,sum(n)\r\n'=1+1,0\r\n'+1,-1\r\n'-1,-2\r\n'@x,-3\r\n\"'\t=1\",-4\r\n' =1,-5\r\nplain,-6\r\n\"a,\"\"b\"\"\r\n\",-7\r\n'-,-8\r\n"
	if normal := strings.ReplaceAll(a.text, "\"'\t=1\"", "'\t=1"); normal != strings.ReplaceAll(want, "\"'\t=1\"", "'\t=1") {
		t.Errorf("csv:\n%q\nwant\n%q", a.text, want)
	}
	a = s.must(200, "POST", "/reports/query", body, "Accept", "application/x-ndjson")
	if first, _, _ := strings.Cut(a.text, "\n"); first != `{"k":"=1+1","sum(n)":0}` || strings.Count(a.text, "\n") != 9 {
		t.Errorf("ndjson: %s", a.text)
	}
	a = s.must(200, "POST", "/reports/query", body, "Accept", "application/vnd.apache.parquet")
	file, err := parquet.OpenFile(strings.NewReader(a.text), int64(len(a.text)))
	if err != nil || file.NumRows() != 9 || fmt.Sprint(file.Schema().Columns()) != "[[k] [sum(n)]]" {
		t.Errorf("parquet: %v", err)
	}
	a = s.must(200, "POST", "/sql", `{"query":"SELECT number AS n, concat('=', toString(number)) AS t FROM numbers(100000)"}`, "Accept", "text/csv")
	if strings.Count(a.text, "\r\n") != 100_001 || !strings.Contains(a.text, "\r\n99999,'=99999\r\n") {
		t.Errorf("csv of SQL: %d lines", strings.Count(a.text, "\r\n"))
	}
	a = s.must(200, "POST", "/reports/query", `{"metrics":["count"],"dimensions":["k"],"limit":2}`)
	if meta, _ := a.json["meta"].(map[string]any); meta["truncated"] != true {
		t.Errorf("two of nine rows: %s", a.text)
	}
}

func TestSavedReports(t *testing.T) {
	s := newServer(t)
	s.event(shop, "1", "2025-12-01 10:00:00", "a@x.example", `{}`)
	s.event(crm, "2", "2025-12-02 10:00:00", "a@x.example", `{}`)
	s.must(422, "PUT", "/reports/Bad", `{"query":{"metrics":["count"]}}`)
	if a := s.must(422, "PUT", "/reports/bad", `{"query":{"metrics":["sum(nothing)"]}}`); a.pointers() != "/query/metrics/0" {
		t.Errorf("a report that cannot be compiled: %s", a.text)
	}
	s.must(200, "PUT", "/reports/sales", `{"title":"Sales","query":{"metrics":["count"],"dimensions":["event_source"],"order":[{"by":"event_source"}]}}`)
	a := s.must(200, "GET", "/reports/sales/data", "")
	if got := fmt.Sprint(a.json["rows"]); got != "[[crm 1] [shop 1]]" || a.header.Get("Cache-Control") == "" {
		t.Errorf("data: %s", a.text)
	}
	tag := a.header.Get("ETag")
	if b := s.must(304, "GET", "/reports/sales/data", "", "If-None-Match", `"x", `+tag); b.text != "" {
		t.Errorf("304 with a body: %s", b.text)
	}
	a = s.must(200, "GET", "/reports/sales/data?from=2025-12-02&to=2025-12-03", "", "If-None-Match", tag)
	if got := fmt.Sprint(a.json["rows"]); got != "[[crm 1]]" {
		t.Errorf("with a range: %s", a.text)
	}
	a = s.must(200, "GET", "/reports/sales/data?filter.event_source=shop&filter.event_source=none", "")
	if got := fmt.Sprint(a.json["rows"]); got != "[[shop 1]]" {
		t.Errorf("with a filter: %s", a.text)
	}
	if a := s.must(422, "GET", "/reports/sales/data?form=2025-12-02", ""); a.pointers() != "/form" {
		t.Errorf("an unknown parameter: %s", a.text)
	}
	s.allowed = func(slug string) bool { return slug == "other" }
	s.must(404, "GET", "/reports/sales/data", "")
	s.must(404, "GET", "/reports/sales", "")
	s.must(403, "POST", "/reports/query", `{"metrics":["count"]}`)
	if a := s.must(200, "GET", "/reports", ""); fmt.Sprint(a.json["data"]) != "[]" {
		t.Errorf("list: %s", a.text)
	}
	s.allowed = func(string) bool { return true }
	s.must(http.StatusNoContent, "DELETE", "/reports/sales", "")
	s.must(404, "GET", "/reports/sales", "")
}
