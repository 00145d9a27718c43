package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// shopOf stores a few events that the tests of this file ask about.
func (s *server) shopOf() {
	s.t.Helper()
	for _, c := range s.connections { // the analysts' view joins them
		if err := s.conn.Exec(s.t.Context(), "INSERT INTO connections (id, name, event_source, event_object, token, created_at, updated_at, version) VALUES (?, ?, ?, ?, ?, now64(6), now64(6), 1)",
			c.ID, c.Name, c.EventSource, c.EventObject, c.ID.String()); err != nil {
			s.t.Fatal(err)
		}
	}
	s.event(shop, "1", "2025-12-01 10:00:00", "Ann@x.example", `{"total":"99.90","currency":"EUR","paid_at":"2025-12-01","tags":["a","b"],"items":[{"sku":"a","qty":2},{"sku":"b","qty":1}]}`)
	s.event(shop, "2", "2025-12-02 10:00:00", "bob@x.example", `{"total":1,"currency":"EUR"}`)
	s.event(shop, "2", "2025-12-03 10:30:00", "bob@x.example", `{"total":20,"currency":"USD","tags":["b"],"items":[{"sku":"a","qty":5}],"paid_at":"2025-12-04T10:00:00Z"}`)
	s.event(crm, "1", "2025-12-03 23:30:00", "eve@x.example", `{"total":{"x":1},"a.b":"it's"}`)
	s.must(200, "PUT", "/fields/revenue", `{"path":"total","type":"number"}`)
	s.must(200, "PUT", "/fields/currency", `{"path":"currency","type":"string"}`)
	s.must(200, "PUT", "/fields/tags", `{"path":"tags","type":"string[]"}`)
	s.must(200, "PUT", "/fields/sku", `{"path":"items[].sku","type":"string"}`)
	s.must(200, "PUT", "/fields/qty", `{"path":"items[].qty","type":"integer"}`)
	s.must(200, "PUT", "/fields/paid_at", `{"path":"paid_at","type":"datetime"}`)
	s.must(200, "PUT", "/fields/dotted", `{"path":"a\\.b","type":"string"}`)
	s.must(200, "PUT", "/conversions/paid", `{"connection_ids":["`+shop.String()+`"],"filters":[{"field":"revenue","op":"gt","values":[0]}],"value_field":"revenue"}`)
}

func TestEventsBehindAReport(t *testing.T) {
	s := newServer(t)
	s.shopOf()
	for _, c := range []struct{ request, want string }{
		{`{}`, "CRM: leads!/1 Web shop/2 Web shop/1"},
		{`{"limit":1}`, "CRM: leads!/1"},
		{`{"time":{"from":"2025-12-02","to":"2025-12-03"}}`, ""}, // the copy that it saw is not the last
		{`{"time":{"from":"2025-12-04","to":"2025-12-05","timezone":"Europe/Berlin"}}`, "CRM: leads!/1"},
		{`{"connections":["` + shop.String() + `"],"filters":[{"field":"currency","op":"eq","values":["EUR"]}]}`, "Web shop/1"},
		{`{"filters":[{"field":"tags","op":"eq","values":["b"]},{"field":"event_source","op":"eq","values":["shop"]}]}`, "Web shop/2 Web shop/1"},
		{`{"filters":[{"field":"sku","op":"eq","values":["b"]}]}`, "Web shop/1"},
		{`{"filters":[{"field":"dotted","op":"eq","values":["it's"]}]}`, "CRM: leads!/1"},
		{`{"filters":[{"field":"revenue","op":"is_not_set"}]}`, "CRM: leads!/1"},
	} {
		a := s.must(200, "POST", "/reports/events", c.request)
		var got []string
		list, _ := a.json["data"].([]any)
		for _, x := range list {
			m, _ := x.(map[string]any)
			got = append(got, fmt.Sprint(m["connection"], "/", m["event_id"]))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.request, got, c.want)
		}
	}
	a := s.must(200, "POST", "/reports/events", `{"limit":1}`)
	for _, want := range []string{
		`"connection_id":"` + crm.String() + `"`, `"event_source":"crm"`, `"event_email":"eve@x.example"`, `"event_adb_cdt":null`, `"event_timestamp":"2025-12-03T23:30:00Z"`, `"event_payload":{"a.b":"it's","total":{"x":1}}`,
	} {
		if !strings.Contains(a.text, want) {
			t.Errorf("an event lacks %s: %s", want, a.text)
		}
	}
	for request, pointers := range map[string]string{
		`{"limit":0}`: "/limit", `{"limit":1001}`: "/limit", `{"metrics":["count"]}`: "/metrics", `{"time":{"granularity":"day"}}`: "/time/granularity",
		`{"filters":[{"field":"nothing","op":"eq","values":[1]}]}`: "/filters/0/field", `{"connections":["x"]}`: "/connections/0",
	} {
		if a := s.must(422, "POST", "/reports/events", request); a.pointers() != pointers {
			t.Errorf("%s: got %s, want %s", request, a.pointers(), pointers)
		}
	}
	s.allowed = func(string) bool { return false }
	s.must(403, "POST", "/reports/events", `{}`)
	s.must(403, "POST", "/reports/sql", `{"metrics":["count"]}`)
}

// What is copied as SQL gives an analyst the rows of the report.
func TestAReportAsSQLGivesTheSameRows(t *testing.T) {
	s := newServer(t)
	s.shopOf()
	for _, request := range []string{
		`{"metrics":["count","sum(revenue)","avg(revenue)","p50(revenue)","uniq(event_email)","conversion(paid)","conversion_value(paid)"]}`,
		`{"metrics":["count"],"dimensions":["currency"]}`,
		`{"metrics":["sum(revenue)"],"dimensions":["event_source","currency"],"order":[{"by":"event_source"},{"by":"sum(revenue)","dir":"desc"}]}`,
		`{"metrics":["sum(qty)","count"],"dimensions":["sku"],"filters":[{"field":"qty","op":"gt","values":[1]}]}`,
		`{"metrics":["count"],"dimensions":["tags","sku"],"limit":3}`,
		`{"metrics":["count","sum(qty)"],"dimensions":["connection"],"time":{"from":"2025-12-01","to":"2026-01-01"}}`,
		`{"metrics":["count"],"dimensions":["dotted"],"filters":[{"field":"dotted","op":"ne","values":["b'\\"]}]}`,
		`{"metrics":["count"],"connections":["` + crm.String() + `"]}`,
		`{"metrics":["count"],"filters":[{"field":"event_source","op":"eq","values":["nobody"]}],"dimensions":["connection"]}`,
	} {
		want := s.must(200, "POST", "/reports/query", request)
		var made struct{ SQL string }
		if err := json.Unmarshal([]byte(s.must(200, "POST", "/reports/sql", request).text), &made); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]string{"query": made.SQL})
		if err != nil {
			t.Fatal(err)
		}
		got := s.must(200, "POST", "/sql", string(body))
		if w, g := fmt.Sprint(want.json["rows"]), fmt.Sprint(got.json["rows"]); w != g {
			t.Errorf("%s\n%s\n got %s\nwant %s", request, made.SQL, g, w)
		}
		if w, g := names(want), names(got); w != g {
			t.Errorf("%s: columns %s, want %s", request, g, w)
		}
	}
	// Times are those of the report in ClickHouse's own types.
	for request, want := range map[string]string{
		`{"metrics":["count","max(paid_at)"],"time":{"granularity":"day","timezone":"Europe/Berlin"},"filters":[{"field":"paid_at","op":"is_set"}]}`: `[[2025-12-01 1 2025-12-01T00:00:00Z] [2025-12-03 1 2025-12-04T10:00:00Z]]`,
		`{"metrics":["count"],"time":{"granularity":"hour","timezone":"Asia/Kolkata"},"connections":["` + crm.String() + `"]}`:                       `[[2025-12-04T05:00:00+05:30 1]]`,
	} {
		var made struct{ SQL string }
		if err := json.Unmarshal([]byte(s.must(200, "POST", "/reports/sql", request).text), &made); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]string{"query": made.SQL})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.must(200, "POST", "/sql", string(body)); fmt.Sprint(got.json["rows"]) != want {
			t.Errorf("%s\n%s\n got %v\nwant %s", request, made.SQL, got.json["rows"], want)
		}
	}
}

func names(a answer) string {
	list, _ := a.json["columns"].([]any)
	var out []string
	for _, x := range list {
		m, _ := x.(map[string]any)
		out = append(out, fmt.Sprint(m["name"]))
	}
	return strings.Join(out, ",")
}

func TestTheSchemaShowsTheAnalystsViewsAlone(t *testing.T) {
	s := newServer(t)
	s.must(200, "PUT", "/fields/revenue", `{"path":"total","type":"number"}`)
	if err := s.views.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := s.must(200, "GET", "/sql/schema", "")
	var schema struct {
		Views []struct {
			Name, Description string
			Columns           []struct{ Name, Type string }
		}
	}
	if err := json.Unmarshal([]byte(a.text), &schema); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range schema.Views {
		got = append(got, v.Name)
		if v.Description == "" || len(v.Columns) < 7 {
			t.Errorf("view %+v", v)
		}
	}
	if strings.Join(got, " ") != "crm_leads events web_shop" {
		t.Errorf("views: %v", got)
	}
	if !strings.Contains(a.text, `{"name":"revenue","type":"Nullable(Float64)"}`) {
		t.Errorf("the defined field is no column: %s", a.text)
	}
}

func TestASavedReportKeepsHowItIsShown(t *testing.T) {
	s := newServer(t)
	s.must(200, "PUT", "/reports/sales", `{"query":{"metrics":["count"]},"visualization":"number"}`)
	if a := s.must(200, "GET", "/reports/sales", ""); a.json["visualization"] != "number" {
		t.Errorf("saved: %s", a.text)
	}
	if a := s.must(422, "PUT", "/reports/sales", `{"query":{"metrics":["count"]},"visualization":"pie"}`); a.pointers() != "/visualization" {
		t.Errorf("a pie: %s", a.text)
	}
}
