package report_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/internal/eventtest"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// store is a migrated database of a test's own.
func store(t testing.TB) driver.Conn {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := migrations.New(migrations.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := runner.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db.Open(t)
}

// stored is one copy of an event.
type stored struct {
	Connection uuid.UUID       `json:"connection_id"`
	ID         string          `json:"event_id"`
	Timestamp  string          `json:"event_timestamp"`
	Email      string          `json:"event_email"`
	CDT        string          `json:"event_adb_cdt"`
	Payload    json.RawMessage `json:"event_payload"`
	ReceivedAt string          `json:"received_at"`
}

const timestampLayout = "2006-01-02 15:04:05.000000"

func at(t time.Time) string { return t.UTC().Format(timestampLayout) }

// insert stores copies of events as they are.
func insert(t testing.TB, conn driver.Conn, events ...stored) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range events {
		if e.Payload == nil {
			e.Payload = json.RawMessage("{}")
		}
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	ctx := clickhouse.Context(context.Background(), clickhouse.WithSettings(clickhouse.Settings{
		"input_format_try_infer_dates": 0, "input_format_try_infer_datetimes": 0, "json_type_escape_dots_in_keys": 1,
	}))
	if err := conn.InsertFormat(ctx, "JSONEachRow", "INSERT INTO events", strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
	eventtest.Supersede(t, conn)
}

func field(name, path string, typ define.Type) *define.Field {
	return &define.Field{Name: name, Path: path, Type: typ}
}

func setOf(fields ...*define.Field) *define.Set {
	s := define.NewSet()
	for _, f := range fields {
		s.Fields[f.Name] = f
	}
	return s
}

func mustDecode(t testing.TB, body string) report.Request {
	t.Helper()
	r, err := report.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
