package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// fakeEngine records what reaches it.
type fakeEngine struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newFakeEngine(t *testing.T, answer http.HandlerFunc) *fakeEngine {
	f := &fakeEngine{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.requests = append(f.requests, r)
		f.bodies = append(f.bodies, string(body))
		f.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeEngine) seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

func testProxy(t *testing.T, engine string, ready func() bool) *Proxy {
	t.Helper()
	p, err := startProxy("127.0.0.1:0", engine, "right", ready, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

func always() bool { return true }

// ask sends one request of its own connection and returns the whole answer.
func ask(t *testing.T, method, address string, body io.Reader, prepare func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if prepare != nil {
		prepare(req)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func TestProxyForwardsOnlyWhatItKnows(t *testing.T) {
	f := newFakeEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-ClickHouse-Format", "TSV")
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "text/tab-separated-values")
		_, _ = io.WriteString(w, "1\n")
	})
	p := testProxy(t, f.Listener.Addr().String(), always)
	res, body := ask(t, http.MethodPost, "http://"+p.Addr()+"/?database=d&max_threads=1&user=analyst&password=right&quota_key=k", strings.NewReader("SELECT 1"),
		func(r *http.Request) {
			for name, value := range map[string]string{
				"X-ClickHouse-Format": "TSV", "Cookie": "c=d", "X-Forwarded-For": "1.2.3.4", "X-ClickHouse-Quota": "q",
				"X-ClickHouse-SSL-Certificate-Auth": "on", "Connection": "x-more", "X-More": "1", "Accept": strings.Repeat("a", 5000), "User-Agent": "test", "Accept-Encoding": "br",
			} {
				r.Header.Set(name, value)
			}
		})
	if res.StatusCode != http.StatusOK || body != "1\n" {
		t.Fatalf("got %d %q", res.StatusCode, body)
	}
	res.Header.Del("Date")
	if diff := cmp.Diff(http.Header{
		"Content-Type": {"text/tab-separated-values"}, "X-Clickhouse-Format": {"TSV"}, "X-Content-Type-Options": {"nosniff"}, "Content-Length": {"2"},
	}, res.Header); diff != "" {
		t.Errorf("answer's headers (-want +got):\n%s", diff)
	}
	r := f.requests[0]
	r.Header.Del("Content-Length")
	if diff := cmp.Diff(http.Header{
		"Authorization": {basicAuth("analyst", "right")}, "X-Clickhouse-Format": {"TSV"}, "User-Agent": {"test"}, "Accept-Encoding": {"br"},
	}, r.Header); diff != "" {
		t.Errorf("forwarded headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(url.Values{"database": {"d"}, "max_threads": {"1"}}, r.URL.Query()); diff != "" {
		t.Errorf("forwarded parameters (-want +got):\n%s", diff)
	}
	if r.URL.Path != "/" || r.Host != f.Listener.Addr().String() || f.bodies[0] != "SELECT 1" {
		t.Errorf("forwarded %s %s %q", r.Host, r.URL.Path, f.bodies[0])
	}
}

func TestProxyAuthentication(t *testing.T) {
	f := newFakeEngine(t, nil)
	p := testProxy(t, f.Listener.Addr().String(), always)
	headers := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				r.Header.Add(pairs[i], pairs[i+1])
			}
		}
	}
	right := basicAuth("analyst", "right")
	for name, c := range map[string]struct {
		params  string
		prepare func(*http.Request)
		ok      bool
	}{
		"basic":                 {"", headers("Authorization", right), true},
		"headers":               {"", headers("X-ClickHouse-User", "analyst", "X-ClickHouse-Key", "right"), true},
		"parameters":            {"&user=analyst&password=right", nil, true},
		"nothing":               {"", nil, false},
		"default":               {"&user=default", nil, false},
		"application":           {"", headers("Authorization", basicAuth("tributary", "right")), false},
		"wrong password":        {"", headers("Authorization", basicAuth("analyst", "wrong")), false},
		"no password":           {"", headers("Authorization", basicAuth("analyst", "")), false},
		"longer password":       {"&user=analyst&password=rightright", nil, false},
		"password without user": {"&password=right", nil, false},
		"user's case":           {"&user=Analyst&password=right", nil, false},
		"bearer":                {"", headers("Authorization", "Bearer right"), false},
		"broken basic":          {"", headers("Authorization", "Basic %%%"), false},
		"two ways":              {"&user=analyst&password=right", headers("Authorization", right), false},
		"two ways, one wrong":   {"&user=default", headers("Authorization", right), false},
		"two headers":           {"", headers("Authorization", right, "Authorization", right), false},
		"two users":             {"&user=analyst&password=right&user=default", nil, false},
		"two keys":              {"", headers("X-ClickHouse-User", "analyst", "X-ClickHouse-Key", "right", "X-ClickHouse-Key", "right"), false},
	} {
		t.Run(name, func(t *testing.T) {
			before := f.seen()
			res, body := ask(t, http.MethodGet, "http://"+p.Addr()+"/?query=SELECT+1"+c.params, nil, c.prepare)
			if c.ok {
				if res.StatusCode != http.StatusOK || f.seen() != before+1 {
					t.Errorf("refused: %d %q", res.StatusCode, body)
				}
				return
			}
			if res.StatusCode != http.StatusForbidden || f.seen() != before {
				t.Errorf("status %d, forwarded %v", res.StatusCode, f.seen() != before)
			}
			if !strings.HasPrefix(body, "Code: 516. DB::Exception: ") || !strings.HasSuffix(body, "(AUTHENTICATION_FAILED)\n") ||
				res.Header.Get("X-ClickHouse-Exception-Code") != "516" {
				t.Errorf("no client understands %q %v", body, res.Header)
			}
			if res.Header.Get("WWW-Authenticate") != "" {
				t.Error("a browser would keep the password and send it along by itself")
			}
		})
	}
}

func TestProxyRefusesBeforeItAsks(t *testing.T) {
	f := newFakeEngine(t, nil)
	p := testProxy(t, f.Listener.Addr().String(), always)
	for name, c := range map[string]struct {
		method, path string
		prepare      func(*http.Request)
		status       int
	}{
		"rebound name":        {"GET", "/?query=1", func(r *http.Request) { r.Host = "evil.example" }, 403},
		"rebound, with port":  {"GET", "/?query=1", func(r *http.Request) { r.Host = "evil.example:8123" }, 403},
		"loopback in a name":  {"GET", "/?query=1", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 403},
		"other address":       {"GET", "/?query=1", func(r *http.Request) { r.Host = "192.168.0.1" }, 403},
		"other origin":        {"GET", "/?query=1", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"null origin":         {"POST", "/", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"cross-site image":    {"GET", "/?query=1", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"another local port":  {"GET", "/?query=1", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		"preflight":           {"OPTIONS", "/", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"options":             {"OPTIONS", "/", nil, 405},
		"put":                 {"PUT", "/?query=1", nil, 405},
		"delete":              {"DELETE", "/?query=1", nil, 405},
		"other path":          {"GET", "/play", nil, 404},
		"path with dots":      {"GET", "/../x?query=1", nil, 404},
		"long address":        {"GET", "/?query=" + strings.Repeat("a", maxURL), nil, 414},
		"malformed parameter": {"GET", "/?query=%zz", nil, 400},
		"semicolons":          {"GET", "/?query=1;user=default", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := ask(t, c.method, "http://"+p.Addr()+c.path, nil, func(r *http.Request) {
				r.SetBasicAuth("analyst", "right")
				if c.prepare != nil {
					c.prepare(r)
				}
			})
			if res.StatusCode != c.status || !strings.HasPrefix(body, "Code: ") {
				t.Errorf("got %d %q, want %d", res.StatusCode, body, c.status)
			}
			if v := res.Header.Get("Access-Control-Allow-Origin"); v != "" {
				t.Errorf("other origins may read it: %q", v)
			}
			if (c.status == 405) != (res.Header.Get("Allow") != "") {
				t.Error("Allow header")
			}
		})
	}
	if n := f.seen(); n != 0 {
		t.Errorf("%d requests reached the engine", n)
	}
	for _, host := range []string{"localhost", "LocalHost:8123", "127.0.0.1", "127.1.2.3:1", "[::1]:8123", "[::1]"} {
		if res, body := ask(t, "GET", "http://"+p.Addr()+"/?query=1", nil, func(r *http.Request) {
			r.Host = host
			r.SetBasicAuth("analyst", "right")
		}); res.StatusCode != http.StatusOK {
			t.Errorf("host %s: %d %q", host, res.StatusCode, body)
		}
	}
}

func TestProxyPing(t *testing.T) {
	var ready atomic.Bool
	p := testProxy(t, "127.0.0.1:1", ready.Load)
	for _, path := range []string{"/ping", "/"} {
		ready.Store(true)
		if res, body := ask(t, "GET", "http://"+p.Addr()+path, nil, nil); res.StatusCode != 200 || body != "Ok.\n" {
			t.Errorf("%s: %d %q", path, res.StatusCode, body)
		}
		ready.Store(false)
		if res, _ := ask(t, "GET", "http://"+p.Addr()+path, nil, nil); res.StatusCode != 503 {
			t.Errorf("%s without engine: %d", path, res.StatusCode)
		}
	}
}

func TestProxyWithoutEngine(t *testing.T) {
	var ready atomic.Bool
	// Nobody listens on port 1; ready or not the client gets the same text.
	p := testProxy(t, "127.0.0.1:1", ready.Load)
	for _, r := range []bool{true, false} {
		ready.Store(r)
		res, body := ask(t, "GET", "http://"+p.Addr()+"/?query=1", nil, func(r *http.Request) { r.SetBasicAuth("analyst", "right") })
		if res.StatusCode != 503 || !strings.Contains(body, "not running") || res.Header.Get("Retry-After") == "" {
			t.Errorf("ready %v: %d %q %v", r, res.StatusCode, body, res.Header)
		}
	}
}

func TestProxyPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = startProxy(l.Addr().String(), "127.0.0.1:1", "x", always, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "--embedded-http-port") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
	if _, err := startProxy("0.0.0.0:0", "127.0.0.1:1", "x", always, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("listens for the whole network")
	}
}

// A body is passed on while it is being sent, a result while it is being made.
func TestProxyStreams(t *testing.T) {
	got := make(chan string, 3)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		first := make([]byte, 4)
		_, _ = io.ReadFull(r.Body, first)
		got <- string(first)
		_, _ = io.WriteString(w, "row\n")
		_ = http.NewResponseController(w).Flush()
		rest, _ := io.ReadAll(r.Body)
		got <- string(rest)
		<-r.Context().Done() // until the client goes away
		got <- "gone"
	}))
	defer engine.Close()
	p := testProxy(t, engine.Listener.Addr().String(), always)

	body, more := io.Pipe()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.Addr()+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("analyst", "right")
	answered := make(chan *http.Response, 1)
	go func() {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	_, _ = io.WriteString(more, "SELE")
	if s := <-got; s != "SELE" {
		t.Fatalf("first part: %q", s)
	}
	_, _ = io.WriteString(more, "CT 1")
	_ = more.Close()
	if s := <-got; s != "CT 1" {
		t.Fatalf("rest: %q", s)
	}
	res := <-answered
	row := make([]byte, 4)
	if _, err := io.ReadFull(res.Body, row); err != nil || string(row) != "row\n" {
		t.Fatalf("first row: %q, %v", row, err)
	}
	leave()
	if s := <-got; s != "gone" {
		t.Fatal(s)
	}
	_ = res.Body.Close()
}

func TestProxyBoundsBodies(t *testing.T) {
	f := newFakeEngine(t, nil)
	p := testProxy(t, f.Listener.Addr().String(), always)
	for name, body := range map[string]io.Reader{
		"stated":  bytes.NewReader(make([]byte, maxBody+1)),
		"chunked": io.MultiReader(bytes.NewReader(make([]byte, maxBody)), strings.NewReader("x")),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Addr()+"/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("analyst", "right")
		req.Close = true
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			continue // cut off while still sending
		}
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s", name, res.Status)
		}
		_ = res.Body.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.bodies {
		if len(b) > maxBody {
			t.Errorf("%d bytes reached the engine", len(b))
		}
	}
}

func TestProxyClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	started := make(chan struct{})
	engine := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	defer engine.Close()
	p, err := startProxy("127.0.0.1:0", engine.Listener.Addr().String(), "right", always, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		res, err := http.Get(fmt.Sprintf("http://%s/?query=1&user=analyst&password=right", p.Addr()))
		if err == nil {
			_ = res.Body.Close()
		}
		failed <- err
	}()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); err == nil {
		t.Error("Close does not tell that it cut off a request")
	}
	if err := <-failed; err == nil {
		t.Error("the request was not cut off")
	}
	http.DefaultClient.CloseIdleConnections()
}
