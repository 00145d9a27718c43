package block

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/event"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// baseTime is received_at of a batch's first event, µs.
const baseTime = 1767323045678901

var (
	connectionA = uuid.MustParse("01234567-89ab-cdef-fedc-ba9876543210")
	connectionB = uuid.MustParse("00000000-0000-4000-8000-000000000001")
)

// store is a database of the real engine.
type store struct {
	testing.TB
	conn driver.Conn
}

func newStore(t testing.TB) store {
	t.Helper()
	return store{t, enginetest.New(t).Open(t)}
}

// context carries the settings that inserts and reads of events need.
func (s store) context(more clickhouse.Settings) context.Context {
	all := clickhouse.Settings{
		"input_format_try_infer_dates":     0,
		"input_format_try_infer_datetimes": 0,
		"json_type_escape_dots_in_keys":    1,
		"type_json_skip_duplicated_paths":  0,
		"optimize_on_insert":               0,
	}
	maps.Copy(all, more)
	return clickhouse.Context(s.Context(), clickhouse.WithSettings(all))
}

func (s store) exec(query string) {
	s.Helper()
	if err := s.conn.Exec(s.context(nil), query); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
}

func (s store) create(table string, maxPaths int) {
	s.Helper()
	s.exec(fmt.Sprintf(`CREATE TABLE %s (
		connection_id UUID,
		event_id String,
		event_timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
		event_email String CODEC(ZSTD(1)),
		event_adb_cdt String CODEC(ZSTD(1)),
		event_payload JSON(max_dynamic_paths=%d) CODEC(ZSTD(1)),
		received_at DateTime64(7, 'UTC') CODEC(Delta(8), ZSTD(1)),
		is_deleted UInt8 DEFAULT 0
	) ENGINE = ReplacingMergeTree(received_at, is_deleted) ORDER BY (connection_id, event_timestamp, event_id)`, table, maxPaths))
}

// insert sends the builder's block.
func (s store) insert(table string, b *Builder) {
	s.Helper()
	var buf bytes.Buffer
	n, err := b.WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		s.Fatalf("WriteTo = %d, %v; wrote %d", n, err, buf.Len())
	}
	if err := s.conn.InsertFormat(s.context(nil), "Native", "INSERT INTO "+table+" ("+b.Columns()+")", &buf); err != nil {
		s.Fatalf("insert block: %v", err)
	}
}

// insertText sends the batch for ClickHouse to parse, each event as a block of
// its own, so that no value's type depends on the events before it.
func (s store) insertText(table string, connection uuid.UUID, batch *event.Batch) {
	s.Helper()
	var text []byte
	for i, e := range batch.Events {
		text = fmt.Appendf(text, `{"connection_id":%q,"event_id":%q,"event_timestamp":%q,"event_email":%q,"event_adb_cdt":%q,"event_payload":`,
			connection, batch.Text(e.ID), time.UnixMilli(e.Timestamp).UTC().Format("2006-01-02 15:04:05.000"), batch.Text(e.Email), batch.Text(e.CDT))
		if e.Payload == 0 {
			text = append(text, "{}"...)
		} else {
			text = event.AppendPayload(text, batch, e.Payload)
		}
		text = fmt.Appendf(text, `,"received_at":%q}`+"\n", time.UnixMicro(baseTime+int64(i)).UTC().Format("2006-01-02 15:04:05.000000"))
	}
	ctx := s.context(clickhouse.Settings{"max_insert_block_size": 1, "input_format_parallel_parsing": 0})
	if err := s.conn.InsertFormat(ctx, "JSONEachRow", "INSERT INTO "+table, bytes.NewReader(text)); err != nil {
		s.Fatalf("insert text: %v", err)
	}
}

// query returns the rows of a query that selects one string.
func (s store) query(query string) []string {
	s.Helper()
	rows, err := s.conn.Query(s.context(nil), query)
	if err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			s.Fatalf("%s: %v", query, err)
		}
		out = append(out, line)
	}
	if err := rows.Err(); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return out
}

// body is a request with one event for each payload, their IDs e0000, e0001, …
func body(payloads ...string) []byte {
	var b strings.Builder
	for i, p := range payloads {
		cdt := ""
		if i%3 == 0 {
			cdt = `"event_adb_cdt":"person ü",`
		}
		fmt.Fprintf(&b, `%c{"event_id":"e%04d","event_timestamp":"2026-01-02T03:04:05.%03dZ","event_email":"a%d@example.com",%s"event_payload":%s}`,
			"[,"[min(i, 1)], i, i%1000, i, cdt, p)
	}
	if len(payloads) == 0 {
		b.WriteByte('[')
	}
	return append([]byte(b.String()), ']')
}

func decode(t testing.TB, body []byte) *event.Batch {
	t.Helper()
	batch, err := event.NewDecoder().Decode(body, event.Options{})
	if err != nil {
		t.Fatalf("decode: %.1000v\n%.1000s", err, body)
	}
	return batch
}

// blockOf returns a builder that holds the whole batch.
func blockOf(connection uuid.UUID, batch *event.Batch, maxPaths int) *Builder {
	b := New(Options{MaxDynamicPaths: maxPaths})
	b.Append(connection, baseTime, batch, 0, len(batch.Events))
	return b
}
