// Package eventtest helps tests that write rows of the table events themselves.
package eventtest

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Supersede writes what the collector writes with every copy of an event whose timestamp
// has moved (collector/dedup): tombstones for all timestamps but that of the copy
// received last. Call it after the copies are there.
func Supersede(t testing.TB, conn driver.Conn) {
	t.Helper()
	if err := conn.Exec(t.Context(), `INSERT INTO events (connection_id, event_id, event_timestamp, received_at, is_deleted)
SELECT connection_id, event_id, arrayJoin(arrayFilter(x -> x != winner, times)), newest, 1 FROM (
    SELECT connection_id, event_id, groupUniqArray(event_timestamp) AS times,
        max(received_at) AS newest, argMax(event_timestamp, received_at) AS winner
    FROM events WHERE NOT is_deleted GROUP BY connection_id, event_id HAVING length(times) > 1
)`); err != nil {
		t.Fatal(err)
	}
}
