//go:build linux || darwin

package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-events/tributary/engine/enginetest"
)

// views makes a table with one secret column and a view that leaves it out.
func views(t *testing.T, db *enginetest.Databases) driver.Conn {
	t.Helper()
	conn := db.Open(t)
	for _, statement := range []string{
		`CREATE TABLE events (id String, v UInt64, token String) ENGINE = ReplacingMergeTree(v) ORDER BY id`,
		`INSERT INTO events VALUES ('a', 1, 'secret')`,
		`INSERT INTO events VALUES ('a', 2, 'secret')`,
		`CREATE VIEW ` + db.Views + `.events DEFINER = tributary SQL SECURITY DEFINER AS SELECT id, v FROM ` + db.Name + `.events FINAL`,
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return conn
}

func TestAnalystReadsViewsOnly(t *testing.T) {
	db := enginetest.New(t)
	views(t, db)
	analyst := db.OpenAnalyst(t)
	for _, query := range []string{
		"SELECT count() FROM events",
		"SELECT count() FROM " + db.Views + ".events",
		"SELECT count() FROM events SETTINGS final = 0",
		"SELECT toUInt64(v - 1) FROM events",
		"WITH x AS (SELECT * FROM events) SELECT count() FROM x",
	} {
		var n uint64
		if err := analyst.QueryRow(t.Context(), query).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: got %d, %v; want 1", query, n, err)
		}
	}
	for _, statement := range []string{
		"SELECT count() FROM " + db.Name + ".events",
		"SELECT token FROM events",
		"SELECT * FROM merge('" + db.Name + "', 'events')",
		"SELECT * FROM file('/etc/passwd', LineAsString)",
		"SELECT * FROM default.`/etc/passwd`",
		"SELECT * FROM url('http://127.0.0.1:9/', LineAsString)",
		"SELECT * FROM remote('127.0.0.1', " + db.Name + ".events)",
		"SELECT * FROM cluster('default', " + db.Name + ".events)",
		"SELECT * FROM s3('http://127.0.0.1:9/x.csv', LineAsString)",
		"SELECT * FROM executable('x', LineAsString)",
		"SELECT * FROM dictionary('x')",
		"SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
		"SELECT * FROM postgresql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
		"SELECT * FROM sqlite('/etc/passwd', 'x')",
		"SELECT * FROM input('x String')",
		"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT token FROM " + db.Name + ".events))",
		"SELECT joinGet('" + db.Name + ".events', 'token', 'a')",
		"SELECT hasColumnInTable('" + db.Name + "', 'events', 'token')",
		"SELECT file('/etc/passwd')",
		"SELECT file('/etc/passwd', 'x')",
		"SELECT `f\\x69le`('/etc/passwd')",
		"SELECT * APPLY file FROM (SELECT '/etc/passwd')",
		"SELECT arrayMap(file, ['/etc/passwd'])",
		"DESCRIBE TABLE file('/etc/passwd', LineAsString)",
		"SELECT 1 AS x SETTINGS format_template_row = '/etc/passwd'",
		"SELECT 1 AS x SETTINGS format_template_resultset = '/etc/passwd'",
		"SELECT 1 AS x SETTINGS format_schema = '/etc/passwd:x'",
		"SELECT 1 AS x SETTINGS output_format_schema = '/tmp/x'",
		"SELECT aiGenerate('x') SETTINGS allow_experimental_ai_functions = 1",
		"SELECT * FROM eval('SELECT 1') SETTINGS allow_experimental_eval_table_function = 1",
		"SELECT * FROM executable('x', CSV, 'a String')",
		"SELECT * FROM icebergLocal('/tmp')",
		"SELECT * FROM filesystem('/etc')",
		"SELECT * FROM loop(" + db.Name + ".events)",
		"SELECT * FROM redis('127.0.0.1:9', 'k', 'k String, v String')",
		"RESTORE TABLE x FROM File('/tmp/x')",
		"SELECT addressToSymbol(1)",
		"SELECT * FROM system.users",
		"SELECT * FROM system.processes",
		"SELECT * FROM system.query_log",
		"SELECT * FROM system.server_settings",
		"SELECT * FROM system.parts",
		"SELECT * FROM mergeTreeIndex('" + db.Name + "', 'events')",
		"SHOW CREATE TABLE " + db.Name + ".events",
		"EXPLAIN SELECT token FROM " + db.Name + ".events",
		"INSERT INTO events VALUES ('b', 1)",
		"INSERT INTO " + db.Name + ".events VALUES ('b', 1, 'x')",
		"INSERT INTO FUNCTION file('/tmp/x', CSV, 'a Int8') VALUES (1)",
		"CREATE VIEW v AS SELECT 1",
		"CREATE TABLE t (a Int8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE t (a Int8)",
		"CREATE FUNCTION f AS (x) -> x",
		"CREATE USER u",
		"DROP VIEW events",
		"ALTER TABLE " + db.Name + ".events DELETE WHERE 1",
		"TRUNCATE TABLE " + db.Name + ".events",
		"GRANT SELECT ON *.* TO analyst",
		"SYSTEM STOP LISTEN HTTP",
		"SYSTEM SHUTDOWN",
		"KILL QUERY WHERE user = 'tributary' ASYNC",
		"SELECT 1 INTO OUTFILE '/tmp/x'",
		"SET readonly = 0",
		"SELECT 1 SETTINGS readonly = 0",
		"SELECT 1 SETTINGS allow_ddl = 1",
		"SELECT 1 SETTINGS allow_introspection_functions = 1",
		"SELECT 1 SETTINGS max_execution_time = 0",
		"SELECT 1 SETTINGS max_execution_time = 3600",
		"SELECT 1 SETTINGS max_memory_usage = 0",
		"SELECT 1 SETTINGS max_memory_usage = 100000000000",
		"SELECT 1 SETTINGS max_memory_usage_for_user = 0",
		"SELECT 1 SETTINGS max_result_rows = 0",
		"SELECT 1 SETTINGS max_result_bytes = 0",
		"SELECT 1 SETTINGS max_threads = 64",
		"SELECT 1 SETTINGS max_concurrent_queries_for_user = 0",
		"SELECT 1 SETTINGS cancel_http_readonly_queries_on_client_close = 0",
		"SELECT 1 SETTINGS max_parser_depth = 100000",
		"SELECT 1 SETTINGS profile = 'app'",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := analyst.Query(ctx, statement)
		if err == nil {
			got := ""
			for rows.Next() {
				got += "row "
			}
			if err = rows.Err(); err == nil {
				t.Errorf("accepted: %s: %s", statement, got)
			}
			_ = rows.Close()
		}
		if err != nil && strings.Contains(err.Error(), "refused") {
			t.Fatalf("%s: the engine is gone: %v", statement, err)
		}
		if testing.Verbose() {
			t.Logf("%s\n\t%.160v", statement, err)
		}
		cancel()
	}
	// The tables that everybody may read tell only of what one may see.
	var names []string
	rows, err := analyst.Query(t.Context(), "SELECT database || '.' || name FROM system.tables WHERE database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) != 1 || names[0] != db.Views+".events" {
		t.Errorf("the analyst sees the tables %q", names)
	}
}

func TestAnalystLimits(t *testing.T) {
	db := enginetest.New(t)
	analyst := db.OpenAnalyst(t)
	for query, want := range map[string]string{
		"SELECT number FROM numbers(1000001)":                                                                     "TOO_MANY_ROWS",
		"SELECT groupArray(number) FROM numbers(1000000000)":                                                      "MEMORY_LIMIT",
		"SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1":                                     "TIMEOUT_EXCEEDED",
		"SELECT " + strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000):                                   "TOO_DEEP_RECURSION",
		"SELECT repeat('x', 1000000) FROM numbers(2000) SETTINGS max_result_bytes = 10000000, max_block_size = 1": "TOO_MANY_ROWS_OR_BYTES",
	} {
		seconds := 60
		if want == "TIMEOUT_EXCEEDED" {
			seconds = 1
		}
		ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": seconds}))
		rows, err := analyst.Query(ctx, query)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			_ = rows.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %.300v, want %s", query, err, want)
		}
	}
	// A context of the whole time that there is: clickhouse-go adds 5 s.
	var seconds uint64
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 65}))
	if err := analyst.QueryRow(ctx, "SELECT toUInt64(getSetting('max_execution_time'))").Scan(&seconds); err != nil || seconds != 65 {
		t.Errorf("max_execution_time 65: %d, %v", seconds, err)
	}
}
