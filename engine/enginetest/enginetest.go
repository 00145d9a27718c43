// Package enginetest gives other packages' tests a real embedded ClickHouse:
// one engine per test binary, started when a test first asks for it, stopped
// when the tests are over, and a fresh pair of databases for each test.
//
//	func TestMain(m *testing.M) { enginetest.Main(m) }
//
//	func TestInsert(t *testing.T) {
//		db := enginetest.New(t)
//		conn := db.Open(t) // clickhouse-go, as the application
//		…
//	}
package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-events/tributary/engine"
)

// maxPairs is how many database pairs one test binary can have: the analyst's
// rights on their views are fixed when the engine starts.
const maxPairs = 500

// shared is the test binary's engine. It is the one variable of the package: Go
// gives TestMain no other way to hand something to the tests.
var shared struct {
	mu     sync.Mutex
	inMain bool
	engine *engine.Engine
	err    error // of the first start; it is not tried again
	dir    string
	pairs  int
}

// Main is the body of a package's TestMain. It also is the engine's child when
// the test binary is started as one. It exits the process.
func Main(m *testing.M) {
	os.Exit(Run(m))
}

// Run is Main without the exit, for a TestMain with more to do: it returns the
// exit code. It must be called before flags are parsed.
func Run(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildCommand {
		return engine.RunChild(os.Args[2:])
	}
	shared.inMain = true
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		return max(code, 1)
	}
	return code
}

func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		// That it had to be killed, on a busy machine, is no fault of the tests.
		if err := shared.engine.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "enginetest:", err)
		}
	}
	if shared.dir == "" {
		return nil
	}
	return os.RemoveAll(shared.dir)
}

// Start returns the test binary's engine, started by the first call. The
// package's TestMain must call Main.
func Start(t testing.TB) *engine.Engine {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.inMain {
		t.Fatal("enginetest: the package needs func TestMain(m *testing.M) { enginetest.Main(m) }")
	}
	if shared.engine == nil && shared.err == nil {
		shared.engine, shared.err = launch()
	}
	if shared.err != nil {
		t.Fatalf("enginetest: %v", shared.err)
	}
	return shared.engine
}

func launch() (*engine.Engine, error) {
	dir, err := os.MkdirTemp("", "tributary-enginetest-")
	if err != nil {
		return nil, err
	}
	shared.dir = dir
	cfg := engine.Config{
		Data:     filepath.Join(dir, "data"),
		Progress: os.Stderr,
		Log:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Memory:   2 << 30,
	}
	// The first is where the analyst is at home: it must exist at every login,
	// while the tests' own come and go.
	cfg.AnalystDatabases = []string{"enginetest_views"}
	cfg.Databases = []string{"enginetest", "enginetest_views"}
	for i := range maxPairs {
		cfg.AnalystDatabases = append(cfg.AnalystDatabases, name(i)+"_views")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return engine.Start(ctx, cfg)
}

func name(i int) string { return fmt.Sprintf("test%03d", i) }

// Databases is one test's pair of databases, both empty.
type Databases struct {
	Engine *engine.Engine
	// Name and Views are the databases' names; Views is Name with "_views" behind.
	Name, Views string
	// DSN opens Name as the application, AnalystDSN opens Views as the analyst,
	// who can read nothing else (views: CREATE VIEW … DEFINER = tributary SQL
	// SECURITY DEFINER).
	DSN, AnalystDSN string
}

// New makes a fresh pair of databases. They are dropped when the test is over.
func New(t testing.TB) *Databases {
	t.Helper()
	e := Start(t)
	shared.mu.Lock()
	i := shared.pairs
	shared.pairs++
	shared.mu.Unlock()
	if i >= maxPairs {
		t.Fatalf("enginetest: more than %d database pairs in one test binary", maxPairs)
	}
	d := &Databases{Engine: e, Name: name(i), Views: name(i) + "_views"}
	d.DSN = inDatabase(t, e.DSN(), d.Name)
	d.AnalystDSN = inDatabase(t, e.AnalystDSN(), d.Views)
	admin := open(t, inDatabase(t, e.DSN(), "system"))
	for _, db := range []string{d.Name, d.Views} {
		if err := admin.Exec(t.Context(), "CREATE DATABASE "+db); err != nil {
			t.Fatalf("enginetest: %v", err)
		}
	}
	t.Cleanup(func() {
		// The test's context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		admin := open(t, inDatabase(t, e.DSN(), "system"))
		for _, db := range []string{d.Views, d.Name} {
			if err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+db+" SYNC"); err != nil {
				t.Errorf("enginetest: %v", err)
			}
		}
		_ = admin.Close()
	})
	t.Cleanup(func() { _ = admin.Close() })
	return d
}

// Open connects as the application; closed when the test is over.
func (d *Databases) Open(t testing.TB) driver.Conn {
	t.Helper()
	conn := open(t, d.DSN)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// OpenAnalyst connects as the analyst; closed when the test is over.
func (d *Databases) OpenAnalyst(t testing.TB) driver.Conn {
	t.Helper()
	conn := open(t, d.AnalystDSN)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func open(t testing.TB, dsn string) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("enginetest: %v", err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatalf("enginetest: %v", err)
	}
	return conn
}

func inDatabase(t testing.TB, dsn, database string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("enginetest: %v", err)
	}
	u.Path = "/" + database
	return u.String()
}
