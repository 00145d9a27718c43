package export_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/httpapi/openapitest"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query"
	"github.com/tributary-events/tributary/query/export"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

const adminKey = "an-administrators-key-for-tests"

type noEvents struct{}

func (noEvents) Recent(context.Context, uuid.UUID, int) ([]query.StoredEvent, error) { return nil, nil }

type noRequests struct{}

func (noRequests) Recent(context.Context, feed.Query) ([]feed.Request, error) { return nil, nil }
func (noRequests) ByID(context.Context, uuid.UUID, uuid.UUID) (feed.Request, bool, error) {
	return feed.Request{}, false, nil
}

// ask sends a request with a key to the whole API over real tables, checked against its document.
type ask func(method, path, key, accept string, check bool) (int, http.Header, string)

func newServer(t *testing.T) (ask ask, id uuid.UUID, viewer string) {
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
	conn := db.Open(t)
	connections, err := connection.NewService(connection.Config{Store: connection.NewStore(conn), CollectorID: "c", Poll: -1, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := access.New(access.Config{Store: access.NewTable(conn), AdminKey: adminKey, Poll: -1, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	for _, load := range []func(context.Context) error{connections.Load, keys.Load} {
		if err := load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d, err := connections.Create(t.Context(), connection.New{Name: "Shop: EU/DE", EventSource: "shop", EventObject: "order"})
	if err != nil {
		t.Fatal(err)
	}
	_, viewer, err = keys.Create(t.Context(), "v", access.Viewer, d.CreatedAt.AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	other := uuid.New()
	var rows bytes.Buffer
	for _, r := range []string{
		`"%s","event_id":"=1","event_timestamp":"2025-01-01 00:00:00.000","event_email":"old@example.com","event_payload":{},"received_at":"2025-01-01 00:00:00.000000"`,
		`"%s","event_id":"=1","event_timestamp":"2025-01-01 00:00:00.000","event_email":"a@example.com","event_payload":{"n":5,"f":5.0},"received_at":"2025-01-01 00:00:00.000001"`,
		`"%s","event_id":"2","event_timestamp":"2290-12-31 23:59:59.999","event_adb_cdt":"d,e","event_payload":{"a":[{"b.c":"é\"\n"}]},"received_at":"2025-01-01 00:00:00.000002"`,
	} {
		fmt.Fprintf(&rows, `{"connection_id":`+r+"}\n", d.ID)
	}
	fmt.Fprintf(&rows, `{"connection_id":"%s","event_id":"other","event_timestamp":"2025-01-01 00:00:00.000","event_payload":{}}`+"\n", other)
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"json_type_escape_dots_in_keys": 1}))
	if err := conn.InsertFormat(ctx, "JSONEachRow", "INSERT INTO events", &rows); err != nil {
		t.Fatal(err)
	}
	a, err := httpapi.New(httpapi.Config{
		Connections: connections, Keys: keys, Events: noEvents{}, Requests: noRequests{}, Logger: logger,
		Live: func(uuid.UUID) httpapi.Subscription { return nil }, Metrics: http.NotFoundHandler(),
		Ingest: func(e *gin.Engine) { e.POST("/collector/webhook_event/:token", func(*gin.Context) {}) },
		Extra: func(a *httpapi.API, v1 gin.IRouter) error {
			return export.Register(v1, export.Config{Events: export.NewEvents(conn), Connections: connections, Analyst: a.Need(access.Analyst)})
		},
		Documents: [][]byte{export.OpenAPI()},
	})
	if err != nil {
		t.Fatal(err)
	}
	checking := openapitest.CheckRoutes(t, a).Client(t)
	web := httptest.NewServer(a)
	t.Cleanup(web.Close)
	return func(method, path, key, accept string, check bool) (int, http.Header, string) {
		t.Helper()
		client := http.DefaultClient
		if check {
			client = checking
		}
		req, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/api/v1/connections/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Accept", accept)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, string(text)
	}, d.ID, viewer
}

// sorted orders rows, whose order says nothing.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestExportAPI(t *testing.T) {
	ask, id, viewer := newServer(t)
	path := id.String() + "/export"
	const csv = "event_id,event_timestamp,event_email,event_adb_cdt,event_payload\r\n" +
		"2,2290-12-31T23:59:59.999Z,,\"d,e\",\"{\"\"a\"\":[{\"\"b.c\"\":\"\"é\\\"\"\\n\"\"}]}\"\r\n" +
		"'=1,2025-01-01T00:00:00.000Z,a@example.com,,\"{\"\"f\"\":5.0,\"\"n\"\":5}\"\r\n"
	status, header, text := ask("GET", path, adminKey, "*/*", true)
	if status != 200 || sorted(text) != sorted(csv) || !strings.HasPrefix(text, "event_id,") || header.Get("Content-Disposition") != `attachment; filename="Shop- EU-DE.csv"` {
		t.Errorf("%d %v\n%s\nwant\n%s", status, header, text, csv)
	}
	const ndjson = `{"event_id":"2","event_timestamp":"2290-12-31T23:59:59.999Z","event_adb_cdt":"d,e","event_payload":{"a":[{"b.c":"é\"\n"}]}}` + "\n" +
		`{"event_id":"=1","event_timestamp":"2025-01-01T00:00:00.000Z","event_email":"a@example.com","event_payload":{"f":5.0,"n":5}}` + "\n"
	if status, _, text = ask("GET", path+"?format=ndjson", adminKey, "*/*", false); status != 200 || sorted(text) != sorted(ndjson) {
		t.Errorf("%d\n%s\nwant\n%s", status, text, ndjson)
	}
	status, _, text = ask("GET", path+"?format=parquet&to=2026-01-01&from=2025-01-01T00:00:00Z", adminKey, "*/*", false)
	file, err := parquet.OpenFile(strings.NewReader(text), int64(len(text)))
	if status != 200 || err != nil || file.NumRows() != 1 {
		t.Fatalf("%d %v", status, err)
	}
	if want := "[[event_id] [event_timestamp] [event_email] [event_adb_cdt] [event_payload]]"; fmt.Sprint(file.Schema().Columns()) != want {
		t.Errorf("columns %v", file.Schema().Columns())
	}
	if status, header, text = ask("HEAD", path, adminKey, "*/*", true); status != 200 || text != "" || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") {
		t.Errorf("HEAD: %d %v", status, header)
	}
	for _, test := range []struct {
		path, key string
		want      int
		text      string
	}{
		{path, viewer, 403, "needs the role analyst"},
		{path, "wrong", 401, ""},
		{uuid.New().String() + "/export", adminKey, 404, "no connection"},
		{"none/export", adminKey, 404, "no connection"},
		{path + "?format=xlsx&from=x&limit=3", adminKey, 422, `"field":"format"`},
		{path + "?to=31.12.2025", adminKey, 422, `"field":"to"`},
	} {
		if status, _, text := ask("GET", test.path, test.key, "*/*", true); status != test.want || !strings.Contains(text, test.text) {
			t.Errorf("%s: %d %s", test.path, status, text)
		}
	}
}
