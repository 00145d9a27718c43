package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/migrations"
)

// stored is a row as ingest writes it; at is the receipt in seconds.
type stored struct {
	id, email, cdt, payload string
	at                      int
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newEvents(t testing.TB) driver.Conn {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	r, err := migrations.New(migrations.Config{Options: options, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db.Open(t)
}

// insert writes rows as one part.
func insert(t testing.TB, conn driver.Conn, connection uuid.UUID, rows ...stored) {
	t.Helper()
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{
		"json_type_escape_dots_in_keys": 1, "input_format_try_infer_dates": 0, "input_format_try_infer_datetimes": 0,
		"optimize_on_insert": 0, // or copies within one part would be gone at once
	}))
	batch, err := conn.PrepareBatch(ctx, `INSERT INTO events
		(connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)`)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.payload == "" {
			r.payload = "{}"
		}
		at := start.Add(time.Duration(r.at) * time.Second)
		if err := batch.Append(connection, r.id, start, r.email, r.cdt, r.payload, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
}

func recent(t testing.TB, conn driver.Conn, connection uuid.UUID, limit int) []StoredEvent {
	t.Helper()
	events, err := NewRecent(conn).Recent(t.Context(), connection, limit)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// ids lists events as "id@second of receipt".
func ids(events []StoredEvent) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = fmt.Sprintf("%s@%d", e.EventID, int(e.ReceivedAt.Sub(start).Seconds()))
	}
	return out
}

func TestRecentShowsEventsAsStored(t *testing.T) {
	conn := newEvents(t)
	id := uuid.New()
	insert(t, conn, id,
		stored{id: "full", email: "Jane@Example.com", cdt: "adb:1", at: 2, payload: `{"b":{"c":[1,{"d":"2025-01-01"}]},"a.b":"dot","":0,
			"big":9223372036854775807,"huge":18446744073709551615,"float":0.1,"text":"<&> ü \"q\" \u2028","flag":true}`},
		stored{id: "anonymous ' {limit:UInt32} ?", cdt: "adb:2", at: 1},
	)
	insert(t, conn, uuid.New(), stored{id: "of another connection", at: 3})
	got := recent(t, conn, id, 10)
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, exact := range []string{`:9223372036854775807`, `:18446744073709551615`, `:0.1`} {
		if !strings.Contains(string(text), exact) {
			t.Errorf("the number %s is not there as it was: %s", exact, text)
		}
	}
	email, cdt, cdt2 := "Jane@Example.com", "adb:1", "adb:2"
	var payload any
	if err := json.Unmarshal(got[0].EventPayload, &payload); err != nil {
		t.Fatal(err)
	}
	wantPayload := map[string]any{
		"b": map[string]any{"c": []any{1.0, map[string]any{"d": "2025-01-01"}}}, "a.b": "dot", "": 0.0,
		"big": 9223372036854775807.0, "huge": 18446744073709551615.0, "float": 0.1, "text": "<&> ü \"q\" \u2028", "flag": true,
	}
	if diff := cmp.Diff(wantPayload, payload); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	got[0].EventPayload = nil
	want := []StoredEvent{
		{EventID: "full", EventTimestamp: start, EventEmail: &email, EventADBCDT: &cdt, ReceivedAt: start.Add(2 * time.Second)},
		{
			EventID: "anonymous ' {limit:UInt32} ?", EventTimestamp: start, EventADBCDT: &cdt2,
			EventPayload: json.RawMessage("{}"), ReceivedAt: start.Add(time.Second),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRecentCountsEachEventOnce(t *testing.T) {
	conn := newEvents(t)
	tests := []struct {
		name  string
		parts [][]stored
		limit int
		want  []string
	}{
		{"none", nil, 5, []string{}},
		{
			"the copy received last, wherever it lies",
			[][]stored{{{id: "a", at: 9}, {id: "b", at: 2}}, {{id: "a", at: 1}, {id: "c", at: 3}}},
			5,
			[]string{"a@9", "c@3", "b@2"},
		},
		{
			"the same row twice, as a replay inserts it",
			[][]stored{{{id: "a", at: 1}, {id: "b", at: 2}}, {{id: "a", at: 1}, {id: "b", at: 2}}},
			5,
			[]string{"b@2", "a@1"},
		},
		{"no more than the limit", [][]stored{{{id: "a", at: 1}, {id: "b", at: 2}, {id: "c", at: 3}}}, 2, []string{"c@3", "b@2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := uuid.New()
			for _, part := range tt.parts {
				insert(t, conn, id, part...)
			}
			if diff := cmp.Diff(tt.want, ids(recent(t, conn, id, tt.limit))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// More copies of one event than the quick form looks at must not hide the others.
func TestRecentBehindManyCopies(t *testing.T) {
	conn := newEvents(t)
	id := uuid.New()
	insert(t, conn, id, stored{id: "old", at: 1}, stored{id: "older", at: 0})
	const limit = 3
	var copies []stored
	for i := range recentWindow(limit) + 1 {
		copies = append(copies, stored{id: "again and again", at: 10 + i})
	}
	insert(t, conn, id, copies...)
	want := []string{fmt.Sprintf("again and again@%d", 10+recentWindow(limit)), "old@1", "older@0"}
	if diff := cmp.Diff(want, ids(recent(t, conn, id, limit))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRecentIsBounded(t *testing.T) {
	conn := newEvents(t)
	id := uuid.New()
	large := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 250_000))
	var rows []stored
	for i := range 80 {
		rows = append(rows, stored{id: fmt.Sprint(i), at: i, payload: large})
	}
	insert(t, conn, id, rows...)
	got := recent(t, conn, id, 500)
	size := 0
	for _, e := range got {
		size += len(e.EventPayload)
	}
	if size > recentMemory || size < recentMemory-300_000 {
		t.Errorf("%d events of %d bytes; the bound is %d", len(got), size, recentMemory)
	}
	if got[0].EventID != "79" {
		t.Errorf("the first is %s", got[0].EventID)
	}
}

func TestRecentWithoutAnEngine(t *testing.T) {
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{"127.0.0.1:1"}, Protocol: clickhouse.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := NewRecent(conn).Recent(t.Context(), uuid.New(), 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewRecent(conn).Recent(ctx, uuid.New(), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not tell that the caller has gone", err)
	}
}

func BenchmarkRecent(b *testing.B) {
	conn := newEvents(b)
	id := uuid.New()
	if err := conn.Exec(b.Context(), `INSERT INTO events
		SELECT ?, toString(generateUUIDv4(number)), now64(3), 'a@b.co', '', toJSONString(map('n', number, 'm', number % 7))::JSON,
			fromUnixTimestamp64Micro(toInt64(1700000000000000 + number), 'UTC')
		FROM numbers(1000000)`, id); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		recent(b, conn, id, 50)
	}
}
