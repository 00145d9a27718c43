package privacy_test

import (
	"context"
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
	"github.com/tributary-events/tributary/privacy"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

var (
	shop  = uuid.MustParse("00000000-0000-4000-8000-000000000001")
	crm   = uuid.MustParse("00000000-0000-4000-8000-000000000002")
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// copyOf is one copy of an event; copies are received in the order in which they are inserted.
type copyOf struct {
	connection     uuid.UUID
	id, email, cdt string
}

type fixture struct {
	t        *testing.T
	conn     driver.Conn
	database string
	inserted int
}

func newFixture(t *testing.T) *fixture {
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
	return &fixture{t: t, conn: db.Open(t), database: db.Name}
}

func (f *fixture) insert(copies ...copyOf) {
	f.t.Helper()
	for _, c := range copies {
		f.inserted++
		at := start.Add(time.Duration(f.inserted) * time.Second)
		if err := f.conn.Exec(f.t.Context(), `INSERT INTO events (connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)
			VALUES (?, ?, ?, ?, ?, '{}', ?)`, c.connection, c.id, start, c.email, c.cdt, at); err != nil {
			f.t.Fatal(err)
		}
	}
}

// left lists the events that are there, as "connection's last digit/id/address".
func (f *fixture) left() (events []string) {
	f.t.Helper()
	rows, err := f.conn.Query(f.t.Context(), "SELECT concat(substring(toString(connection_id), 36), '/', event_id, '/', event_email) FROM events FINAL ORDER BY ALL")
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			f.t.Fatal(err)
		}
		events = append(events, text)
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return events
}

func (f *fixture) number(query string) (n uint64) {
	f.t.Helper()
	if err := f.conn.QueryRow(f.t.Context(), query).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fixture) eraser(change func(*privacy.Config)) *privacy.Eraser {
	f.t.Helper()
	cfg := privacy.Config{Conn: f.conn, Database: f.database, Refuse: true, Poll: -1, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	e, err := privacy.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := e.Load(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return e
}

// ingest is a stand-in for what is still on its way into the tables.
type ingest func() error

func (i ingest) Forget(context.Context, func([]byte) bool) (map[string]int, error) { return nil, i() }

func TestEraseFindsThePerson(t *testing.T) {
	f := newFixture(t)
	f.insert(
		copyOf{shop, "1", "Ada@Example.com", ""}, copyOf{shop, "1", "ADA@example.com", "cdt:ada"},
		copyOf{crm, "1", "ada@example.com", ""},
		copyOf{shop, "anonymous", "", "cdt:ada"},
		copyOf{shop, "anonymous, somebody's", "", "cdt:grace"},
		copyOf{shop, "same cdt, other address", "grace@example.com", "cdt:ada"},
		copyOf{shop, "taken over", "grace@example.com", ""}, copyOf{shop, "taken over", "ada@example.com", ""},
		copyOf{shop, "given away", "ada@example.com", "x"}, copyOf{shop, "given away", "grace@example.com", "x"},
		copyOf{shop, "not hers", "xada@example.com", ""}, copyOf{shop, "nor this", "ada@example.com.example", ""},
		copyOf{shop, "at everybody's", "ada@example.com", "unknown"}, copyOf{shop, "anonymous like everybody", "", "unknown"},
	)
	for i := range 11 {
		f.insert(copyOf{crm, fmt.Sprint("everybody", i), fmt.Sprintf("e%d@example.com", i), "unknown"})
	}
	e := f.eraser(nil)
	before := f.left()
	dry, err := e.Preview(t.Context(), " ADA@example.com ")
	if err != nil || !dry.DryRun || dry.EventsErased != 5 || dry.Finished {
		t.Errorf("%+v, %v", dry, err)
	}
	if diff := cmp.Diff(before, f.left()); diff != "" {
		t.Errorf("a dry run changed (-before +after):\n%s", diff)
	}
	if list, err := e.List(t.Context()); err != nil || len(list) != 0 || e.Suppression().Lookup() != nil {
		t.Errorf("a dry run is noted: %v %v", list, err)
	}
	r, err := e.Erase(t.Context(), "ada@EXAMPLE.com", "tester")
	if err != nil || !r.Finished || r.EventsErased != 5 || r.Remaining != 0 || r.RequestedBy != "tester" {
		t.Errorf("%+v, %v", r, err)
	}
	var kept []string
	for _, event := range before {
		id := strings.Split(event, "/")[1]
		switch id {
		case "1", "anonymous", "taken over", "at everybody's":
		default:
			kept = append(kept, event)
		}
	}
	if diff := cmp.Diff(kept, f.left()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if n := f.number("SELECT count() FROM events WHERE lower(event_email) = 'ada@example.com'"); n != 0 {
		t.Errorf("%d copies are left", n)
	}
	if n := f.number("SELECT count() FROM erasure_work"); n != 0 {
		t.Errorf("%d ids are left", n)
	}
	if n := f.number("SELECT count() FROM system.mutations WHERE database = currentDatabase() AND (positionCaseInsensitive(command, 'example.com') > 0 OR position(command, 'taken over') > 0)"); n != 0 {
		t.Error("the text of a statement that deletes holds the address or an id")
	}
	// Done again it finds nothing, and is another receipt of the same person.
	again, err := e.Erase(t.Context(), "Ada@example.com", "tester")
	if err != nil || again.EventsErased != 0 || again.EmailHash != r.EmailHash || again.ID == r.ID {
		t.Errorf("%+v, %v", again, err)
	}
	list, err := e.List(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != again.ID {
		t.Fatalf("%+v, %v", list, err)
	}
	if diff := cmp.Diff(r, list[1]); diff != "" {
		t.Errorf("the kept receipt (-given +kept):\n%s", diff)
	}
}

func TestEraseWhatArrivesMeanwhile(t *testing.T) {
	f := newFixture(t)
	f.insert(copyOf{shop, "0", "ada@example.com", "cdt:ada"})
	rounds := 0
	e := f.eraser(func(c *privacy.Config) {
		c.Refuse = false
		c.Ingest = ingest(func() error {
			rounds++
			return nil
		})
		// After the removal of a round, before its count.
		c.Forget = func() {
			if rounds == 1 {
				f.insert(copyOf{shop, "1", "ADA@example.com", ""}, copyOf{crm, "2", "", "cdt:ada"})
			}
		}
	})
	r, err := e.Erase(t.Context(), "ada@example.com", "")
	if err != nil || r.EventsErased != 3 || r.Remaining != 0 || rounds != 2 {
		t.Errorf("%+v, %v after %d rounds", r, err, rounds)
	}
	if left := f.left(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}

	// If they never end, that is said.
	n := 0
	e = f.eraser(func(c *privacy.Config) {
		c.Forget = func() { n++; f.insert(copyOf{shop, fmt.Sprint(n), "ada@example.com", ""}) }
	})
	if _, err := e.Erase(t.Context(), "ada@example.com", ""); !errors.Is(err, privacy.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}

// An erasure that was cut off is seen as such, and the person is refused from its begin.
func TestEraseCutOff(t *testing.T) {
	f := newFixture(t)
	f.insert(copyOf{shop, "1", "ada@example.com", ""})
	e := f.eraser(func(c *privacy.Config) {
		c.Ingest = ingest(func() error { return errors.New("the spool does not let go") })
	})
	if _, err := e.Erase(t.Context(), "ada@example.com", "tester"); !errors.Is(err, privacy.ErrUnavailable) {
		t.Fatalf("error %v", err)
	}
	next := f.eraser(nil)
	list, err := next.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Finished || list[0].ErasedAt != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if erased, refuse := next.Suppression().Lookup()([]byte("ADA@example.com")); !erased || !refuse {
		t.Error("the person is not refused")
	}
	if r, err := next.Erase(t.Context(), "ada@example.com", "tester"); err != nil || r.EventsErased != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestEraseKnownToOtherCollectors(t *testing.T) {
	f := newFixture(t)
	poll := func(c *privacy.Config) { c.Poll = 20 * time.Millisecond }
	one, two := f.eraser(poll), f.eraser(poll)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { two.Run(ctx); close(done) }()
	r, err := one.Erase(t.Context(), "ada@example.com", "")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); two.Suppression().Lookup() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other collector does not learn of it")
		}
	}
	if erased, _ := two.Suppression().Lookup()([]byte("Ada@Example.com")); !erased {
		t.Error("the other collector has another key")
	}
	cancel()
	<-done
	if other, err := two.Erase(t.Context(), "ada@example.com", ""); err != nil || other.EmailHash != r.EmailHash {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestEraseRefusesWhatIsNoAddress(t *testing.T) {
	f := newFixture(t)
	e := f.eraser(nil)
	for _, text := range []string{"", "ada", "@example.com", "ada@", " @ ", strings.Repeat("a", 400) + "@example.com", "a\n@b.example"} {
		if _, err := e.Erase(t.Context(), text, ""); !errors.Is(err, privacy.ErrAddress) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := e.Preview(t.Context(), text); !errors.Is(err, privacy.ErrAddress) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
