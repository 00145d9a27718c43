package export

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// ErrUnavailable says that ClickHouse did not answer, or not to the end.
var ErrUnavailable = errors.New("ClickHouse is unavailable")

// Query says which events are wanted.
type Query struct {
	Connection uuid.UUID
	// From is included, To is not; zero = without bound.
	From, To time.Time
}

// Event is one event as it is written. Its bytes are valid until the next.
type Event struct {
	ID        string
	Timestamp time.Time // UTC, to the millisecond
	Email     string    // "" = none
	CDT       string    // "" = none
	Payload   []byte    // a JSON object
}

// Events reads events. It is safe for concurrent use.
type Events struct{ conn driver.Conn }

// NewEvents returns a reader over a connection whose default database holds the tables.
func NewEvents(conn driver.Conn) *Events { return &Events{conn: conn} }

// eventsSQL selects events each once. FINAL merges in the order of the key while it
// reads, so that nothing is sorted and nothing held.
//
// JSON text does not tell 5.0 from 5, which ClickHouse's JSON type does. So the payload
// is rendered twice, floats in quotes the second time: where the two differ is a float
// (payload.go). Settings of a subquery hold for it alone.
//
// The time as a number: the driver counts nanoseconds, which end in the year 2262.
func eventsSQL(q Query) string {
	where := "connection_id = {connection:UUID}"
	if !q.From.IsZero() {
		where += "\n        AND event_timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')"
	}
	if !q.To.IsZero() {
		where += "\n        AND event_timestamp < fromUnixTimestamp64Milli({to:Int64}, 'UTC')"
	}
	return `SELECT event_id, toUnixTimestamp64Milli(event_timestamp) AS at, event_email, event_adb_cdt, toJSONString(event_payload) AS bare, quoted
FROM (
    SELECT event_id, event_timestamp, event_email, event_adb_cdt, event_payload, toJSONString(event_payload) AS quoted
    FROM events FINAL
    WHERE ` + where + `
    SETTINGS output_format_json_quote_64bit_floats = 1
)`
}

// settings make JSON text of payloads as it was received.
var settings = clickhouse.Settings{
	"json_type_escape_dots_in_keys":             1,
	"output_format_json_quote_64bit_integers":   0,
	"output_format_json_escape_forward_slashes": 0,
	// A large block of large payloads is much memory, here and there.
	"max_block_size":             8192,
	"preferred_block_size_bytes": 4 << 20,
	"max_threads":                2,
	"optimize_read_in_order":     1,
	"max_execution_time":         0,
}

// Each calls do for every event. Errors wrap ErrUnavailable, or are do's.
func (e *Events) Each(ctx context.Context, q Query, do func(*Event) error) (err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(settings), clickhouse.WithParameters(clickhouse.Parameters{
		"connection": q.Connection.String(),
		"from":       strconv.FormatInt(q.From.UnixMilli(), 10),
		"to":         strconv.FormatInt(q.To.UnixMilli(), 10),
	}))
	rows, err := e.conn.Query(ctx, eventsSQL(q))
	if err != nil {
		return unavailable(err)
	}
	defer func() {
		if closing := rows.Close(); err == nil && closing != nil {
			err = unavailable(closing)
		}
	}()
	var (
		x            Event
		bare, quoted string
		at           int64
	)
	for rows.Next() {
		if err := rows.Scan(&x.ID, &at, &x.Email, &x.CDT, &bare, &quoted); err != nil {
			return unavailable(err)
		}
		x.Timestamp = time.UnixMilli(at).UTC()
		if x.Payload, err = markFloats(x.Payload[:0], bare, quoted); err != nil {
			return fmt.Errorf("event %q: %w", x.ID, err)
		}
		if err := do(&x); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error { return fmt.Errorf("export: %w: %w", ErrUnavailable, err) }
