package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/privacy"
	"github.com/tributary-events/tributary/query/people"
)

// withPeople adds the real reader and the real eraser over the test's database.
func withPeople(t *testing.T) *env {
	t.Helper()
	var e *env
	late := &latePeople{}
	e = newEnv(t, func(c *httpapi.Config) { c.People, c.Erasures, c.Retention = late, late, late })
	var database string
	if err := e.conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&database); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if late.Eraser, err = privacy.New(privacy.Config{Conn: e.conn, Database: database, Poll: -1, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if late.Janitor, err = privacy.NewJanitor(privacy.JanitorConfig{Conn: e.conn, Database: database, Logger: quiet, Connections: func(context.Context) ([]privacy.Kept, error) { return nil, nil }}); err != nil {
		t.Fatal(err)
	}
	late.History = people.New(e.conn)
	return e
}

// latePeople is filled once the test's database is there.
type latePeople struct {
	*privacy.Eraser
	*privacy.Janitor
	*people.History
}

func (e *env) event(t *testing.T, connection uuid.UUID, id, email, cdt string, at time.Time) {
	t.Helper()
	if err := e.conn.Exec(t.Context(), `INSERT INTO events (connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)
		SELECT ?, ?, ?, ?, ?, '{}', now64(6)`, connection, id, at, email, cdt); err != nil {
		t.Fatal(err)
	}
}

func TestPeople(t *testing.T) {
	e := withPeople(t)
	d := e.create(t, "people")
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range 3 {
		e.event(t, d.ID, fmt.Sprint(i), "Ada+x@Example.com", "", now.Add(-time.Duration(i)*time.Minute))
	}
	e.event(t, d.ID, "anonymous", "", "cdt 1", now.Add(-time.Hour))
	ask := func(role access.Role, method, path string, status int, want fields) any {
		t.Helper()
		resp, body := e.do(t, e.secrets[role], method, path, "", nil)
		if resp.StatusCode != status {
			t.Fatalf("%s %s: status %d, want %d: %v", method, path, resp.StatusCode, status, body)
		}
		for path, value := range want {
			if got, _ := lookUp(body, path); fmt.Sprint(got) != fmt.Sprint(value) {
				t.Errorf("%s %s: %s is %v, want %v", method, path, path, got, value)
			}
		}
		return body
	}
	// However the address is written into the path, its plus stays one.
	for _, address := range []string{"ada+x@example.com", "ada%2Bx%40example.com", "ADA+x%40example.com"} {
		body := ask(access.Analyst, "GET", "/api/v1/people/"+address+"/events?limit=2", 200, fields{"data.0.event_id": 0, "data.1.event_id": 1, "data.0.connection": "people"})
		next, _ := lookUp(body, "next_cursor")
		ask(access.Analyst, "GET", fmt.Sprintf("/api/v1/people/%s/events?limit=2&cursor=%v", address, next), 200, fields{"data.0.event_id": 2, "next_cursor": nil})
	}
	ask(access.Analyst, "GET", "/api/v1/people/cdt%201/events", 200, fields{"data.0.event_id": "anonymous"})
	ask(access.Analyst, "GET", "/api/v1/people/a@b.example/events?cursor=x", 422, fields{"errors.0.field": "cursor"})
	ask(access.Analyst, "GET", "/api/v1/people/a@b.example/events?limit=501", 422, nil)
	ask(access.Admin, "DELETE", "/api/v1/people/nobody", 422, fields{"errors.0.code": "email"})
	ask(access.Admin, "DELETE", "/api/v1/people/ada+x@example.com?dry_run=yes", 422, fields{"errors.0.field": "dry_run"})
	ask(access.Analyst, "DELETE", "/api/v1/people/ada+x@example.com", 403, nil)
	ask(access.Admin, "DELETE", "/api/v1/people/ada+x@example.com?dry_run=true", 200, fields{"events_erased": 3, "dry_run": true, "erased_at": nil})
	ask(access.Admin, "DELETE", "/api/v1/people/ADA%2Bx%40example.com", 200, fields{"events_erased": 3, "remaining": 0, "finished": true, "requested_by": "administrator"})
	ask(access.Analyst, "GET", "/api/v1/people/ada+x@example.com/events", 200, fields{"data.0": nil, "next_cursor": nil})
	ask(access.Analyst, "GET", "/api/v1/erasures", 403, nil)
	ask(access.Admin, "GET", "/api/v1/erasures", 200, fields{"data.0.events_erased": 3, "data.1": nil})
}

func TestRetentionOfAConnection(t *testing.T) {
	e := withPeople(t)
	d := e.create(t, "kept")
	e.event(t, d.ID, "old", "a@example.com", "", time.Now().AddDate(0, 0, -40))
	e.event(t, d.ID, "new", "a@example.com", "", time.Now())
	path := "/api/v1/connections/" + d.ID.String()
	for _, step := range []struct {
		method, path, body string
		status             int
		days               any // in the answer
	}{
		{"POST", path + "/retention", "", 422, nil},
		{"PATCH", path, `{"retention_days": 30}`, 200, 30},
		{"PATCH", path, `{"name": "still kept"}`, 200, 30},
		{"PATCH", path, `{"retention_days": 0}`, 422, nil},
		{"PATCH", path, `{"retention_days": 36501}`, 422, nil},
		{"PATCH", path, `{"retention_days": "30"}`, 422, nil},
		{"POST", path + "/retention", "", 200, nil},
		{"PATCH", path, `{"retention_days": null}`, 200, nil},
		{"POST", "/api/v1/connections", `{"name":"n","event_source":"s","event_object":"o","retention_days":7}`, 201, 7},
		{"POST", "/api/v1/connections", `{"name":"n","event_source":"s","event_object":"o","retention_days":0}`, 422, nil},
	} {
		header := http.Header{}
		if step.body != "" {
			header.Set("Content-Type", "application/json")
		}
		resp, body := e.do(t, e.secrets[access.Admin], step.method, step.path, step.body, header)
		got, _ := lookUp(body, "retention_days")
		if resp.StatusCode != step.status || fmt.Sprint(got) != fmt.Sprint(step.days) {
			t.Errorf("%s %s %s: %d %v", step.method, step.path, step.body, resp.StatusCode, body)
		}
	}
	var left string
	if err := e.conn.QueryRow(t.Context(), "SELECT arrayStringConcat(groupArray(event_id)) FROM events").Scan(&left); err != nil || left != "new" {
		t.Errorf("left: %s, %v", left, err)
	}
}
