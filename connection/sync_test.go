package connection

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// stored returns what the store counts of a connection, of all collectors.
func stored(t testing.TB, s *Store, id uuid.UUID) (n uint64) {
	t.Helper()
	own, others, err := s.counts(t.Context(), "nobody")
	if err != nil || len(own) > 0 {
		t.Fatal(own, err)
	}
	for _, c := range others {
		if c.ConnectionID == id {
			n += c.EventsReceived
		}
	}
	return n
}

func TestCollectorsSeeEachOthersChanges(t *testing.T) {
	db := newDatabase(t)
	a, _ := db.running(t, "a")
	b, _ := db.running(t, "b")
	d := create(t, a, "c")
	eventually(t, "b knows the new token", func() bool { return works(b, d.Token) })
	if _, err := a.Update(t.Context(), d.ID, Patch{Paused: ptr(true), Name: ptr("renamed")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b pauses", func() bool { return get(t, b, d).Status == StatusPaused })
	if page, err := b.List(t.Context(), ListOptions{Search: "renamed"}); err != nil || len(page.Connections) != 1 {
		t.Errorf("b lists %v, %v", page, err)
	}
	rotated, err := b.Rotate(t.Context(), d.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a knows the rotation", func() bool { return works(a, rotated.Token) && !works(a, d.Token) })
	if err := b.Delete(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a knows the deletion", func() bool { return !works(a, rotated.Token) })
}

func TestStatusAndCountsReachAllCollectors(t *testing.T) {
	db := newDatabase(t)
	a, stopA := db.running(t, "a")
	b, _ := db.running(t, "b")
	d := create(t, a, "c")
	eventually(t, "b knows the token", func() bool { return works(b, d.Token) })

	at := time.Now().UTC().Truncate(time.Microsecond)
	accept(t, a, d.Token, 2, at)
	if got := get(t, a, d); got.Status != StatusConnected || got.Stats.EventsReceived != 2 {
		t.Errorf("on the collector itself: %+v", got)
	}
	eventually(t, "b shows connected", func() bool { return get(t, b, d).Status == StatusConnected })
	accept(t, b, d.Token, 3, at.Add(time.Second))
	accept(t, a, d.Token, 5, at.Add(2*time.Second))
	want := Stats{EventsReceived: 10, FirstEventAt: at, LastEventAt: at.Add(2 * time.Second)}
	for _, s := range []*Service{a, b} {
		eventually(t, "all counts", func() bool { return cmp.Equal(get(t, s, d).Stats, want) })
	}
	// The last counts are written on the way out.
	accept(t, a, d.Token, 1, at.Add(3*time.Second))
	stopA()
	if n := stored(t, b.cfg.Store, d.ID); n != 11 {
		t.Errorf("the store counts %d, want 11", n)
	}
	// A restart goes on from there.
	again := db.loaded(t, "a")
	if got := get(t, again, d); got.Stats.EventsReceived != 11 || got.Status != StatusConnected {
		t.Errorf("after a restart: %+v", got)
	}
}

// A crash between accepting and writing, and writing again after it, leave the
// counts exact: the spool's header and records say what happened.
func TestCountsAfterACrash(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	d := create(t, s, "c")
	at := time.Now().UTC().Truncate(time.Microsecond)
	accept(t, s, d.Token, 100, at)
	header := MarshalCounts(nil, s.Registry().Counts()) // of a new segment
	accept(t, s, d.Token, 20, at.Add(1))                // its records
	if err := s.push(t.Context()); err != nil {
		t.Fatal(err)
	}
	accept(t, s, d.Token, 3, at.Add(2)) // and one more that the store does not know of
	for range 3 {                       // it crashes again and again
		s = db.service(t, "a")
		counts, err := UnmarshalCounts(header)
		if err != nil {
			t.Fatal(err)
		}
		s.Registry().RestoreCounts(counts)
		s.Registry().Target(d.ID).Accepted(20, at.Add(1))
		s.Registry().Target(d.ID).Accepted(3, at.Add(2))
		if err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, d).Stats.EventsReceived; got != 123 {
			t.Errorf("%d events, want 123", got)
		}
		for range 2 {
			if err := s.push(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := stored(t, s.cfg.Store, d.ID); n != 123 {
			t.Errorf("the store counts %d, want 123", n)
		}
	}
}

// Only changed counters are written, and all of them in one insert.
func TestPushWritesWhatHasGrown(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	conn := db.Open(t)
	rows := func() (n uint64) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM connection_counters").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	c, d := create(t, s, "c"), create(t, s, "d")
	now := time.Now()
	for _, step := range []struct {
		tokens []string
		want   uint64
	}{{nil, 0}, {[]string{c.Token, d.Token}, 2}, {nil, 2}, {[]string{c.Token}, 3}} {
		for _, token := range step.tokens {
			accept(t, s, token, 1, now)
		}
		if err := s.push(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := rows(); n != step.want {
			t.Errorf("%d rows written, want %d", n, step.want)
		}
	}
}

// A single process never polls, yet reads once more after a write whose outcome
// is unknown.
func TestWithoutPolling(t *testing.T) {
	db := newDatabase(t)
	g, dsn := newGate(t, db.DSN, false)
	alone := func(c *Config) { c.Poll = -1 }
	a, _ := db.running(t, "a", alone, func(c *Config) { c.Store = openStore(t, dsn) })
	d := create(t, a, "c")
	accept(t, a, d.Token, 1, time.Now())
	other := db.loaded(t, "b", alone)
	eventually(t, "the count is written", func() bool { return stored(t, other.cfg.Store, d.ID) == 1 })

	unseen := create(t, other, "unseen")
	// The next count is written a second later: time enough for many polls.
	accept(t, a, d.Token, 1, time.Now())
	eventually(t, "the next count is written", func() bool { return stored(t, other.cfg.Store, d.ID) == 2 })
	if works(a, unseen.Token) {
		t.Error("it polls")
	}
	g.set(true)
	if _, err := a.Create(t.Context(), New{Name: "x", EventSource: "x", EventObject: "x"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("with the store away: %v", err)
	}
	g.set(false)
	eventually(t, "it reads again after a failed write", func() bool { return works(a, unseen.Token) })
}

func TestStoreGoesAndComes(t *testing.T) {
	db := newDatabase(t)
	g, dsn := newGate(t, db.DSN, false)
	a, _ := db.running(t, "a", func(c *Config) { c.Store = openStore(t, dsn) })
	b := db.loaded(t, "b")
	d := create(t, a, "c")
	g.set(true)
	// The hot path goes on, changes are refused, reading from memory works.
	at := time.Now()
	accept(t, a, d.Token, 4, at)
	if got := get(t, a, d); got.Status != StatusConnected {
		t.Errorf("status %v", got.Status)
	}
	_, updateErr := a.Update(t.Context(), d.ID, Patch{Name: ptr("x")})
	_, getErr := a.Get(t.Context(), uuid.New())
	for _, err := range []error{updateErr, getErr, a.Delete(t.Context(), d.ID)} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v, want ErrUnavailable", err)
		}
	}
	if page, err := a.List(t.Context(), ListOptions{}); err != nil || len(page.Connections) != 1 || page.Connections[0].Name != "c" {
		t.Errorf("list: %v, %v", page, err)
	}
	if _, err := b.Update(t.Context(), d.ID, Patch{Name: ptr("meanwhile")}); err != nil {
		t.Fatal(err)
	}
	g.set(false)
	eventually(t, "a catches up", func() bool { return get(t, a, d).Name == "meanwhile" })
	eventually(t, "a's count is written", func() bool { return stored(t, b.cfg.Store, d.ID) == 4 })
}

func TestStartWithoutTheStore(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	a, stop := db.running(t, "a", withClock(c))
	d, gone, quiet := create(t, a, "c"), create(t, a, "gone"), create(t, a, "quiet")
	if err := a.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	rotated, err := a.Rotate(t.Context(), d.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, a, d.Token, 4, c.Now())
	stop()
	if info, err := os.Stat(a.cfg.SnapshotPath); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the local copy: %v, %v", info, err)
	}
	if rest, err := filepath.Glob(a.cfg.SnapshotPath + ".*"); len(rest) > 0 || err != nil {
		t.Errorf("left beside it: %v, %v", rest, err)
	}

	g, dsn := newGate(t, db.DSN, true)
	a, _ = db.running(t, "a", withClock(c), func(c *Config) { c.Store = openStore(t, dsn) })
	got := get(t, a, d)
	want := get(t, db.loaded(t, "z", withClock(c)), d)
	if diff := cmp.Diff(want, got, sameConnection); diff != "" {
		t.Error("not as in the store:", diff)
	}
	if !works(a, d.Token) || !works(a, rotated.Token) || works(a, gone.Token) {
		t.Error("other tokens work than before")
	}
	if _, err := a.Get(t.Context(), gone.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("get what was deleted: %v", err)
	}
	if got := get(t, a, quiet); got.Status != StatusAwaitingData {
		t.Errorf("status %v", got.Status)
	}
	c.advance(time.Hour)
	if works(a, d.Token) {
		t.Error("a grace never ends without the store")
	}
	accept(t, a, rotated.Token, 3, c.Now())
	if _, err := db.loaded(t, "b").Update(t.Context(), d.ID, Patch{Name: ptr("meanwhile")}); err != nil {
		t.Fatal(err)
	}
	g.set(false)
	eventually(t, "a catches up", func() bool { return get(t, a, d).Name == "meanwhile" })
	eventually(t, "a's count is written", func() bool { return stored(t, openStore(t, db.DSN), d.ID) == 7 })
	if got := get(t, a, d).Stats.EventsReceived; got != 7 {
		t.Errorf("%d events, want 7", got)
	}
}

// Nothing known and nobody to ask: not ready, so that no sender is told 404.
func TestStartWithNothing(t *testing.T) {
	for name, content := range map[string]string{
		"no copy":         "",
		"a torn copy":     `{"version": 1, "connections": [{"id"`,
		"another version": `{"version": 2}`,
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t)
			d := create(t, db.loaded(t, "b"), "c")
			g, dsn := newGate(t, db.DSN, true)
			a := db.service(t, "a", func(c *Config) { c.Store = openStore(t, dsn) })
			if content != "" {
				if err := os.WriteFile(a.cfg.SnapshotPath, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := a.Load(t.Context()); !errors.Is(err, ErrUnavailable) {
				t.Errorf("load: %v", err)
			}
			_, listErr := a.List(t.Context(), ListOptions{})
			_, getErr := a.Get(t.Context(), d.ID)
			for _, err := range []error{listErr, getErr} {
				if !errors.Is(err, ErrUnavailable) {
					t.Errorf("%v, want ErrUnavailable", err)
				}
			}
			if a.Registry().Ready() || works(a, d.Token) {
				t.Error("ready")
			}
			run(t, a)
			g.set(false)
			eventually(t, "a is ready", a.Registry().Ready)
			if !works(a, d.Token) {
				t.Error("ready without the token")
			}
		})
	}
}

func TestNewServiceNeedsAStore(t *testing.T) {
	if _, err := NewService(Config{CollectorID: "a"}); err == nil {
		t.Error("no store was accepted")
	}
	if _, err := NewService(Config{Store: NewStore(nil)}); err == nil {
		t.Error("no collector id was accepted")
	}
}

// The copy of a single change is there at once; that of many in a row follows.
func TestSnapshotFollowsChanges(t *testing.T) {
	db := newDatabase(t)
	s, _ := db.running(t, "a")
	holds := func(d Detail) bool {
		t.Helper()
		data, err := os.ReadFile(s.cfg.SnapshotPath)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(data), d.Token)
	}
	if d := create(t, s, "first"); !holds(d) {
		t.Error("the first change is not in the copy")
	}
	d := create(t, s, "second")
	eventually(t, "the second change is in the copy", func() bool { return holds(d) })
}

// A copy that can't be written is told, and fails nothing.
func TestSnapshotThatCannotBeWritten(t *testing.T) {
	db := newDatabase(t)
	var log bytes.Buffer
	s := db.loaded(t, "a", func(c *Config) {
		c.SnapshotPath = filepath.Join(db.dir, "no", "such", "folder.json")
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	d := create(t, s, "c")
	if !works(s, d.Token) || !strings.Contains(log.String(), "local copy") {
		t.Errorf("token works: %v; log: %s", works(s, d.Token), &log)
	}
}
