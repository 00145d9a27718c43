package httpapi_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/feed"
)

func TestRecentEvents(t *testing.T) {
	e := newEnv(t, nil)
	d := e.create(t, "events")
	path := "/api/v1/connections/" + d.ID.String() + "/events"
	secret := e.secrets[access.Analyst]
	if resp, body := e.do(t, secret, "GET", path, "", nil); resp.StatusCode != 200 {
		t.Fatalf("%d %v", resp.StatusCode, body)
	} else if n, _ := lookUp(body, "data.#"); n != json.Number("0") {
		t.Errorf("%s events", n)
	}
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"json_type_escape_dots_in_keys": 1}))
	for _, row := range [][3]string{
		{"a", `{"old": 1}`, "2026-01-01 00:00:01.000001"},
		{"b", `{"big": 9007199254740993, "a.b": [1, {"c": 2.5}]}`, "2026-01-01 00:00:02.000002"},
		{"a", `{"new": 1}`, "2026-01-01 00:00:03.000003"},
	} {
		if err := e.conn.Exec(ctx, `INSERT INTO events VALUES (?, ?, '2025-12-08 15:21:11.804', 'Jane@Example.com', '', ?, ?, 0)`, d.ID, row[0], row[1], row[2]); err != nil {
			t.Fatal(err)
		}
	}
	_, body := e.do(t, secret, "GET", path+"?limit=2", "", nil)
	event := func(id string, payload map[string]any, at string) map[string]any {
		return map[string]any{
			"event_id": id, "event_timestamp": "2025-12-08T15:21:11.804Z", "event_email": "Jane@Example.com", "event_adb_cdt": nil,
			"event_payload": payload, "received_at": at,
		}
	}
	want := map[string]any{"next_cursor": nil, "data": []any{
		event("a", map[string]any{"new": json.Number("1")}, "2026-01-01T00:00:03.000003Z"),
		event("b", map[string]any{
			"big": json.Number("9007199254740993"),
			"a.b": []any{json.Number("1"), map[string]any{"c": json.Number("2.5")}},
		}, "2026-01-01T00:00:02.000002Z"),
	}}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for path, status := range map[string]int{
		path + "?limit=0": 422, path + "?limit=501": 422, path + "?limit=500": 200,
		"/api/v1/connections/" + uuid.NewString() + "/events": 404, "/api/v1/connections/x/events": 404,
	} {
		if resp, _ := e.do(t, secret, "GET", path, "", nil); resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
}

func TestRecentRequests(t *testing.T) {
	e := newEnv(t, nil)
	d := e.create(t, "requests")
	path := "/api/v1/connections/" + d.ID.String() + "/requests"
	secret := e.secrets[access.Analyst]
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	refused := feed.Request{
		ID: uuid.New(), ReceivedAt: at, Status: 422, Outcome: feed.Refused, Bytes: 9,
		Reason: json.RawMessage(`{"type":"/problems/invalid-events"}`), Body: `[{"x":1}]`, BodyEncoding: "text", Complete: true,
	}
	e.requests.all = []feed.Request{
		{ID: uuid.New(), ReceivedAt: at, Status: 201, Outcome: feed.Accepted, Events: 2, Bytes: 300}, refused,
	}
	_, body := e.do(t, secret, "GET", path, "", nil)
	for field, want := range map[string]any{
		"data.#": json.Number("2"), "data.0.outcome": "accepted", "data.0.events": json.Number("2"),
		"data.1.status": json.Number("422"), "data.1.reason.type": "/problems/invalid-events", "next_cursor": nil,
	} {
		if got, _ := lookUp(body, field); got != want {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
	if _, there := lookUp(body, "data.1.body"); there {
		t.Error("the list has bodies")
	}
	if diff := cmp.Diff(feed.Query{Connection: d.ID, Limit: 50}, e.requests.last); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	e.do(t, secret, "GET", path+"?outcome=refused&limit=7", "", nil)
	if diff := cmp.Diff(feed.Query{Connection: d.ID, Outcome: feed.Refused, Limit: 7}, e.requests.last); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	if resp, _ := e.do(t, secret, "GET", path+"?outcome=lost", "", nil); resp.StatusCode != 422 {
		t.Errorf("an unknown outcome: %d", resp.StatusCode)
	}
	_, one := e.do(t, secret, "GET", path+"/"+refused.ID.String(), "", nil)
	for field, want := range map[string]any{"body": `[{"x":1}]`, "complete": true, "body_encoding": "text"} {
		if got, _ := lookUp(one, field); got != want {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
	for _, id := range []string{uuid.NewString(), "x", strings.ToUpper(refused.ID.String()) + "0"} {
		if resp, _ := e.do(t, secret, "GET", path+"/"+id, "", nil); resp.StatusCode != 404 {
			t.Errorf("request %s: %d", id, resp.StatusCode)
		}
	}
}
