package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRetention removes what is too old, bytes and all, and nothing else: an older copy
// of an event that has moved into the past does not come back.
func TestRetention(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.plainTables()
	var list apiList
	p.api("GET", "/api/v1/connections", nil, &list)
	id := list.Data[0].ID
	today := time.Now().UTC().Format(time.RFC3339)
	at := func(id, timestamp, mark string) string {
		return fmt.Sprintf(`[{"event_id":%q,"event_timestamp":%q,"event_email":"a@people.example","event_payload":{"mark":%q}}]`, id, timestamp, mark)
	}
	p.mustPost(201, at("old", "2020-01-01", "oldmark"))
	p.mustPost(201, at("moved back", today, "movedmark"))
	p.mustPost(201, at("moved on", "2020-01-01", "laggardmark"))
	p.mustPost(201, at("new", today, "newmark"))
	p.becomes(10*time.Second, "SELECT count() FROM events", "4")
	p.mustPost(201, at("moved back", "2020-06-01", "movedmark2"))
	p.mustPost(201, at("moved on", today, "keptmark"))
	p.becomes(10*time.Second, "SELECT countIf(toString(event_payload.mark) IN ('movedmark2', 'keptmark')) FROM events", "2")
	// It waits for the spool too: what was accepted is let go of there after a rest.
	out, err := command(data, "connection", "retention", id, "--days", "365", "--server", p.app).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "365 days") {
		t.Fatalf("%v %s", err, out)
	}
	var status int
	var problem map[string]any
	for _, days := range []any{0, -1, 40_000, "x", 1.5} {
		if status = p.api("PATCH", "/api/v1/connections/"+id, map[string]any{"retention_days": days}, &problem); status != 422 {
			t.Errorf("retention of %v: %d %v", days, status, problem)
		}
	}
	if files := holding(t, filepath.Join(data, "clickhouse"), "movedmark"); len(files) == 0 {
		t.Fatal("the search would prove nothing")
	}
	if out, err := command(data, "connection", "retention", id, "--apply", "--server", p.app).CombinedOutput(); err != nil || !strings.Contains(string(out), "removed") {
		t.Fatalf("%v %s", err, out)
	}
	p.becomes(time.Second, "SELECT arrayStringConcat(arraySort(groupArray(event_id)), ',') FROM events", "moved on,new")
	for _, mark := range []string{"oldmark", "movedmark", "laggardmark"} {
		if files := holding(t, filepath.Join(data, "clickhouse"), mark); len(files) > 0 {
			t.Errorf("%s is still in %v", mark, files)
		}
	}
	// The setting survives a restart and can be taken back.
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	p = serve(t, data)
	if p.api("GET", "/api/v1/connections", nil, &list); list.Data[0].RetentionDays == nil || *list.Data[0].RetentionDays != 365 {
		t.Errorf("%+v", list.Data[0])
	}
	var c connectionView
	if status := p.api("PATCH", "/api/v1/connections/"+id, map[string]any{"name": "Renamed"}, &c); status != 200 || c.RetentionDays == nil {
		t.Errorf("a patch of the name: %d %+v", status, c)
	}
	if status := p.api("PATCH", "/api/v1/connections/"+id, map[string]any{"retention_days": nil}, &c); status != 200 || c.RetentionDays != nil {
		t.Errorf("for ever: %d %+v", status, c)
	}
	if status := p.api("POST", "/api/v1/connections/"+id+"/retention", nil, &problem); status != 422 {
		t.Errorf("without a retention: %d %v", status, problem)
	}
}

// TestDeletedConnectionLeavesNothing deletes a connection with events in the tables and
// on their way, kills the program at once, and finds nothing after the next start.
func TestDeletedConnectionLeavesNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.plainTables()
	var list apiList
	p.api("GET", "/api/v1/connections", nil, &list)
	id := list.Data[0].ID
	var other connectionView
	if status := p.api("POST", "/api/v1/connections", map[string]any{"name": "Other", "event_source": "s", "event_object": "o", "retention_days": 9}, &other); status != 201 || other.RetentionDays == nil {
		t.Fatalf("%d %+v", status, other)
	}
	kept := *p
	kept.webhook = other.WebhookURL
	kept.mustPost(201, "["+anEvent("kept", "kept@people.example", "")+"]")
	for i := range 20 {
		p.mustPost(201, "["+anEvent(fmt.Sprint(i), "gonemark@people.example", `,"event_payload":{"sample":"gonemark"}`)+"]")
	}
	p.mustPost(422, `[{"event_id":"","event_timestamp":"2025-12-01","event_email":"gonemark@people.example"}]`)
	p.becomes(10*time.Second, "SELECT count() FROM events", "21")
	waitFor(t, "the catalogue and the refused request", func() bool {
		return p.engineExec("SELECT (SELECT count() > 0 FROM field_catalogue) AND (SELECT count() > 0 FROM refused_requests)") == "1"
	})
	p.mustPost(201, "["+anEvent("last", "gonemark@people.example", "")+"]")
	if status := p.api("DELETE", "/api/v1/connections/"+id, nil, nil); status != 204 {
		t.Fatal(status)
	}
	p.kill()
	p = serve(t, data)
	waitFor(t, "the removal", func() bool {
		return p.engineExec("SELECT (SELECT count() FROM events FINAL) = 1 AND (SELECT count() FROM refused_requests) = 0 AND "+
			"(SELECT count() FROM field_catalogue WHERE connection_id = '"+id+"') = 0") == "1"
	})
	waitFor(t, "the files to go", func() bool { return len(holding(t, data, "gonemark")) == 0 })
	p.becomes(time.Second, "SELECT event_id FROM events", "kept")

	// And while it runs on.
	if status := p.api("DELETE", "/api/v1/connections/"+other.ID, nil, nil); status != 204 {
		t.Fatal(status)
	}
	waitFor(t, "the removal", func() bool { return p.engineExec("SELECT count() FROM events") == "0" })
}
