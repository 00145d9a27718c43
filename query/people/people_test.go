package people_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/internal/eventtest"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query"
	"github.com/tributary-events/tributary/query/people"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

var (
	shop  = uuid.MustParse("00000000-0000-4000-8000-000000000001")
	crm   = uuid.MustParse("00000000-0000-4000-8000-000000000002")
	gone  = uuid.MustParse("00000000-0000-4000-8000-000000000003")
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// copyOf is one copy of an event. at is its timestamp, in minutes; copies are received
// in the order of the slice.
type copyOf struct {
	connection     uuid.UUID
	id, email, cdt string
	at             int
}

func newHistory(t testing.TB, copies ...copyOf) *people.History {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := migrations.New(migrations.Config{Options: options, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := db.Open(t)
	for id, name := range map[uuid.UUID]string{shop: "Shop", crm: "CRM", gone: "Gone"} {
		if err := conn.Exec(t.Context(), "INSERT INTO connections (id, name, event_source, event_object, version, deleted) VALUES (?, ?, 'source', 'object', 1, ?)",
			id, name, id == gone); err != nil {
			t.Fatal(err)
		}
	}
	insert(t, conn, copies)
	return people.New(conn)
}

func insert(t testing.TB, conn driver.Conn, copies []copyOf) {
	t.Helper()
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"optimize_on_insert": 0}))
	batch, err := conn.PrepareBatch(ctx, `INSERT INTO events
		(connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)`)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range copies {
		if err := batch.Append(c.connection, c.id, start.Add(time.Duration(c.at)*time.Minute), c.email, c.cdt,
			`{"n":9223372036854775807}`, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	eventtest.Supersede(t, conn)
}

// all reads a history in pages.
func all(t *testing.T, h *people.History, name people.Name, limit int) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		page, err := h.Events(t.Context(), name, cursor, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) > limit {
			t.Fatalf("%d events on a page of %d", len(page.Events), limit)
		}
		for _, e := range page.Events {
			ids = append(ids, e.Connection+"/"+e.EventID)
		}
		if cursor = page.Next; cursor == "" {
			return ids
		}
	}
}

func TestHistory(t *testing.T) {
	copies := []copyOf{
		{shop, "1", "Ada@Example.com", "", 1},
		{shop, "2", "ada@EXAMPLE.com", "cdt:ada", 2},
		{crm, "2", "ADA@example.com", "", 2}, // the same moment and id, another connection
		{shop, "anonymous", "", "cdt:ada", 3},
		{shop, "second address", "countess@example.com", "cdt:ada", 4},
		{shop, "of the second address alone", "countess@example.com", "", 5}, // a step too far from Ada
		{shop, "grace", "grace@example.com", "cdt:grace", 6},
		{shop, "moved", "ada@example.com", "", 90},
		{shop, "moved", "ada@example.com", "", 7},
		{shop, "given away", "ada@example.com", "", 8},
		{shop, "given away", "grace@example.com", "", 8},
		{shop, "taken over", "grace@example.com", "", 9},
		{shop, "taken over", "ada@example.com", "", 9},
		{gone, "hidden", "ada@example.com", "", 10},
		{shop, "İ", "JÖRG@bücher.example", "", 1},
		{shop, "ada in the name", "xada@example.com", "", 11},
	}
	for i := range people.MaxAddresses + 1 {
		copies = append(copies, copyOf{crm, fmt.Sprintf("everybody %d", i), fmt.Sprintf("e%d@example.com", i), "unknown", 20 + i})
	}
	copies = append(copies, copyOf{shop, "with everybody's", "ada@example.com", "unknown", 12})
	h := newHistory(t, copies...)
	ada := []string{"Shop/with everybody's", "Shop/taken over", "Shop/moved", "Shop/second address", "Shop/anonymous", "CRM/2", "Shop/2", "Shop/1"}
	for name, test := range map[string]struct {
		name people.Name
		want []string
	}{
		"an address":                    {people.Name{Email: "aDa@example.com"}, ada},
		"another letter case, no ASCII": {people.Name{Email: "jörg@BÜCHER.example"}, []string{"Shop/İ"}},
		"an event_adb_cdt": {
			people.Name{CDT: "cdt:ada"},
			append([]string{"Shop/with everybody's", "Shop/taken over", "Shop/moved", "Shop/of the second address alone"}, ada[3:]...),
		},
		"an event_adb_cdt of too many": {people.Name{CDT: "unknown"}, append(everybody(), "Shop/with everybody's")},
		"nobody":                       {people.Name{Email: "nobody@example.com"}, nil},
		"an event_adb_cdt of nobody":   {people.Name{CDT: "CDT:ADA"}, nil},
		"hostile":                      {people.Name{Email: "' OR 1=1 --@{email:String}"}, nil},
	} {
		for _, limit := range []int{1, 3, 100} {
			if diff := cmp.Diff(test.want, all(t, h, test.name, limit)); diff != "" {
				t.Errorf("%s, pages of %d (-want +got):\n%s", name, limit, diff)
			}
		}
	}
	page, err := h.Events(t.Context(), people.Name{Email: "jörg@bücher.example"}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(page.Events[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"connection_id":"00000000-0000-4000-8000-000000000001","connection":"Shop","event_source":"source","event_object":"object",` +
		`"event_id":"İ","event_timestamp":"2026-01-02T03:05:05Z","event_email":"JÖRG@bücher.example","event_adb_cdt":null,` +
		`"event_payload":{"n":9223372036854775807},"received_at":"2026-01-02T03:04:19Z"}`
	if string(text) != want {
		t.Errorf("%s", text)
	}
	for _, cursor := range []string{"x", "bnVsbA", "!"} {
		if _, err := h.Events(t.Context(), people.Name{Email: "a@b.example"}, cursor, 1); !errors.Is(err, people.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func everybody() (ids []string) {
	for i := people.MaxAddresses; i >= 0; i-- {
		ids = append(ids, fmt.Sprintf("CRM/everybody %d", i))
	}
	return ids
}

// More replaced copies than a window holds must not hide the events behind them.
func TestHistoryBehindManyCopies(t *testing.T) {
	var copies []copyOf
	for i := range 12_000 {
		copies = append(copies, copyOf{shop, "again and again", "ada@example.com", "", 100_000 - i})
	}
	copies = append(copies, copyOf{shop, "old", "ada@example.com", "", -5}, copyOf{shop, "again and again", "ada@example.com", "", -1})
	h := newHistory(t, copies...)
	for _, limit := range []int{1, 10} {
		if diff := cmp.Diff([]string{"Shop/again and again", "Shop/old"}, all(t, h, people.Name{Email: "ada@example.com"}, limit)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestHistoryWithoutAnEngine(t *testing.T) {
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{"127.0.0.1:1"}, Protocol: clickhouse.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := people.New(conn).Events(context.Background(), people.Name{Email: "a@b.example"}, "", 1); !errors.Is(err, query.ErrUnavailable) {
		t.Error(err)
	}
}

var update = flag.Bool("update", false, "write the golden files")

func TestStatements(t *testing.T) {
	for name, got := range map[string]string{
		"email":      people.EventsSQL(people.Name{Email: "x"}, false),
		"cdt_behind": people.EventsSQL(people.Name{CDT: "x"}, true),
		"end":        people.EndSQL(people.Name{Email: "x"}, true),
	} {
		path := filepath.Join("testdata", name+".sql")
		if *update {
			if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), got); diff != "" {
			t.Errorf("%s (-golden +now):\n%s", name, diff)
		}
	}
}
