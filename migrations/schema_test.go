package migrations

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var (
	shop    = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	crm     = uuid.MustParse("22222222-2222-4222-8222-222222222222")
	deleted = uuid.MustParse("33333333-3333-4333-8333-333333333333")
)

func (f *fixture) addConnections(t *testing.T) {
	t.Helper()
	const insert = "INSERT INTO connections (id, name, event_source, event_object, token, version, deleted) VALUES (?, ?, ?, ?, 'secret', ?, ?)"
	f.exec(t, insert, shop, "Shop before", "web", "order", 1, false)
	f.exec(t, insert, shop, "Shop", "web", "order", 2, false)
	f.exec(t, insert, crm, "CRM", "sales", "lead", 1, false)
	f.exec(t, insert, deleted, "Gone", "web", "order", 1, false)
	f.exec(t, insert, deleted, "Gone", "web", "order", 2, true)
}

func (f *fixture) addEvent(t *testing.T, connection uuid.UUID, id, timestamp, payload, receivedAt string) {
	t.Helper()
	f.exec(t, "INSERT INTO events VALUES (?, ?, ?, 'a@example.org', '', ?, ?, 0)", connection, id, timestamp, payload, receivedAt)
}

// addTombstone writes what a collector writes for an id that has left a timestamp.
func (f *fixture) addTombstone(t *testing.T, connection uuid.UUID, id, timestamp, receivedAt string) {
	t.Helper()
	f.exec(t, "INSERT INTO events VALUES (?, ?, ?, '', '', '{}', ?, 1)", connection, id, timestamp, receivedAt)
}

// The copy received last is the one that remains, whatever its timestamp and
// in whatever order the copies came, before and after merges.
func TestEventsKeepTheCopyReceivedLast(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.addConnections(t)
	f.addEvent(t, shop, "moved", "2026-01-31 10:00:00.000", `{"n": 1}`, "2026-02-01 00:00:00.000001")
	f.addEvent(t, shop, "moved", "2025-12-01 10:00:00.000", `{"n": 2}`, "2026-02-01 00:00:00.000002")
	f.addTombstone(t, shop, "moved", "2026-01-31 10:00:00.000", "2026-02-01 00:00:00.000002")
	// Before the row that it takes the place of, which another collector brings late.
	f.addTombstone(t, shop, "late copy of an old one", "2026-01-02 00:00:00.000", "2026-02-01 00:00:00.000002")
	f.addEvent(t, shop, "late copy of an old one", "2026-01-01 00:00:00.000", `{"n": 2}`, "2026-02-01 00:00:00.000002")
	f.addEvent(t, shop, "late copy of an old one", "2026-01-02 00:00:00.000", `{"n": 1}`, "2026-02-01 00:00:00.000001")
	f.addEvent(t, shop, "same microsecond", "2026-01-01 00:00:00.000", `{"n": 1}`, "2026-02-01 00:00:00.000001")
	f.addEvent(t, shop, "same microsecond", "2026-01-01 00:00:00.000", `{"n": 2}`, "2026-02-01 00:00:00.000001")
	f.addEvent(t, crm, "moved", "2026-01-31 10:00:00.000", `{"n": 9}`, "2026-02-01 00:00:00.000009")
	f.addEvent(t, deleted, "hidden", "2026-01-31 10:00:00.000", `{"n": 9}`, "2026-02-01 00:00:00.000009")

	want := []string{
		"CRM|sales|lead|moved|2026-01-31 10:00:00.000|9|2026-02-01 00:00:00.000009",
		"Shop|web|order|late copy of an old one|2026-01-01 00:00:00.000|2|2026-02-01 00:00:00.000002",
		"Shop|web|order|moved|2025-12-01 10:00:00.000|2|2026-02-01 00:00:00.000002",
		"Shop|web|order|same microsecond|2026-01-01 00:00:00.000|2|2026-02-01 00:00:00.000001",
	}
	const sql = `SELECT arrayStringConcat([connection, event_source, event_object, event_id, toString(event_timestamp),
		toString(event_payload.n), toString(received_at)], '|') FROM events ORDER BY connection, event_id`
	analyst := f.OpenAnalyst(t)
	if diff := cmp.Diff(want, query[string](t, analyst, sql)); diff != "" {
		t.Error("before a merge:", diff)
	}
	// No setting of a reader may bring duplicates back.
	if n := query[uint64](t, analyst, "SELECT count() FROM events SETTINGS final = 0"); n[0] != 4 {
		t.Errorf("%d events with final = 0, want 4", n[0])
	}
	f.exec(t, "OPTIMIZE TABLE events FINAL")
	if diff := cmp.Diff(want, query[string](t, analyst, sql)); diff != "" {
		t.Error("after a merge:", diff)
	}
	if n := query[uint64](t, f.conn, "SELECT countIf(NOT is_deleted) FROM events"); n[0] != 5 {
		t.Errorf("%d rows after a merge, want 5", n[0])
	}
}

func TestEventsViewForTheAnalyst(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.addConnections(t)
	for i := range 3 {
		f.addEvent(t, shop, fmt.Sprint(i), "2026-01-31 10:00:00.000", `{"revenue": 1.5, "customer": {"country": "DE"}}`, "2026-02-01 00:00:00.000001")
	}
	analyst := f.OpenAnalyst(t)
	type column struct{ Name, Type string }
	var got []column
	rows, err := analyst.Query(t.Context(), "SELECT name, type FROM system.columns WHERE database = ? AND table = 'events' ORDER BY position", f.Views)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	want := []column{
		{"connection_id", "UUID"},
		{"connection", "String"},
		{"event_source", "String"},
		{"event_object", "String"},
		{"event_id", "String"},
		{"event_timestamp", "DateTime64(3, 'UTC')"},
		{"event_email", "String"},
		{"event_adb_cdt", "String"},
		{"event_payload", fmt.Sprintf("JSON(max_dynamic_paths=%d)", MaxDynamicPaths)},
		{"received_at", "DateTime64(6, 'UTC')"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("columns:", diff)
	}
	if sum := query[float64](t, analyst, "SELECT sum(event_payload.revenue::Float64) FROM events WHERE event_payload.customer.country::String = 'DE'"); sum[0] != 4.5 {
		t.Errorf("sum %v, want 4.5", sum)
	}
	if n := query[string](t, analyst, "SELECT event_id FROM events LIMIT 2"); len(n) != 2 {
		t.Errorf("LIMIT 2 returned %v", n)
	}
	if n := query[uint64](t, analyst, "SELECT count() FROM events WHERE connection = 'Shop'"); n[0] != 3 {
		t.Errorf("count %v, want 3", n)
	}
	for _, table := range tables {
		if err := analyst.Exec(t.Context(), "SELECT * FROM "+f.Name+"."+table); err == nil || !strings.Contains(err.Error(), "Not enough privileges") {
			t.Errorf("the analyst reads %s: %v", table, err)
		}
	}
}

// A condition on the key reaches the primary index through the view and its join.
func TestEventsViewUsesTheKey(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.addConnections(t)
	f.exec(t, `INSERT INTO events SELECT if(number < 100000, ?, ?), toString(number), toDateTime64(number, 3, 'UTC'), 'a@example.org', '', '{}', now64(6), 0 FROM numbers(300000)`, shop, crm)
	for _, test := range []struct {
		where    string
		share    float64 // of all granules, at most
		wantRows uint64
	}{
		{"connection_id = '" + shop.String() + "'", 0.4, 100_000},
		{"connection_id = '" + crm.String() + "' AND event_timestamp = toDateTime64(200000, 3, 'UTC')", 0.1, 1},
		{"connection_id IN ('" + shop.String() + "') AND event_timestamp >= toDateTime64(1, 3, 'UTC') AND event_timestamp < toDateTime64(3, 3, 'UTC')", 0.1, 2},
	} {
		if n := query[uint64](t, f.conn, "SELECT count() FROM "+f.Views+".events WHERE "+test.where); n[0] != test.wantRows {
			t.Errorf("%s: %d rows, want %d", test.where, n[0], test.wantRows)
		}
		selected, all := granules(t, f.conn, "SELECT count() FROM "+f.Views+".events WHERE "+test.where)
		if share := float64(selected) / float64(all); share > test.share {
			t.Errorf("%s: %d of %d granules are read", test.where, selected, all)
		}
	}
}

// granules returns what the primary key of the table events leaves of its granules.
func granules(t *testing.T, conn driver.Conn, sql string) (selected, all int) {
	t.Helper()
	plan := strings.Join(query[string](t, conn, "EXPLAIN indexes = 1 "+sql), "\n")
	_, rest, ok := strings.Cut(plan, ".events)")
	m := regexp.MustCompile(`Granules: (\d+)/(\d+)`).FindStringSubmatch(rest)
	if !ok || m == nil {
		t.Fatalf("no granules in the plan:\n%s", plan)
	}
	selected, _ = strconv.Atoi(m[1])
	all, _ = strconv.Atoi(m[2])
	return selected, all
}

func TestCountersKeepTheGreatest(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	for _, n := range []int{10, 30, 20, 30} {
		f.exec(t, "INSERT INTO connection_counters VALUES (?, 'a', ?, now64(6), now64(6))", shop, n)
	}
	f.exec(t, "INSERT INTO connection_counters VALUES (?, 'b', 5, now64(6), now64(6))", shop)
	if n := query[uint64](t, f.conn, "SELECT sum(events_received) FROM connection_counters FINAL"); n[0] != 35 {
		t.Errorf("%d events, want 35", n[0])
	}
}

func TestRefusedRequestsGoAfterSevenDays(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	now := time.Now().UTC()
	const insert = "INSERT INTO refused_requests (connection_id, received_at, id, kind, status, reason) VALUES (?, ?, ?, 'request', 422, '{}')"
	id := uuid.New()
	for range 2 { // a batch that is written again
		f.exec(t, insert, shop, now.AddDate(0, 0, -6), id)
	}
	f.exec(t, insert, shop, now.AddDate(0, 0, -9), uuid.New())
	f.exec(t, "OPTIMIZE TABLE refused_requests FINAL")
	if got := query[uuid.UUID](t, f.conn, "SELECT id FROM refused_requests FINAL"); len(got) != 1 || got[0] != id {
		t.Errorf("kept %v, want %v", got, id)
	}
}

func TestAPIKeys(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	const insert = "INSERT INTO api_keys (id, name, role, hash, created_at, expires_at, version, deleted) VALUES (?, 'key', ?, 'hash', now64(6), ?, ?, ?)"
	f.exec(t, insert, shop, "viewer", nil, 1, false)
	f.exec(t, insert, shop, "viewer", nil, 2, true)
	f.exec(t, insert, crm, "admin", time.Now(), 1, false)
	got := query[string](t, f.conn, "SELECT toString(role) FROM api_keys FINAL WHERE NOT deleted")
	if diff := cmp.Diff([]string{"admin"}, got); diff != "" {
		t.Error(diff)
	}
	if err := f.conn.Exec(t.Context(), insert, shop, "root", nil, 3, false); err == nil {
		t.Error("a role that does not exist was stored")
	}
}
