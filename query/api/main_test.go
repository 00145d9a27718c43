package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query/api"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
	"github.com/tributary-events/tributary/query/views"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// server is the API over a database of the test's own.
type server struct {
	t           testing.TB
	conn        driver.Conn
	analyst     driver.Conn
	views       *views.Reconciler
	catalogue   *catalogue.Store
	counter     *catalogue.Counter
	http        *httptest.Server
	connections []report.Connection
	allowed     func(slug string) bool
}

var shop, crm = uuid.MustParse("00000000-0000-4000-8000-000000000001"), uuid.MustParse("00000000-0000-4000-8000-000000000002")

func newServer(t testing.TB) *server {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	runner, err := migrations.New(migrations.Config{Options: options, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runner.Close(); err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, conn: db.Open(t), analyst: db.OpenAnalyst(t), allowed: func(string) bool { return true },
		connections: []report.Connection{
			{ID: shop, Name: "Web shop", EventSource: "shop", EventObject: "order", CreatedAt: time.Unix(1, 0)},
			{ID: crm, Name: "CRM: leads!", EventSource: "crm", EventObject: "lead", CreatedAt: time.Unix(2, 0)},
		},
	}
	connections := func(context.Context) ([]report.Connection, error) { return s.connections, nil }
	definitions, err := define.NewService(define.Config{
		Conn: s.conn, Validate: api.Validate, Changed: func() { s.views.Changed() },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.views, err = views.New(views.Config{
		Conn: s.conn, Database: db.Name, Views: db.Views, Definitions: definitions.Set, Connections: connections, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.counter = catalogue.NewCounter(nil)
	s.catalogue = catalogue.NewStore(s.conn, "collector", time.Now())
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.UseRawPath = true // as the real one
	pass := func(*gin.Context) {}
	err = api.Register(engine.Group("/api/v1"), api.Config{
		Definitions: definitions, Connections: connections, Reports: &report.Runner{Conn: s.conn},
		SQL: sqlrun.New(s.analyst, sqlrun.Limits{Time: 10 * time.Second}), Catalogue: s.catalogue, Analyst: pass, Viewer: pass,
		Who: func(*gin.Context) string { return "tester" }, Allowed: func(_ context.Context, slug string) bool { return s.allowed(slug) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(engine)
	t.Cleanup(s.http.Close)
	return s
}

type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (s *server) ask(method, path, body string, header ...string) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(data)}
	if strings.Contains(response.Header.Get("Content-Type"), "json") && bytes.HasPrefix(data, []byte("{")) {
		if err := json.Unmarshal(data, &a.json); err != nil && !strings.Contains(response.Header.Get("Content-Type"), "ndjson") {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
	return a
}

// must asks and wants a status.
func (s *server) must(status int, method, path, body string, header ...string) answer {
	s.t.Helper()
	a := s.ask(method, path, body, header...)
	if a.status != status {
		s.t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, a.status, status, a.text)
	}
	return a
}

// pointers returns the pointers of a 422.
func (a answer) pointers() string {
	list, _ := a.json["errors"].([]any)
	var out []string
	for _, e := range list {
		m, _ := e.(map[string]any)
		out = append(out, fmt.Sprint(m["pointer"]))
	}
	return strings.Join(out, " ")
}

// event stores one copy of an event as the collector does, and lets the catalogue see it.
func (s *server) event(connection uuid.UUID, id, timestamp, email, payload string) {
	s.t.Helper()
	body := fmt.Sprintf(`[{"event_id":%q,"event_timestamp":%q,"event_email":%q,"event_payload":%s}]`, id, timestamp, email, payload)
	batch, err := event.NewDecoder().Decode([]byte(body), event.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	store := collector.NewClickHouse(s.conn, collector.ClickHouseConfig{Protocol: clickhouse.HTTP, MaxDynamicPaths: migrations.MaxDynamicPaths})
	block := store.NewBlock()
	block.Append(connection, time.Now().UnixMicro(), batch, 0, len(batch.Events))
	if err := store.Insert(s.t.Context(), block); err != nil {
		s.t.Fatal(err)
	}
	s.counter.Observe(connection, batch)
}
