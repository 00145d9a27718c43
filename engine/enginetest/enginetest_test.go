package enginetest_test

import (
	"testing"

	"github.com/tributary-events/tributary/engine/enginetest"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

func TestNewGivesFreshDatabases(t *testing.T) {
	a, b := enginetest.New(t), enginetest.New(t)
	if a.Name == b.Name || a.Engine != b.Engine {
		t.Fatalf("want two pairs of one engine, got %q and %q", a.Name, b.Name)
	}
	conn := a.Open(t)
	ctx := t.Context()
	for _, statement := range []string{
		"CREATE TABLE numbers (n Int64) ENGINE = MergeTree ORDER BY n",
		"INSERT INTO numbers VALUES (40), (2)",
		"CREATE VIEW " + a.Views + ".sums DEFINER = tributary SQL SECURITY DEFINER AS SELECT sum(n) AS s FROM " + a.Name + ".numbers",
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	analyst := a.OpenAnalyst(t)
	var sum int64
	if err := analyst.QueryRow(ctx, "SELECT s FROM sums").Scan(&sum); err != nil || sum != 42 {
		t.Fatalf("analyst got %d, %v; want 42", sum, err)
	}
	if err := analyst.QueryRow(ctx, "SELECT count() FROM "+a.Name+".numbers").Scan(&sum); err == nil {
		t.Fatal("the analyst read a table")
	}
}
