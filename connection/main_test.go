package connection

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/migrations"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now moves a microsecond with each call: no two changes at the same time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// database is one test's migrated database.
type database struct {
	*enginetest.Databases
	dir string
}

func newDatabase(t testing.TB) *database {
	t.Helper()
	enginetest.Start(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	db := &database{Databases: enginetest.New(t), dir: t.TempDir()}
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
	return db
}

func openStore(t testing.TB, dsn string) *Store {
	t.Helper()
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewStore(conn)
}

// service returns a service as one collector has it, not loaded yet.
func (db *database) service(t testing.TB, collector string, change ...func(*Config)) *Service {
	t.Helper()
	cfg := Config{
		CollectorID: collector, Poll: 50 * time.Millisecond,
		SnapshotPath: filepath.Join(db.dir, collector+".json"),
		Logger:       slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Store == nil {
		cfg.Store = openStore(t, db.DSN)
	}
	s, err := NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withClock(c *clock) func(*Config) { return func(cfg *Config) { cfg.Now = c.Now } }

func (db *database) loaded(t testing.TB, collector string, change ...func(*Config)) *Service {
	t.Helper()
	s := db.service(t, collector, change...)
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// running loads and runs a service until stop is called, or the test is over.
func (db *database) running(t testing.TB, collector string, change ...func(*Config)) (s *Service, stop func()) {
	t.Helper()
	s = db.loaded(t, collector, change...)
	return s, run(t, s)
}

func run(t testing.TB, s *Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits for what is promised within a second; the deadline has room
// for a machine that is busy.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func create(t testing.TB, s *Service, name string) Detail {
	t.Helper()
	d, err := s.Create(t.Context(), New{Name: name, EventSource: "web", EventObject: "order"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func get(t testing.TB, s *Service, d Detail) Detail {
	t.Helper()
	got, err := s.Get(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func works(s *Service, token string) bool {
	_, ok := s.Registry().Lookup(token, s.cfg.Now())
	return ok
}

func accept(t testing.TB, s *Service, token string, n int, at time.Time) {
	t.Helper()
	target, ok := s.Registry().Lookup(token, s.cfg.Now())
	if !ok {
		t.Fatal("the token is not known")
	}
	target.Accepted(n, at)
}

// gate stands between a service and the store, and can be shut.
type gate struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	shut     bool
	conns    map[net.Conn]struct{}
	group    sync.WaitGroup
}

// newGate returns a gate and the DSN that leads through it.
func newGate(t testing.TB, dsn string, shut bool) (*gate, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: listener, to: u.Host, shut: shut, conns: map[net.Conn]struct{}{}}
	u.Host = listener.Addr().String()
	g.group.Go(g.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		g.set(true)
		g.group.Wait()
	})
	return g, u.String()
}

func (g *gate) serve() {
	for {
		in, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.group.Go(func() { g.pass(in) })
	}
}

func (g *gate) pass(in net.Conn) {
	out, err := net.Dial("tcp", g.to)
	g.mu.Lock()
	if err != nil || g.shut {
		g.mu.Unlock()
		_ = in.Close()
		if err == nil {
			_ = out.Close()
		}
		return
	}
	g.conns[in], g.conns[out] = struct{}{}, struct{}{}
	g.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
			_ = way[1].Close()
		})
	}
	both.Wait()
	g.mu.Lock()
	delete(g.conns, in)
	delete(g.conns, out)
	g.mu.Unlock()
}

// set shuts the gate, cutting what passes through it, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.conns {
			_ = c.Close()
		}
	}
}
