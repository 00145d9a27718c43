package main

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/tributary-events/tributary/internal/httpapi"
)

// The operate page sees what was received, what was refused and how its parts are.
func TestStatus(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	const good = `[{"event_id":"1","event_timestamp":"2025-12-08T15:21:11Z","event_email":"ada@example.com"},{"event_id":"2","event_timestamp":"2025-12-08T15:21:11Z","event_email":"ada@example.com"}]`
	for body, want := range map[string]int{good: http.StatusCreated, `[{}]`: http.StatusUnprocessableEntity, `{`: http.StatusBadRequest} {
		if status, text, err := p.post(body); err != nil || status != want {
			t.Fatalf("%d %s %v", status, text, err)
		}
	}
	p.becomes(10*time.Second, "SELECT count() FROM events", "2")
	var s httpapi.Status
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if code := p.api("GET", "/api/v1/status", nil, &s); code != http.StatusOK {
			t.Fatalf("status %d", code)
		}
		if s.Refused.LastHour == 2 && s.Storage != nil && s.Storage.Rows == 2 && len(s.Ingest.History) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 30 s: %+v", s)
		}
	}
	if s.State != httpapi.HealthOK || s.Engine.State != httpapi.HealthOK || s.Engine.Kind != httpapi.EngineEmbedded || s.Engine.Version == "" {
		t.Errorf("engine: %+v", s)
	}
	if s.Ingest.EventsTotal != 2 || s.Ingest.RequestsTotal != 1 {
		t.Errorf("ingest: %+v", s.Ingest)
	}
	if s.Refused.ByStatus["422"] != 1 || s.Refused.ByStatus["400"] != 1 {
		t.Errorf("refused: %+v", s.Refused)
	}
	if s.Disk.FreeBytes <= 0 || s.Disk.TotalBytes < s.Disk.FreeBytes || s.Spool.LimitBytes != 8<<30 || s.Spool.WaitingBytes != 0 {
		t.Errorf("disk: %+v, spool: %+v", s.Disk, s.Spool)
	}
	names := map[string]httpapi.Health{}
	for _, c := range s.Checks {
		names[c.Name] = c.State
	}
	for _, name := range []string{"clickhouse", "migrations", "spool", "data folder", "disk space"} {
		if names[name] != httpapi.HealthOK {
			t.Errorf("check %s: %q of %+v", name, names[name], s.Checks)
		}
	}
}
