package migrations

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/engine/enginetest"
)

// childCommand makes the test binary a program that migrates and can be killed.
const childCommand = "migrate-slowly"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childCommand {
		os.Exit(migrateSlowly(os.Args[2]))
	}
	enginetest.Main(m)
}

// fixture is one test's database, empty at first.
type fixture struct {
	*enginetest.Databases
	conn driver.Conn
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	enginetest.Start(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	db := enginetest.New(t)
	return &fixture{Databases: db, conn: db.Open(t)}
}

func (f *fixture) runner(t testing.TB) *Runner {
	t.Helper()
	r, err := open(f.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func open(dsn string) (*Runner, error) {
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return New(Config{Options: options, Logger: slog.New(slog.DiscardHandler)})
}

func (f *fixture) up(t testing.TB) {
	t.Helper()
	if err := f.runner(t).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if err := f.conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// query returns the first column of all rows.
func query[T any](t testing.TB, conn driver.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func migrateSlowly(dsn string) int {
	r, err := open(dsn)
	if err == nil {
		r.files = slowFiles{}
		err = r.Up(context.Background())
	}
	fmt.Fprintln(os.Stderr, "migrated slowly:", err)
	return 1
}
