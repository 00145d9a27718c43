package dedup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/migrations"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// database is a migrated database and its DSN.
func database(t *testing.T) *enginetest.Databases {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	r, err := migrations.New(migrations.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// crashing fails inserts of events after their keys were written, as a process does
// that dies between the steps: before the rows went out, or before it got the answer.
type crashing struct {
	driver.Conn
	after func() (before, behind bool)
}

var errCrash = errors.New("the process died here")

func (c *crashing) InsertFormat(ctx context.Context, format, query string, data io.Reader) error {
	if !strings.HasPrefix(query, "INSERT INTO events ") {
		return c.Conn.InsertFormat(ctx, format, query, data)
	}
	before, behind := c.after()
	if before {
		return errCrash
	}
	if err := c.Conn.InsertFormat(ctx, format, query, data); err != nil {
		return err
	}
	if behind {
		return errCrash
	}
	return nil
}

func sometimes() (before, behind bool) {
	n := rand.N(6)
	return n == 0, n == 1
}

func never() (before, behind bool) { return false, false }

// copyOf is one copy of an event; its payload is its version.
type copyOf struct {
	id, timestamp int
	version       int64
}

func (c copyOf) String() string {
	return fmt.Sprintf("id%d at %s, version %d", c.id, c.time().Format(time.RFC3339), c.version)
}

// time of the last number lies where times in nanoseconds have ended.
func (c copyOf) time() time.Time {
	return time.Date([times]int{1901, 2024, 2025, 2299}[c.timestamp], 1, 2, 3, 4, 5, 0, time.UTC)
}

var shop = uuid.MustParse("11111111-1111-4111-8111-111111111111")

type writer struct {
	t     *testing.T
	store *collector.ClickHouse
}

func newWriter(t *testing.T, conn driver.Conn, alone bool) *writer {
	return newWriterOver(t, clickhouse.HTTP, conn, alone)
}

func newWriterOver(t *testing.T, protocol clickhouse.Protocol, conn driver.Conn, alone bool) *writer {
	return &writer{t, collector.NewClickHouse(conn, collector.ClickHouseConfig{
		Protocol: protocol, MaxDynamicPaths: migrations.MaxDynamicPaths, Alone: alone,
	})}
}

// insert writes copies as one block.
func (w *writer) insert(ctx context.Context, copies []copyOf) error {
	block, decoder := w.store.NewBlock(), event.NewDecoder()
	for _, c := range copies {
		body := fmt.Sprintf(`[{"event_id":"id%d","event_timestamp":%q,"event_email":"a@b.co","event_payload":{"v":%d}}]`, c.id, c.time().Format(time.RFC3339), c.version)
		batch, err := decoder.Decode([]byte(body), event.Options{})
		if err != nil {
			w.t.Error(err)
			return nil
		}
		block.Append(shop, c.version, batch, 0, 1)
	}
	return w.store.Insert(ctx, block)
}

const stored = `SELECT event_id, toString(event_timestamp), toString(event_payload.v) FROM events FINAL ORDER BY event_id`

func read(t *testing.T, conn driver.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := []string{}
	for rows.Next() {
		var id, at, v string
		if err := rows.Scan(&id, &at, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, id+" "+at+" "+v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// model holds the winner of every id: the greatest version, of equal ones the later time.
type model [ids]copyOf

const ids, times = 8, 4

func (m *model) add(c copyOf) {
	w := &m[c.id]
	if c.version > w.version || c.version == w.version && c.timestamp > w.timestamp {
		*w = c
	}
}

func (m *model) rows() []string {
	out := []string{}
	for _, c := range m {
		if c.version != 0 {
			out = append(out, fmt.Sprintf("id%d %s %d", c.id, c.time().Format("2006-01-02 15:04:05.000"), c.version))
		}
	}
	return out
}

func draw(n int, version func() int64) []copyOf {
	out := make([]copyOf, 1+rand.N(n))
	for i := range out {
		out[i] = copyOf{rand.N(ids), rand.N(times), version()}
	}
	return out
}

// TestOneCollector: after every insert, and at every instant between, there is each
// event once; through crashes between the steps, restarts with and without
// knowledge of the ids, merges, and copies whose timestamp moves to and fro.
func TestOneCollector(t *testing.T) {
	db := database(t)
	conn := db.Open(t)
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	var looks atomic.Int64
	watching.Go(func() {
		least := uint64(0)
		for ctx.Err() == nil {
			var n, unique uint64
			if err := conn.QueryRow(ctx, "SELECT count(), uniqExact(event_id) FROM events FINAL").Scan(&n, &unique); err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			if n != unique || n < least {
				t.Errorf("a reader saw %d rows of %d events, after it had seen %d", n, unique, least)
				return
			}
			least = n
			looks.Add(1)
		}
	})
	var want model
	version := int64(1_700_000_000_000_000)
	next := func() int64 { version++; return version }
	w := newWriter(t, &crashing{db.Open(t), sometimes}, true)
	for range 150 {
		copies := draw(4, next)
		for {
			err := w.insert(t.Context(), copies)
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			// The next process replays the same block.
			w = newWriter(t, &crashing{db.Open(t), sometimes}, true)
			if rand.N(2) == 0 {
				w.store.Learn(t.Context(), slog.New(slog.DiscardHandler))
			}
		}
		for _, c := range copies {
			want.add(c)
		}
		if rand.N(20) == 0 {
			if err := conn.Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want.rows(), read(t, conn)); diff != "" {
			t.Fatalf("after %v (-want +got):\n%s", copies, diff)
		}
	}
	stop()
	watching.Wait()
	if looks.Load() == 0 {
		t.Error("nobody looked")
	}
}

// TestManyCollectors: several write copies of the same events at the same time, with
// versions that cross and meet, die between the steps and come back late. Once all
// is written there is each event once, the copy received last.
func TestManyCollectors(t *testing.T) {
	db := database(t)
	conn := db.Open(t)
	for round := range 6 {
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE events"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE event_keys"); err != nil {
			t.Fatal(err)
		}
		var clock atomic.Int64
		clock.Store(1_700_000_000_000_000)
		// Steps of 10 µs, half of them shared by two copies.
		version := func() int64 { return clock.Add(int64(rand.N(2))*10) + 10 }
		var (
			mu      sync.Mutex
			want    model
			writers sync.WaitGroup
		)
		for range 4 {
			writers.Go(func() {
				w := newWriter(t, &crashing{db.Open(t), sometimes}, false)
				var late [][]copyOf
				for range 12 {
					copies := draw(3, version)
					mu.Lock()
					for _, c := range copies {
						want.add(c)
					}
					mu.Unlock()
					if err := w.insert(t.Context(), copies); errors.Is(err, errCrash) {
						late = append(late, copies)
					} else if err != nil {
						t.Error(err)
						return
					}
				}
				w = newWriter(t, &crashing{db.Open(t), never}, false)
				for _, copies := range late {
					if err := w.insert(t.Context(), copies); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		if diff := cmp.Diff(want.rows(), read(t, conn)); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

// TestRows: the blocks for native TCP hold rows; here they go over HTTP, which takes
// them, too. They make the same events.
func TestRows(t *testing.T) {
	db := database(t)
	conn := db.Open(t)
	w := newWriterOver(t, clickhouse.Native, conn, true)
	w.store.Learn(t.Context(), slog.New(slog.DiscardHandler))
	var want model
	version := int64(1_700_000_000_000_000)
	for range 30 {
		copies := draw(5, func() int64 { version++; return version })
		if err := w.insert(t.Context(), copies); err != nil {
			t.Fatal(err)
		}
		for _, c := range copies {
			want.add(c)
		}
		if diff := cmp.Diff(want.rows(), read(t, conn)); diff != "" {
			t.Fatalf("after %v (-want +got):\n%s", copies, diff)
		}
	}
}

// A process knows the ids that those before it have written, and looks up no others.
func TestLearn(t *testing.T) {
	db := database(t)
	conn := db.Open(t)
	w := newWriter(t, conn, true)
	w.store.Learn(t.Context(), slog.New(slog.DiscardHandler))
	version := int64(1_700_000_000_000_000)
	if err := w.insert(t.Context(), []copyOf{{0, 0, version}, {1, 0, version + 1}}); err != nil {
		t.Fatal(err)
	}
	// The next process knows the ids of the one before, or this would be two events.
	var looked int
	w = newWriter(t, &counting{conn, &looked}, true)
	w.store.Learn(t.Context(), slog.New(slog.DiscardHandler))
	if err := w.insert(t.Context(), []copyOf{{2, 0, version + 2}}); err != nil {
		t.Fatal(err)
	}
	if looked != 0 {
		t.Errorf("%d look-ups for an id that nobody has seen", looked)
	}
	if err := w.insert(t.Context(), []copyOf{{0, 3, version + 3}}); err != nil {
		t.Fatal(err)
	}
	if looked != 1 {
		t.Errorf("%d look-ups for an id of the process before, want 1", looked)
	}
	want := model{{0, 3, version + 3}, {1, 0, version + 1}, {2, 0, version + 2}}
	if diff := cmp.Diff(want.rows(), read(t, conn)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// counting counts look-ups.
type counting struct {
	driver.Conn
	looked *int
}

func (c *counting) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if strings.Contains(query, "IN ids") {
		*c.looked++
	}
	return c.Conn.Query(ctx, query, args...)
}
