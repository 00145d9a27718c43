// Package query answers questions about stored events: from a definition to SQL to
// rows. It only reads, and never from the ingest side's memory.
//
// Invariants:
//   - Every answer counts each event once: the copy received last.
//   - SQL is made by pure functions that are held against golden files; what comes
//     from outside is bound as a parameter, never pasted into the text.
package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// ErrUnavailable says that ClickHouse did not answer.
var ErrUnavailable = errors.New("ClickHouse is unavailable")

// StoredEvent is an event as it is stored. Times are UTC, of milliseconds and of
// microseconds.
type StoredEvent struct {
	EventID        string    `json:"event_id"`
	EventTimestamp time.Time `json:"event_timestamp"`
	// EventEmail and EventADBCDT are nil where the event had none.
	EventEmail  *string `json:"event_email"`
	EventADBCDT *string `json:"event_adb_cdt"`
	// EventPayload is a JSON object. Its integers are written as such, whatever
	// their size: a reader that knows doubles alone rounds those beyond 2^53.
	EventPayload json.RawMessage `json:"event_payload"`
	ReceivedAt   time.Time       `json:"received_at"`
}

const (
	recentTimeout = 20 * time.Second
	// recentMemory bounds what one answer holds: a single payload may have 300 kB.
	recentMemory = 16 << 20
)

// Recent reads the newest events. It is safe for concurrent use.
type Recent struct {
	conn driver.Conn
}

// NewRecent returns a reader over a connection whose default database holds the
// tables.
func NewRecent(conn driver.Conn) *Recent { return &Recent{conn: conn} }

// Recent returns the newest events of a connection by their receipt, newest first,
// at most limit and, where they are large, as many as 16 MiB hold. Errors wrap
// ErrUnavailable.
func (r *Recent) Recent(ctx context.Context, connection uuid.UUID, limit int) ([]StoredEvent, error) {
	ctx, cancel := context.WithTimeout(ctx, recentTimeout)
	defer cancel()
	events, full, err := r.read(ctx, recentSQL(recentWindow(limit)), connection, limit)
	if err == nil && !full {
		// Fewer events than wanted, or so many copies of some that the window held no more.
		events, _, err = r.read(ctx, recentSQL(0), connection, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read recent events: %w: %w", ErrUnavailable, err)
	}
	return events, nil
}

// recentWindow is how many rows the quick form looks at for a number of events.
func recentWindow(limit int) int { return 2*limit + 100 }

// recentSQL finds the newest events without FINAL, which would merge all events of the
// connection: of an event's copies the newest wins, and in order of receipt it
// comes first, so LIMIT 1 BY keeps just that.
//
// The innermost query finds since when they were received, reading one small column
// for a window of rows, or the ids too for exactly as many events as wanted (0);
// payloads are read of what is newer alone. The outermost stops where the payloads
// become too large together. With a million events a sixth of the time finds the
// time of receipt; picking the rows by id instead took 1.6 times as long.
func recentSQL(window int) string {
	newest := `SELECT received_at FROM events WHERE connection_id = {connection:UUID} AND NOT is_deleted
                ORDER BY received_at DESC LIMIT {window:UInt32}`
	if window == 0 {
		newest = `SELECT max(received_at) AS received_at FROM events WHERE connection_id = {connection:UUID} AND NOT is_deleted
                GROUP BY event_id ORDER BY received_at DESC LIMIT {limit:UInt32}`
	}
	return `SELECT event_id, toUnixTimestamp64Milli(event_timestamp), event_email, event_adb_cdt, payload, received_at, found
FROM (
    SELECT *, count() OVER () AS found,
        sum(length(payload)) OVER (ORDER BY received_at DESC, event_id ROWS UNBOUNDED PRECEDING) AS size
    FROM (
        SELECT event_id, event_timestamp, event_email, event_adb_cdt, toJSONString(event_payload) AS payload, received_at
        FROM events
        WHERE connection_id = {connection:UUID} AND NOT is_deleted AND received_at >= (
            SELECT min(received_at) FROM (
                ` + newest + `
            )
        )
        ORDER BY received_at DESC, event_id
        LIMIT 1 BY event_id
        LIMIT {limit:UInt32}
    )
)
WHERE size <= {memory:UInt64}
ORDER BY received_at DESC, event_id`
}

// read runs the statement. Full tells that as many events were found as wanted.
func (r *Recent) read(ctx context.Context, sql string, connection uuid.UUID, limit int) (events []StoredEvent, full bool, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"connection": connection.String(),
		"limit":      strconv.Itoa(limit),
		"window":     strconv.Itoa(recentWindow(limit)),
		"memory":     strconv.Itoa(recentMemory),
	}), clickhouse.WithSettings(clickhouse.Settings{
		"output_format_json_quote_64bit_integers": 0,
		"json_type_escape_dots_in_keys":           1,
	}))
	rows, err := r.conn.Query(ctx, sql)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			e                   StoredEvent
			email, cdt, payload string
			found               uint64
			at                  int64 // ms; the driver's own times end in the year 2262
		)
		if err := rows.Scan(&e.EventID, &at, &email, &cdt, &payload, &e.ReceivedAt, &found); err != nil {
			return nil, false, err
		}
		e.EventTimestamp, e.ReceivedAt = time.UnixMilli(at).UTC(), e.ReceivedAt.UTC()
		e.EventEmail, e.EventADBCDT = OrNil(email), OrNil(cdt)
		e.EventPayload = json.RawMessage(payload)
		events, full = append(events, e), found >= uint64(limit)
	}
	return events, full, rows.Err()
}

// OrNil returns nil for an empty text: how a StoredEvent says that a field was absent.
func OrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
