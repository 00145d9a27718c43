package migrations

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// all are the migrations that there are, in order; newest is the last one's version.
func all(t testing.TB) (migrations []migration, newest uint) {
	t.Helper()
	migrations, err := list(files)
	if err != nil {
		t.Fatal(err)
	}
	return migrations, migrations[len(migrations)-1].version
}

// tables are what the first migrations make, with golang-migrate's own.
var tables = []string{"api_keys", "connection_counters", "connections", "events", "refused_requests", versionTable}

func (f *fixture) tables(t testing.TB) []string {
	return query[string](t, f.conn, "SELECT name FROM system.tables WHERE database = ? ORDER BY name", f.Name)
}

func (f *fixture) views(t testing.TB) []string {
	return query[string](t, f.conn, "SELECT name FROM system.tables WHERE database = ? ORDER BY name", f.Views)
}

// isComplete checks that everything is there and clean.
func (f *fixture) isComplete(t testing.TB, r *Runner) {
	t.Helper()
	_, newest := all(t)
	version, dirty, err := r.Version(t.Context())
	if err != nil || version != newest || dirty {
		t.Errorf("version %d, dirty %v, %v; want %d, clean", version, dirty, err, newest)
	}
	if pending, err := r.Pending(t.Context()); err != nil || len(pending) > 0 {
		t.Errorf("pending %v, %v; want none", pending, err)
	}
	// Whatever later migrations add beside these.
	if missing := lacks(f.tables(t), tables...); len(missing) > 0 {
		t.Error("missing tables:", missing)
	}
	if missing := lacks(f.views(t), "events"); len(missing) > 0 {
		t.Error("missing views:", missing)
	}
}

func lacks(have []string, want ...string) (missing []string) {
	for _, name := range want {
		if !slices.Contains(have, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

func TestUpAgainDownUp(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	ctx := t.Context()
	pending, err := r.Pending(ctx)
	if err != nil {
		t.Fatal(err)
	}
	migrations, _ := all(t)
	var names []string
	for _, m := range migrations {
		names = append(names, m.name)
	}
	if diff := cmp.Diff(names, pending); diff != "" || !slices.Contains(names, "0007_events_view") {
		t.Error("pending at first:", pending, diff)
	}
	for range 2 {
		if err := r.Up(ctx); err != nil {
			t.Fatal(err)
		}
		f.isComplete(t, r)
	}

	f.exec(t, "INSERT INTO connections (id, name) VALUES (generateUUIDv4(), 'kept')")
	// Down to before 0006_api_keys.
	if err := r.Down(ctx, len(migrations)-5); err != nil {
		t.Fatal(err)
	}
	if version, dirty, err := r.Version(ctx); version != 5 || dirty || err != nil {
		t.Errorf("down to 5: version %d, dirty %v, %v", version, dirty, err)
	}
	if diff := cmp.Diff(tables[1:], f.tables(t)); diff != "" {
		t.Error("tables of the first five:", diff)
	}
	if views := f.views(t); len(views) > 0 {
		t.Error("views of the first five:", views)
	}
	if err := r.Up(ctx); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
	if n := query[uint64](t, f.conn, "SELECT count() FROM connections"); n[0] != 1 {
		t.Error("rows of a table that no step concerned are gone")
	}

	if err := r.Down(ctx, 100); err != nil {
		t.Fatal(err)
	}
	if version, dirty, err := r.Version(ctx); version != 0 || dirty || err != nil {
		t.Errorf("after all down: version %d, dirty %v, %v", version, dirty, err)
	}
	if diff := cmp.Diff([]string{versionTable}, f.tables(t)); diff != "" {
		t.Error("tables after all down:", diff)
	}
	if err := r.Down(ctx, 1); err != nil {
		t.Error("down with nothing applied:", err)
	}
	if err := r.Up(ctx); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
	if err := r.Down(ctx, 0); err == nil {
		t.Error("no steps were accepted")
	}
}

func TestUpMakesTheDatabase(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	f.exec(t, "DROP DATABASE "+f.Name)
	if version, _, err := r.Version(t.Context()); version != 0 || err != nil {
		t.Errorf("version of no database: %d, %v", version, err)
	}
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
}

func TestManyAtOnce(t *testing.T) {
	f := newFixture(t)
	var group errgroup.Group
	for range 8 {
		r := f.runner(t)
		group.Go(func() error { return r.Up(t.Context()) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, f.runner(t))
	// Each migration was begun and finished once.
	migrations, _ := all(t)
	got := query[uint64](t, f.conn, "SELECT count() FROM "+versionTable+" GROUP BY version ORDER BY version")
	if diff := cmp.Diff(slices.Repeat([]uint64{2}, len(migrations)), got); diff != "" {
		t.Error("rows for each version:", diff)
	}
}

// slowFiles are the migrations, but the second one takes ten minutes before it
// does anything.
type slowFiles struct{}

func (slowFiles) Open(name string) (fs.File, error) {
	if name != "sql/0002_events.up.sql" {
		return files.Open(name)
	}
	return fstest.MapFS{name: {Data: []byte("SELECT sleepEachRow(1) FROM numbers(600) SETTINGS max_block_size = 1 FORMAT Null;\n")}}.Open(name)
}

// begun waits until a slow migration is under way.
func (f *fixture) begun(t *testing.T, r *Runner) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		version, dirty, err := r.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if version == 2 && dirty {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the slow migration never began")
		}
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	f := newFixture(t)
	child := exec.Command(os.Args[0], childCommand, f.DSN)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	r := f.runner(t)
	f.begun(t, r)
	// Another one has to wait while it lives.
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := r.Up(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another migrates: %v; want to wait", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	within, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.Up(within); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
}

func TestCancelledInTheMiddle(t *testing.T) {
	f := newFixture(t)
	slow, r := f.runner(t), f.runner(t)
	slow.files = slowFiles{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- slow.Up(ctx) }()
	f.begun(t, r)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
}

func TestLostLockEndsTheMigration(t *testing.T) {
	f := newFixture(t)
	slow, r := f.runner(t), f.runner(t)
	slow.files = slowFiles{}
	done := make(chan error, 1)
	go func() { done <- slow.Up(t.Context()) }()
	f.begun(t, r)
	f.exec(t, "KILL QUERY WHERE query_id = ? SYNC", "tributary-migrations-"+f.Name)
	if err := <-done; !errors.Is(err, errLockLost) || !strings.Contains(err.Error(), "0002_events") {
		t.Errorf("lock lost: %v", err)
	}
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.isComplete(t, r)
}

func (f *fixture) setVersion(t *testing.T, version int, dirty bool) {
	t.Helper()
	f.exec(t, "INSERT INTO "+versionTable+" SELECT ?, ?, max(sequence) + 1 FROM "+versionTable, version, dirty)
}

// dropFrom undoes migrations from the newest to the given one without a word of it
// in the version table.
func (f *fixture) dropFrom(t *testing.T, version uint) {
	t.Helper()
	src, err := newSource(files, schema{database: f.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	migrations, _ := all(t)
	for _, m := range slices.Backward(migrations) {
		if m.version < version {
			return
		}
		file, _, err := src.ReadDown(m.version)
		if err != nil {
			t.Fatal(err)
		}
		sql, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements(string(sql)) {
			f.exec(t, statement)
		}
	}
}

func TestUpMendsWhatWasCutShort(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	migrations, _ := all(t)
	for i, m := range migrations {
		f.exec(t, "INSERT INTO connections (id, name) VALUES (generateUUIDv4(), 'kept')")
		// Cut short before its statement ran, and after it ran. The latter is also
		// what a way down from the next one looks like.
		for _, dropFrom := range []uint{m.version, m.version + 1} {
			f.dropFrom(t, dropFrom)
			f.setVersion(t, int(m.version), true)
			if pending, err := r.Pending(t.Context()); err != nil || len(pending) != len(migrations)-i {
				t.Errorf("dirty %d: pending %v, %v", m.version, pending, err)
			}
			if err := r.Up(t.Context()); err != nil {
				t.Fatalf("dirty %d: %v", m.version, err)
			}
			f.isComplete(t, r)
		}
		if n := query[uint64](t, f.conn, "SELECT count() FROM connections"); m.version > 3 && n[0] == 0 {
			t.Errorf("dirty %d: mending dropped rows", m.version)
		}
	}
	f.dropFrom(t, 1)
	f.setVersion(t, -1, true)
	if err := r.Up(t.Context()); err != nil {
		t.Fatal("dirty before the first:", err)
	}
	f.isComplete(t, r)
}

func TestDownMendsWhatWasCutShort(t *testing.T) {
	for _, test := range []struct {
		name        string
		version     int
		dropFrom    uint
		wantVersion uint
		wantTables  []string
	}{
		{"up cut short before its statement", 5, 5, 4, []string{"connection_counters", "connections", "events", versionTable}},
		{"up cut short after its statement", 5, 6, 4, []string{"connection_counters", "connections", "events", versionTable}},
		{"down cut short before its statement", 5, 7, 4, []string{"connection_counters", "connections", "events", versionTable}},
		{"down of the first cut short", -1, 2, 0, []string{versionTable}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			r := f.runner(t)
			if err := r.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.dropFrom(t, test.dropFrom)
			f.setVersion(t, test.version, true)
			if err := r.Down(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if version, dirty, err := r.Version(t.Context()); version != test.wantVersion || dirty || err != nil {
				t.Errorf("version %d, dirty %v, %v", version, dirty, err)
			}
			if diff := cmp.Diff(test.wantTables, f.tables(t)); diff != "" {
				t.Error("tables:", diff)
			}
			if err := r.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			f.isComplete(t, r)
		})
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.setVersion(t, 9999, false)
	if err := r.Up(t.Context()); err != nil {
		t.Error("newer schema:", err)
	}
	if version, _, err := r.Version(t.Context()); version != 9999 || err != nil {
		t.Errorf("version %d, %v; want it untouched", version, err)
	}
	f.setVersion(t, 9999, true)
	if err := r.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "9999") {
		t.Errorf("newer schema, half done: %v; want an error that names it", err)
	}
}

func TestVersionsStayInOrderWhenClocksDisagree(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A machine whose clock is an hour ahead has set the version.
	f.exec(t, "INSERT INTO "+versionTable+" VALUES (7, 0, ?)", uint64(time.Now().Add(time.Hour).UnixNano()))
	if err := r.Down(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if version, dirty, err := r.Version(t.Context()); version != 6 || dirty || err != nil {
		t.Errorf("version %d, dirty %v, %v; want 6", version, dirty, err)
	}
}

func TestUnreachableServer(t *testing.T) {
	r, err := open("http://tributary:secret@127.0.0.1:1/tributary?dial_timeout=200ms")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Up(t.Context()); err == nil {
		t.Error("Up on an unreachable server returned nil")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("New without options returned nil")
	}
}
