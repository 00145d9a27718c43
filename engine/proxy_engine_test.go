//go:build linux || darwin

package engine_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/engine/enginetest"
)

func proxy(t *testing.T, e *engine.Engine) *engine.Proxy {
	t.Helper()
	p, err := engine.StartProxy(e, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// sameChild fails the test when the engine has died since it was called first.
func sameChild(t *testing.T, e *engine.Engine) (check func()) {
	t.Helper()
	pid := e.State().PID
	return func() {
		t.Helper()
		if err := e.Ping(t.Context()); err != nil || e.State().PID != pid {
			t.Fatalf("the engine has died: %v, %+v", err, e.State())
		}
	}
}

// send writes raw bytes to the proxy, says that there will be no more if it is to
// (which is taken for going away), and reads until the proxy hangs up.
func send(t *testing.T, address, text string, end bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	go func() { // the proxy may answer before it has read all
		_, _ = io.WriteString(conn, text)
		if end {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestMalformedRequestsNeverReachTheEngine(t *testing.T) {
	db := enginetest.New(t)
	p, check := proxy(t, db.Engine), sameChild(t, db.Engine)
	host := "Host: " + p.Addr() + "\r\n"
	auth := "X-ClickHouse-User: analyst\r\nX-ClickHouse-Key: " + db.Engine.AnalystPassword() + "\r\n"

	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		noise := make([]byte, random.IntN(2000))
		for i := range noise {
			noise[i] = byte(random.UintN(256))
		}
		send(t, p.Addr(), string(noise), true)
		// The same behind a request that begins well.
		send(t, p.Addr(), "POST /?query=SELECT+1 HTTP/1.1\r\n"+host+auth+"Content-Length: 5000\r\n\r\n"+string(noise), true)
		send(t, p.Addr(), "POST /?query=SELECT+1 HTTP/1.1\r\n"+host+auth+"Transfer-Encoding: chunked\r\n\r\n"+string(noise), true)
	}
	check()

	var many strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&many, "X-%d: %d\r\n", i, i)
	}
	for name, c := range map[string]struct {
		request, want string
		end           bool
	}{
		"long request line":   {"GET /?query=SELECT+1&x=" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\n" + host + auth + "\r\n", " 431 ", false},
		"3,000 headers":       {"GET /?query=SELECT+42 HTTP/1.1\r\n" + host + auth + many.String() + "Connection: close\r\n\r\n", "42", false},
		"huge header":         {"GET /?query=SELECT+1 HTTP/1.1\r\n" + host + auth + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", " 431 ", false},
		"two lengths":         {"POST / HTTP/1.1\r\n" + host + auth + "Content-Length: 8\r\nContent-Length: 9\r\n\r\nSELECT 1", " 400 ", true},
		"length and chunks":   {"POST / HTTP/1.1\r\n" + host + auth + "Content-Length: 8\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n8\r\nSELECT 7\r\n0\r\n\r\n", "7", false},
		"negative length":     {"POST / HTTP/1.1\r\n" + host + auth + "Content-Length: -1\r\n\r\nSELECT 1", " 400 ", true},
		"no host":             {"GET /?query=SELECT+1 HTTP/1.1\r\n" + auth + "\r\n", " 400 ", true},
		"NUL in header":       {"GET /?query=SELECT+1 HTTP/1.1\r\n" + host + auth + "X-ClickHouse-Database: a\x00b\r\n\r\n", " 400 ", true},
		"header injection":    {"GET /?query=SELECT+5&database=x%0d%0aX-ClickHouse-User:%20default HTTP/1.1\r\n" + host + auth + "Connection: close\r\n\r\n", "UNKNOWN_DATABASE", false},
		"HTTP/0.9":            {"GET /?query=SELECT+1\r\n", " 400 ", true},
		"HTTP/2 preface":      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", true},
		"TLS":                 {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", " 400 ", true},
		"control in path":     {"GET /\x01?query=SELECT+1 HTTP/1.1\r\n" + host + auth + "\r\n", " 400 ", true},
		"asterisk":            {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", " ", true},
		"absolute address":    {"GET http://127.0.0.1/?query=SELECT+6 HTTP/1.1\r\n" + host + auth + "Connection: close\r\n\r\n", "6", false},
		"connect":             {"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + host + auth + "\r\n", " 405 ", true},
		"upgrade":             {"GET /?query=SELECT+8 HTTP/1.1\r\n" + host + auth + "Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n", "8", false},
		"expect":              {"POST / HTTP/1.1\r\n" + host + auth + "Expect: 100-continue\r\nContent-Length: 8\r\nConnection: close\r\n\r\nSELECT 9", "9", false},
		"many parameters":     {"GET /?query=SELECT+1" + strings.Repeat("&a=b", 5000) + " HTTP/1.1\r\n" + host + auth + "Connection: close\r\n\r\n", "Code: ", false},
		"compressed nonsense": {"POST /?decompress=1 HTTP/1.1\r\n" + host + auth + "Content-Length: 8\r\nConnection: close\r\n\r\nSELECT 1", "Code: ", false},
		"encoded nonsense":    {"POST / HTTP/1.1\r\n" + host + auth + "Content-Encoding: gzip\r\nContent-Length: 8\r\nConnection: close\r\n\r\nSELECT 1", "Code: ", false},
		"unknown encoding":    {"POST / HTTP/1.1\r\n" + host + auth + "Content-Encoding: zzz\r\nContent-Length: 8\r\nConnection: close\r\n\r\nSELECT 1", "Code: ", false},
		"multipart nonsense":  {"POST /?query=SELECT+1 HTTP/1.1\r\n" + host + auth + "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 8\r\nConnection: close\r\n\r\n--x\r\nab\r", "Code: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			if answer := send(t, p.Addr(), c.request, c.end); !strings.Contains(answer, c.want) {
				t.Errorf("got %.300q, want %q", answer, c.want)
			}
			check()
		})
	}
}

func TestProxyLetsOnlyTheAnalystPass(t *testing.T) {
	db := enginetest.New(t)
	p := proxy(t, db.Engine)
	app, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	const query = "query=SELECT+currentUser()"
	for name, c := range map[string]struct {
		prepare func(*http.Request)
		want    string
	}{
		"analyst":     {func(r *http.Request) { r.SetBasicAuth("analyst", db.Engine.AnalystPassword()) }, "analyst\n"},
		"application": {func(r *http.Request) { r.SetBasicAuth(app.Auth.Username, app.Auth.Password) }, "Code: 516."},
		"default":     {func(r *http.Request) { r.SetBasicAuth("default", "") }, "Code: 516."},
		"nobody":      {func(*http.Request) {}, "Code: 516."},
	} {
		if _, body := get(t, p.Addr(), query, c.prepare); !strings.HasPrefix(body, c.want) {
			t.Errorf("%s: %q", name, body)
		}
	}
	_, body := get(t, p.Addr(), query+"&user=analyst&password="+db.Engine.AnalystPassword()+"&add_http_cors_header=1", func(*http.Request) {})
	if body != "analyst\n" {
		t.Errorf("by parameters: %q", body)
	}
}

func TestAnalystThroughDatabaseSQL(t *testing.T) {
	db := enginetest.New(t)
	views(t, db)
	p, check := proxy(t, db.Engine), sameChild(t, db.Engine)
	dsn := url.URL{Scheme: "http", User: url.UserPassword("analyst", db.Engine.AnalystPassword()), Host: p.Addr(), Path: db.Views}
	client, err := sql.Open("clickhouse", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	var id string
	var v uint64
	if err := client.QueryRowContext(t.Context(), "SELECT id, v FROM events WHERE v >= ?", 2).Scan(&id, &v); err != nil || id != "a" || v != 2 {
		t.Errorf("got %q %d, %v", id, v, err)
	}
	if _, err := client.ExecContext(t.Context(), "INSERT INTO events VALUES ('b', 3)"); err == nil || !strings.Contains(err.Error(), "ACCESS_DENIED") {
		t.Errorf("insert: %v", err)
	}
	// An answer of a million rows arrives whole.
	rows, err := client.QueryContext(t.Context(), "SELECT number FROM numbers(1000000)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var n, sum uint64
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			t.Fatal(err)
		}
		n, sum = n+1, sum+number
	}
	if rows.Err() != nil || n != 1_000_000 || sum != 499_999_500_000 {
		t.Errorf("%d rows, sum %d, %v", n, sum, rows.Err())
	}
	dsn.User = url.UserPassword("analyst", "wrong")
	stranger, err := sql.Open("clickhouse", dsn.String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if err := stranger.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "516") || !strings.Contains(err.Error(), "Authentication failed") {
		t.Errorf("wrong password: %v", err)
	}
	check()
}

// Clients that die in the middle of a result end their query, not the engine.
func TestKilledClientEndsItsQuery(t *testing.T) {
	db := enginetest.New(t)
	p, check := proxy(t, db.Engine), sameChild(t, db.Engine)
	running := func() (n uint64) {
		conn := connect(t, db.DSN)
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE user = 'analyst'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const query = "SELECT number, sleepEachRow(0.01) FROM numbers(100000) SETTINGS max_block_size = 10"
	for range 10 {
		conn, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /?query=%s HTTP/1.1\r\nHost: %s\r\nX-ClickHouse-User: analyst\r\nX-ClickHouse-Key: %s\r\n\r\n",
			url.QueryEscape(query), p.Addr(), db.Engine.AnalystPassword())
		// Rows are on their way.
		line := bufio.NewReader(conn)
		for range 20 {
			if _, err := line.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		// A killed process's connection is reset when data of it was left unread.
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	check()
	eventually(t, "all queries are cancelled", func() bool { return running() == 0 })
	check()
}
