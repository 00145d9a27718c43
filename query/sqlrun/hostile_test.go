package sqlrun_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/query/sqlrun"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// database is a secret table and a view over another, as the application has them.
func database(t *testing.T) *enginetest.Databases {
	t.Helper()
	db := enginetest.New(t)
	conn := db.Open(t)
	for _, statement := range []string{
		"CREATE TABLE secrets (token String) ENGINE = MergeTree ORDER BY token",
		"INSERT INTO secrets VALUES ('hunter2')",
		"CREATE TABLE things (n Int64, p JSON) ENGINE = ReplacingMergeTree ORDER BY n",
		"INSERT INTO things VALUES (1, '{\"a\":1}'), (2, '{\"a\":[{\"b\":1}]}')",
		"CREATE VIEW " + db.Views + ".things DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n, p FROM " + db.Name + ".things FINAL",
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

// TestHostileStatementsAreRefused lists what an analyst may not do.
func TestHostileStatementsAreRefused(t *testing.T) {
	db := database(t)
	runner := sqlrun.New(db.OpenAnalyst(t), sqlrun.Limits{Time: 5 * time.Second})
	file := t.TempDir() + "/stolen"
	for _, statement := range []string{
		// other tables
		"SELECT * FROM {db}.secrets",
		"SELECT * FROM {db}.things",
		"SELECT * FROM things UNION ALL SELECT 1, token FROM {db}.secrets",
		"SELECT n FROM things WHERE n IN (SELECT length(token) FROM {db}.secrets)",
		"SELECT 1) UNION ALL (SELECT length(token) FROM {db}.secrets",
		"WITH x AS (SELECT token FROM {db}.secrets) SELECT * FROM x",
		"SELECT * FROM merge('{db}', '.*')",
		"SELECT * FROM mergeTreeIndex('{db}', 'secrets')",
		"SELECT * FROM loop('{db}', 'secrets')",
		"DESCRIBE TABLE {db}.secrets",
		"SHOW CREATE TABLE {db}.secrets",
		"EXISTS TABLE {db}.secrets",
		// the system
		"SELECT * FROM system.users",
		"SELECT * FROM system.processes",
		"SELECT * FROM system.query_log",
		"SELECT * FROM system.settings_profile_elements",
		"SELECT * FROM system.text_log",
		"SHOW CREATE USER tributary",
		"SHOW GRANTS FOR tributary",
		// outside
		"SELECT * FROM file('/etc/passwd', 'LineAsString')",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV', 'a String')",
		"SELECT * FROM remote('127.0.0.1', '{db}', 'secrets')",
		"SELECT * FROM remoteSecure('127.0.0.1', '{db}', 'secrets')",
		"SELECT * FROM cluster('default', '{db}', 'secrets')",
		"SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
		"SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
		"SELECT * FROM mongodb('127.0.0.1:1', 'd', 't', 'u', 'p', 'a String')",
		"SELECT * FROM executable('id', 'LineAsString', 'a String')",
		"SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')",
		"SELECT dictGet('{db}.d', 'x', 1)",
		"SELECT 1 INTO OUTFILE '" + file + "'",
		// changes
		"INSERT INTO things VALUES (3, '{}')",
		"INSERT INTO {db}.secrets VALUES ('x')",
		"INSERT INTO FUNCTION file('" + file + "', 'CSV', 'a String') SELECT 'x'",
		"CREATE TABLE t (a Int8) ENGINE = Memory",
		"CREATE VIEW v AS SELECT * FROM {db}.secrets",
		"CREATE FUNCTION f AS (x) -> x",
		"CREATE USER mallory",
		"DROP TABLE {db}.secrets",
		"DROP VIEW things",
		"TRUNCATE TABLE {db}.secrets",
		"ALTER TABLE {db}.secrets DELETE WHERE 1",
		"OPTIMIZE TABLE {db}.things FINAL",
		"KILL QUERY WHERE 1",
		"SYSTEM SHUTDOWN",
		"GRANT SELECT ON *.* TO analyst",
		"ATTACH TABLE t FROM '/etc' (a String) ENGINE = File(CSV)",
		"BACKUP DATABASE {db} TO File('" + file + "')",
		// limits
		"SELECT 1 SETTINGS max_execution_time = 100000",
		"SELECT 1 SETTINGS max_memory_usage = 0",
		"SELECT 1 SETTINGS max_result_rows = 0",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS allow_ddl = 1",
		"SELECT 1 SETTINGS max_concurrent_queries_for_user = 1000",
		"SET max_memory_usage = 0; SELECT 1",
		"SELECT 1; DROP TABLE {db}.secrets",
		"SELECT count() FROM numbers(1e18)",
		"SELECT groupArray(randomString(1000)) FROM numbers(1e9)",
	} {
		text := strings.ReplaceAll(statement, "{db}", db.Name)
		result, err := runner.Run(t.Context(), sqlrun.Request{Query: text})
		var refused *sqlrun.Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: not refused: %v, %v", statement, result, err)
			continue
		}
		if strings.Contains(refused.Message, "hunter2") || strings.Contains(refused.Message, "(version") {
			t.Errorf("%s: the message tells too much: %s", statement, refused.Message)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was written")
	}
	var tokens, things uint64
	if err := db.Open(t).QueryRow(t.Context(), "SELECT (SELECT count() FROM secrets), (SELECT count() FROM things)").Scan(&tokens, &things); err != nil || tokens != 1 || things != 2 {
		t.Errorf("afterwards there are %d tokens and %d things, %v; want 1 and 2", tokens, things, err)
	}
}

func TestResultsOfAllTypes(t *testing.T) {
	db := database(t)
	runner := sqlrun.New(db.OpenAnalyst(t), sqlrun.Limits{})
	for _, c := range []struct{ query, columns, rows string }{
		{"SELECT n, p FROM things ORDER BY n", "[{n integer n} {p object p}]", `[[1 {"a":1}] [2 {"a":[{"b":1}]}]]`},
		{"SELECT p.a AS a FROM things ORDER BY n -- comment", "[{a object a}]", `[[1] [[{"b":1}]]]`},
		{"SELECT 1 AS a, 'x' AS b WHERE 0", "[{a integer a} {b string b}]", "[]"},
		{"SELECT toUInt64(18446744073709551615) AS a, toInt256(-1) AS b, 1.50::Decimal(9,2) AS c, nan AS d, NULL AS e;", "[{a integer a} {b integer b} {c number c} {d number d} {e string e}]", "[[18446744073709551615 -1 1.5 <nil> <nil>]]"},
		{"SELECT toDate('2025-12-01') AS d, toDateTime64('2025-12-01 10:00:00.5', 3, 'Europe/Berlin') AS t, [1, NULL] AS l, (1, 'a') AS u, map('k', [toDate('2025-12-01')]) AS m", "[{d date d} {t datetime t} {l array l} {u array u} {m object m}]", "[[2025-12-01 2025-12-01T10:00:00.5+01:00 [1 <nil>] [1 a] map[k:[2025-12-01]]]]"},
		{"SELECT toUUID('00000000-0000-0000-0000-000000000001') AS u, toIPv4('1.2.3.4') AS i, true AS b, toFixedString('ab', 4) AS f", "[{u string u} {i string i} {b boolean b} {f string f}]", "[[00000000-0000-0000-0000-000000000001 1.2.3.4 true ab]]"},
		{"SHOW TABLES", "[{name string name}]", "[[things]]"},
	} {
		got, err := runner.Run(t.Context(), sqlrun.Request{Query: c.query})
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		if columns, rows := fmt.Sprint(got.Columns), printable(got.Rows); columns != c.columns || rows != c.rows {
			t.Errorf("%s:\n got %s %s\nwant %s %s", c.query, columns, rows, c.columns, c.rows)
		}
	}
}

func printable(rows [][]any) string {
	var out []string
	for _, r := range rows {
		var cells []string
		for _, v := range r {
			if b, ok := v.(interface{ MarshalJSON() ([]byte, error) }); ok {
				if data, err := b.MarshalJSON(); err == nil {
					v = string(data)
				}
			}
			cells = append(cells, fmt.Sprint(v))
		}
		out = append(out, "["+strings.Join(cells, " ")+"]")
	}
	return "[" + strings.Join(out, " ") + "]"
}

func TestLimitsAndParameters(t *testing.T) {
	db := database(t)
	analyst := db.OpenAnalyst(t)
	runner := sqlrun.New(analyst, sqlrun.Limits{Rows: 3, Bytes: 1000, Time: time.Second})
	got, err := runner.Run(t.Context(), sqlrun.Request{Query: "SELECT number FROM numbers(1000000)"})
	if err != nil || len(got.Rows) != 3 || !got.Meta.Truncated {
		t.Errorf("rows: %v, %v", got, err)
	}
	got, err = runner.Run(t.Context(), sqlrun.Request{Query: "SELECT repeat('x', 900) FROM numbers(3)"})
	if err != nil || len(got.Rows) != 1 || !got.Meta.Truncated {
		t.Errorf("bytes: %v, %v", got, err)
	}
	hostile := `'; DROP TABLE things; -- \`
	got, err = runner.Run(t.Context(), sqlrun.Request{Query: "SELECT {x:String} AS a, {n:Int64} + 1 AS b", Params: map[string]string{"x": hostile, "n": "41"}})
	if err != nil || fmt.Sprint(got.Rows) != "[["+hostile+" 42]]" {
		t.Errorf("parameters: %v, %v", got, err)
	}
	var refused *sqlrun.Error
	if _, err := runner.Run(t.Context(), sqlrun.Request{Query: "SELECT sleepEachRow(1) FROM numbers(60)"}); !errors.As(err, &refused) {
		t.Errorf("a slow statement: %v", err)
	}
	// One whose reader goes away ends.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	slow := sqlrun.New(analyst, sqlrun.Limits{Time: 30 * time.Second})
	const marker = "a_marker_of_this_test"
	go func() {
		_, err := slow.Run(ctx, sqlrun.Request{Query: "SELECT sum(sleepEachRow(0.1)) AS " + marker + " FROM numbers(1000) SETTINGS max_block_size = 10"})
		done <- err
	}()
	running := func() uint64 {
		var n uint64
		if err := db.Open(t).QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE user = 'analyst' AND query LIKE '%"+marker+"%'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	until(t, "the statement runs", func() bool { return running() > 0 })
	cancel()
	if err := <-done; err == nil {
		t.Error("a cancelled statement succeeded")
	}
	until(t, "the statement has ended", func() bool { return running() == 0 })
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never happened: %s", what)
}
