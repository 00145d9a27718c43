//go:build linux || darwin

package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/engine/enginetest"
)

// get sends a statement straight to the engine's own listener.
func get(t *testing.T, address, query string, prepare func(*http.Request)) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(req)
	req.Close = true // the engine waits for idle connections when it stops
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestListenerServesOnlyItsUsersWithPassword(t *testing.T) {
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	user, password := options.Auth.Username, options.Auth.Password
	const query = "query=SELECT+currentUser()"

	status, body := get(t, db.Engine.Addr(), query, func(r *http.Request) { r.SetBasicAuth(user, password) })
	if status != http.StatusOK || body != "tributary\n" {
		t.Fatalf("the right password: %d %q", status, body)
	}
	basic := func(user, password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(user, password) }
	}
	headers := func(user, password string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", user)
			r.Header.Set("X-ClickHouse-Key", password)
		}
	}
	both := func(a, b func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { a(r); b(r) }
	}
	none := func(*http.Request) {}
	for name, c := range map[string]struct {
		query   string
		prepare func(*http.Request)
	}{
		"nothing":                        {query, none},
		"default, basic":                 {query, basic("default", "")},
		"default, headers":               {query, headers("default", "")},
		"default, parameters":            {query + "&user=default", none},
		"empty user":                     {query, basic("", "")},
		"application without password":   {query, basic(user, "")},
		"application, wrong password":    {query, basic(user, password+"0")},
		"application, wrong, headers":    {query, headers(user, "x")},
		"application, wrong, parameters": {query + "&user=" + user + "&password=x", none},
		"application, then default key":  {query, both(basic(user, password), headers("default", ""))},
		"certificate":                    {query, both(headers("default", ""), func(r *http.Request) { r.Header.Set("X-ClickHouse-SSL-Certificate-Auth", "on") })},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := get(t, db.Engine.Addr(), c.query, c.prepare)
			if status == http.StatusOK {
				t.Fatalf("was served: %d %q", status, body)
			}
		})
	}
}

// Who has a user's password can name the start-up session's user in the same
// request, which the engine then takes. It gives nothing.
func TestStartUpUserMayDoNothing(t *testing.T) {
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Open(t).Exec(t.Context(), "CREATE TABLE numbers (n Int64) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	as := func(statement string) (int, string) {
		return get(t, db.Engine.Addr(), "user=default&query="+url.QueryEscape(statement), func(r *http.Request) {
			r.SetBasicAuth(options.Auth.Username, options.Auth.Password)
		})
	}
	if status, body := as("SELECT currentUser()"); status != http.StatusOK || body != "default\n" {
		t.Fatalf("not the start-up session's user: %d %q", status, body)
	}
	for _, statement := range []string{
		"SELECT count() FROM " + db.Name + ".numbers",
		"SELECT count() FROM " + db.Views + ".x",
		"SELECT count() FROM file('/etc/passwd', LineAsString)",
		"SELECT * FROM url('http://127.0.0.1:9/', LineAsString)",
		"SELECT * FROM system.processes",
		"SELECT * FROM system.users",
		"SELECT * FROM system.server_settings",
		"CREATE TEMPORARY TABLE x (a Int8)",
		"CREATE DATABASE x",
		"CREATE TABLE default.x (a Int8) ENGINE = Memory",
		"INSERT INTO " + db.Name + ".numbers VALUES (1)",
		"DROP DATABASE " + db.Name,
		"KILL QUERY WHERE 1",
		"SYSTEM SHUTDOWN",
		"SYSTEM STOP MERGES " + db.Name + ".numbers",
		"CREATE USER x",
	} {
		if status, body := as(statement); status == http.StatusOK {
			t.Errorf("%s: %d %.200s", statement, status, body)
		}
	}
}

func TestApplicationStaysInDatabases(t *testing.T) {
	db := enginetest.New(t)
	conn := db.Open(t)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("do not read\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"SELECT file('" + secret + "')",
		"SELECT 1 AS x SETTINGS format_template_row = '" + secret + "'",
		"SELECT 1 AS x SETTINGS output_format_schema = '" + secret + ".schema'",
		"SELECT aiGenerate('x') SETTINGS allow_experimental_ai_functions = 1",
		"SELECT * FROM file('" + secret + "', CSV, 'line String')",
		"SELECT * FROM default.`" + secret + "`",
		"SELECT * FROM url('http://127.0.0.1:9/', CSV, 'line String')",
		"SELECT * FROM remote('127.0.0.1:9', system.one)",
		"SELECT * FROM s3('http://127.0.0.1:9/bucket/x.csv', CSV, 'line String')",
		"SELECT * FROM executable('x.sh', CSV, 'line String')",
		"INSERT INTO FUNCTION file('" + secret + ".new', CSV, 'line String') VALUES ('x')",
		"CREATE TABLE f (line String) ENGINE = File(CSV)",
		"CREATE TABLE u (line String) ENGINE = URL('http://127.0.0.1:9/', CSV)",
		"SELECT 1 INTO OUTFILE '" + secret + ".out' FORMAT CSV",
		"BACKUP DATABASE " + db.Name + " TO File('" + secret + ".d')",
		"BACKUP DATABASE " + db.Name + " TO File('../../../" + filepath.Base(secret) + ".d')",
		"BACKUP DATABASE " + db.Name + " TO S3('http://127.0.0.1:9/bucket/x')",
		"BACKUP DATABASE " + db.Name + " TO Disk('default', 'x')",
		"RESTORE DATABASE " + db.Name + " FROM File('" + filepath.Dir(secret) + "')",
	} {
		err := conn.Exec(t.Context(), statement)
		if err == nil {
			t.Errorf("accepted: %s", statement)
			continue
		}
		t.Logf("%s\n\t%.150s", statement, err)
	}
	left, err := filepath.Glob(filepath.Dir(secret) + "/*")
	if err != nil || len(left) != 1 {
		t.Errorf("files were written: %v, %v", left, err)
	}
}

// The engine has no working folder any more; everything that the application
// needs of the disk goes on all the same.
func TestDiskWork(t *testing.T) {
	db := enginetest.New(t)
	conn := db.Open(t)
	run(t, conn,
		"CREATE TABLE e (id String, v UInt64, p JSON) ENGINE = ReplacingMergeTree(v) ORDER BY id SETTINGS min_bytes_for_wide_part = 0",
		"CREATE MATERIALIZED VIEW m ENGINE = SummingMergeTree ORDER BY k AS SELECT v % 7 AS k, count() AS n FROM e GROUP BY k",
		"INSERT INTO e SELECT toString(number), 1, '{\"a\": 1, \"b\": {\"c\": \"x\"}}' FROM numbers(50000)",
		"INSERT INTO e SELECT toString(number), 2, '{\"a\": \"2\"}' FROM numbers(50000)",
		"OPTIMIZE TABLE e FINAL",
		"ALTER TABLE e ADD COLUMN a Nullable(Int64) MATERIALIZED accurateCastOrNull(p.a, 'Int64')",
		"ALTER TABLE e MATERIALIZE COLUMN a SETTINGS mutations_sync = 2",
		"DELETE FROM e WHERE id = '7'",
		"ALTER TABLE e UPDATE p = '{\"a\": 5}' WHERE id = '8' SETTINGS mutations_sync = 2",
		"RENAME TABLE e TO e2",
	)
	for query, want := range map[string]uint64{
		"SELECT count() FROM e2 FINAL":                       49_999,
		"SELECT sum(n) FROM m":                               100_000,
		"SELECT toUInt64(sum(a)) FROM e2":                    100_001,
		"SELECT toUInt64(p.a.:Int64) FROM e2 WHERE id = '8'": 5,
		"SELECT count() FROM (SELECT id FROM e2 GROUP BY id) SETTINGS max_bytes_before_external_group_by = 1, max_bytes_ratio_before_external_group_by = 0":        49_999,
		"SELECT count() FROM (SELECT id FROM e2 ORDER BY v, id LIMIT 40000) SETTINGS max_bytes_before_external_sort = 1, max_bytes_ratio_before_external_sort = 0": 40_000,
	} {
		var got uint64
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", query, got, err, want)
		}
	}
}

func TestSettingsInEffect(t *testing.T) {
	db := enginetest.New(t)
	const query = `SELECT getSetting('input_format_try_infer_dates'), getSetting('input_format_try_infer_datetimes'),
		getSetting('json_type_escape_dots_in_keys'), getSetting('cancel_http_readonly_queries_on_client_close')`
	for name, dsn := range map[string]string{"application": db.DSN, "analyst": db.AnalystDSN} {
		var dates, datetimes, dots, cancel bool
		if err := (reader{t, dsn}).read(query, &dates, &datetimes, &dots, &cancel); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if dates || datetimes || !dots || !cancel {
			t.Errorf("%s: dates %v, datetimes %v, dots %v, cancel %v", name, dates, datetimes, dots, cancel)
		}
	}
	var optimize bool
	if err := (reader{t, db.DSN}).read("SELECT getSetting('optimize_on_insert')", &optimize); err != nil || optimize {
		t.Errorf("optimize_on_insert %v, %v", optimize, err)
	}
	got := map[string]string{}
	conn := db.Open(t)
	rows, err := conn.Query(t.Context(), `SELECT name, value FROM system.server_settings WHERE changed
		UNION ALL SELECT name, value FROM system.merge_tree_settings WHERE changed
		UNION ALL SELECT 'timezone', timezone()`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		got[name] = value
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"max_server_memory_usage": fmt.Sprint(2 << 30), "timezone": "UTC", "fsync_after_insert": "1", "fsync_part_directory": "1",
		"min_bytes_for_wide_part": "1073741824", "shutdown_wait_unfinished": "2",
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

type reader struct {
	t   testing.TB
	dsn string
}

func (r reader) read(query string, into ...any) error {
	options, err := clickhouse.ParseDSN(r.dsn)
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.QueryRow(r.t.Context(), query).Scan(into...)
}
