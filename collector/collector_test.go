package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/collector/spool"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tokens is a registry in which the token of a connection is its id.
type tokens struct{ *connection.Registry }

func (t tokens) Lookup(token string, _ time.Time) (*connection.Target, bool) {
	id, err := uuid.Parse(token)
	if err != nil {
		return nil, false
	}
	return t.Target(id), true
}

func (tokens) Ready() bool { return true }

var crm = uuid.MustParse("11111111-1111-4111-8111-111111111111")

// running is a collector behind a real listener.
type running struct {
	*collector.Collector
	t    testing.TB
	url  string
	stop func()
}

func start(t testing.TB, cfg collector.Config) *running { return startFor(t, cfg, 5*time.Second) }

// startFor is start with a bound on the last flush; with a short one, stop leaves events in the spool as a crash does.
func startFor(t testing.TB, cfg collector.Config, flush time.Duration) *running {
	t.Helper()
	if cfg.SpoolDir == "" {
		cfg.SpoolDir = t.TempDir()
	}
	if cfg.Registry == nil {
		cfg.Registry = tokens{connection.NewRegistry()}
	}
	if cfg.Linger == 0 {
		cfg.Linger = 5 * time.Millisecond
	}
	c, err := collector.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{token}", func(w http.ResponseWriter, r *http.Request) { c.ServeWebhook(w, r, r.PathValue("token")) })
	server := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, flush) }()
	var once sync.Once
	r := &running{Collector: c, t: t, url: server.URL + "/" + crm.String()}
	r.stop = func() {
		once.Do(func() {
			server.Close()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) post(body string) (int, string) { return r.send(http.Header{}, []byte(body)) }

func (r *running) send(h http.Header, body []byte) (int, string) {
	r.t.Helper()
	res, text, err := request(r.url, h, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, text
}

func request(url string, h http.Header, body io.Reader) (*http.Response, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, body)
	if err != nil {
		return nil, "", err
	}
	req.Header = h
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

func (r *running) settled() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Settled(ctx); err != nil {
		r.t.Fatalf("events did not reach the store: %v", err)
	}
}

func one(id, payload string) string {
	return fmt.Sprintf(`[{"event_id":%q,"event_timestamp":"2025-12-08T15:21:11.804Z","event_email":"a@example.com","event_payload":%s}]`, id, payload)
}

func ids(rows map[key]stored) map[string]bool {
	out := map[string]bool{}
	for k := range rows {
		out[k.id] = true
	}
	return out
}

func TestAcceptedEventsReachTheStoreOnce(t *testing.T) {
	store := newMemory()
	c := start(t, collector.Config{Store: store})
	first := one("order_1", `{"n":1}`)
	for range 3 {
		if status, body := c.post(first); status != 201 || body != `{"received":1}` {
			t.Fatalf("%d %s", status, body)
		}
	}
	// The copy received last wins, also within one request.
	if status, body := c.post(`[{"event_id":"order_1","event_timestamp":"2026-01-01","event_email":"a@example.com","event_payload":{"n":2}},
		{"event_id":"order_1","event_timestamp":"2024-01-01","event_email":"a@example.com","event_payload":{"n":3}}]`); status != 201 || body != `{"received":2}` {
		t.Fatalf("%d %s", status, body)
	}
	c.settled()
	rows := store.snapshot()
	got := rows[key{crm, "order_1"}]
	got.receivedAt = 0
	want := stored{timestamp: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), email: "a@example.com", payload: `{"n":3}`}
	if len(rows) != 1 || got != want {
		t.Fatalf("stored %+v", rows)
	}
}

func TestAnswers(t *testing.T) {
	zip := func(s string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, s); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	ok := one("a", `{"x":1}`)
	pad := func(n int) string { return ok + strings.Repeat(" ", n-len(ok)) }
	gz := http.Header{"Content-Encoding": {"gzip"}}
	tests := []struct {
		name   string
		header http.Header
		body   []byte
		status int
		holds  string // part of the answer
		kept   bool
	}{
		{"an event", nil, []byte(ok), 201, `{"received":1}`, false},
		{"no events", nil, []byte(" [ ] "), 201, `{"received":0}`, false},
		{"a warning", nil, []byte(strings.Replace(ok, `"event_id"`, `"extra":1,"event_id"`, 1)), 201, `"pointer":"/0/extra"`, false},
		{"parameters and case of the content type", http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}}, []byte(ok), 201, "", false},
		{"another content type", http.Header{"Content-Type": {"text/plain"}}, []byte(ok), 415, "unsupported-media-type", false},
		{"another encoding", http.Header{"Content-Encoding": {"br"}}, []byte(ok), 415, "unsupported-content-encoding", false},
		{"gzip", gz, zip(ok), 201, `{"received":1}`, false},
		{"gzip, upper case", http.Header{"Content-Encoding": {"GZIP"}}, zip(ok), 201, `{"received":1}`, false},
		{"gzip in two members", gz, append(zip(ok[:9]), zip(ok[9:])...), 201, `{"received":1}`, false},
		{"gzip that is none", gz, []byte(ok), 400, "gzip", true},
		{"gzip cut off", gz, zip(ok)[:40], 400, "gzip", true},
		{"gzip with rubbish behind", gz, append(zip(ok), "rubbish"...), 400, "gzip", true},
		{"gzip bomb", gz, zip(strings.Repeat("[", 100<<20)), 413, "body-too-large", true},
		{"not JSON", nil, []byte(`[{]`), 400, `"line":1`, true},
		{"empty", nil, nil, 400, "malformed-body", true},
		{"a lone object", nil, []byte(ok[1 : len(ok)-1]), 400, "array", true},
		{"invalid UTF-8", nil, []byte("[\"\xff\"]"), 400, "malformed-body", true},
		{"a broken rule", nil, []byte(strings.Replace(ok, "a@example.com", "a", 1)), 422, `"pointer":"/0/event_email"`, true},
		{"the largest body", nil, []byte(pad(event.MaxBody)), 201, `{"received":1}`, false},
		{"one byte too many", nil, []byte(pad(event.MaxBody + 1)), 413, "body-too-large", true},
		{"one byte too many, compressed", gz, zip(pad(event.MaxBody + 1)), 413, "body-too-large", true},
		{"the largest body, compressed", gz, zip(pad(event.MaxBody)), 201, `{"received":1}`, false},
	}
	store := newMemory()
	c := start(t, collector.Config{Store: store})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(store.kept())
			h := tt.header.Clone()
			if h == nil {
				h = http.Header{}
			}
			res, body, err := request(c.url, h, bytes.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || !strings.Contains(body, tt.holds) {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			want := "application/json"
			if tt.status != 201 {
				want = "application/problem+json"
			}
			if got := res.Header.Get("Content-Type"); got != want || !json.Valid([]byte(body)) {
				t.Errorf("content type %s: %s", got, body)
			}
			if !tt.kept {
				return
			}
			if !eventually(5*time.Second, func() bool { return len(store.kept()) > before }) {
				t.Fatal("the refused request was not kept")
			}
			x := store.kept()[before]
			if x.Connection != crm || x.Status != tt.status || !strings.Contains(x.Reason, tt.holds) || len(x.Body) > collector.MaxKeptBody {
				t.Errorf("kept %+v", x)
			}
		})
	}
	if n := len(ids(store.snapshot())); n != 1 {
		t.Errorf("%d events stored", n)
	}
}

func TestUnknownToken(t *testing.T) {
	store := newMemory()
	c := start(t, collector.Config{Store: store})
	res, body, err := request(strings.Replace(c.url, crm.String(), "nobody", 1), http.Header{}, strings.NewReader(one("a", "{}")))
	if err != nil || res.StatusCode != 404 || !strings.Contains(body, "unknown-token") {
		t.Fatalf("%v %v %s", err, res, body)
	}
}

// A sender that declares a large body and sends nothing is answered without being waited for.
func TestTooLargeIsAnsweredBeforeTheBody(t *testing.T) {
	c := start(t, collector.Config{Store: newMemory(), BodyTimeout: time.Minute})
	conn := dial(t, c.url)
	fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n", crm)
	if got := readStatus(t, conn); got != "413" {
		t.Fatalf("answered %s", got)
	}
}

func TestSlowAndBrokenBodies(t *testing.T) {
	store := newMemory()
	c := start(t, collector.Config{Store: store, BodyTimeout: 200 * time.Millisecond})
	t.Run("slow", func(t *testing.T) {
		conn := dial(t, c.url)
		fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[", crm)
		if got := readStatus(t, conn); got != "408" {
			t.Fatalf("answered %s", got)
		}
	})
	t.Run("dropped", func(t *testing.T) {
		for range 20 {
			conn := dial(t, c.url)
			fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n%s", crm, one("dropped", "{}")[:50])
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if status, _ := c.post(one("after", "{}")); status != 201 {
		t.Fatalf("answered %d", status)
	}
	c.settled()
	if diff := cmp.Diff(map[string]bool{"after": true}, ids(store.snapshot())); diff != "" {
		t.Fatal(diff)
	}
}

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.Split(strings.TrimPrefix(url, "http://"), "/")[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func readStatus(t *testing.T, conn net.Conn) string {
	t.Helper()
	buf := make([]byte, 12)
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf[9:])
}

// While the store is away, events are acknowledged and wait; none is lost when it
// is back, even if every block that was sent meanwhile had in fact arrived.
func TestStoreAway(t *testing.T) {
	store := newMemory()
	c := start(t, collector.Config{Store: store})
	store.breaks(func(*memoryBlock) (error, bool) { return errNetwork, true })
	store.away = true
	want := map[string]bool{}
	for i := range 50 {
		id := fmt.Sprintf("e%d", i)
		want[id] = true
		if status, body := c.post(one(id, "{}")); status != 201 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if c.Lag() <= 0 {
		t.Error("the lag reads zero while events wait")
	}
	store.breaks(nil)
	c.settled()
	if diff := cmp.Diff(want, ids(store.snapshot())); diff != "" {
		t.Fatal(diff)
	}
	if !eventually(time.Second, func() bool { return c.Lag() == 0 }) {
		t.Errorf("lag is %v with nothing to do", c.Lag())
	}
}

// An event that the store refuses stands alone in the end: its neighbours are
// stored, it is kept with the store's message. Neither the error's kind nor an
// engine that dies of it changes that.
func TestPoison(t *testing.T) {
	for name, fault := range map[string]error{"refused data": errData, "an engine that dies of it": errNetwork} {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			store.breaks(func(b *memoryBlock) (error, bool) {
				if b.contains("poison") {
					return fault, false
				}
				return nil, false
			})
			c := start(t, collector.Config{Store: store, BackOff: time.Millisecond})
			want := map[string]bool{}
			var events []string
			for i := range 40 {
				payload := "{}"
				id := fmt.Sprintf("e%d", i)
				if i%13 == 5 {
					payload = `{"poison":true}`
				} else {
					want[id] = true
				}
				events = append(events, strings.Trim(one(id, payload), "[]"))
			}
			for i := 0; i < len(events); i += 8 {
				if status, body := c.post("[" + strings.Join(events[i:i+8], ",") + "]"); status != 201 {
					t.Fatalf("%d %s", status, body)
				}
			}
			c.settled()
			if diff := cmp.Diff(want, ids(store.snapshot())); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			var kept []string
			for _, x := range store.kept() {
				if x.Kind != collector.RefusedEvent || !strings.Contains(x.Reason, "ClickHouse") {
					t.Errorf("kept as %+v", x)
				}
				var events []struct {
					ID string `json:"event_id"`
				}
				if err := json.Unmarshal(x.Body, &events); err != nil || len(events) != 1 {
					t.Fatalf("kept body %s: %v", x.Body, err)
				}
				kept = append(kept, events[0].ID)
			}
			if diff := cmp.Diff([]string{"e5", "e18", "e31"}, kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

// A store that is overloaded is never blamed on the data.
func TestOverloadedStoreRefusesNothing(t *testing.T) {
	store := newMemory()
	n := 0
	store.breaks(func(*memoryBlock) (error, bool) {
		if n++; n < 20 {
			return errParts, false
		}
		return nil, false
	})
	c := start(t, collector.Config{Store: store, BackOff: time.Microsecond})
	if status, _ := c.post(one("a", "{}")); status != 201 {
		t.Fatal(status)
	}
	c.settled()
	if len(store.kept()) != 0 || len(store.snapshot()) != 1 {
		t.Fatalf("kept %v, stored %v", store.kept(), store.snapshot())
	}
}

// disk fails while told to.
type disk struct {
	spool.OS
	mu  sync.Mutex
	err error
}

type diskFile struct {
	spool.File
	disk *disk
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *disk) failing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *disk) Create(path string) (spool.File, error) {
	f, err := d.OS.Create(path)
	return diskFile{f, d}, err
}

func (f diskFile) Sync() error {
	if err := f.disk.failing(); err != nil {
		return err
	}
	return f.File.Sync()
}

// While the disk fails senders get 503 and nothing of theirs is stored; what was
// acknowledged before is, and it goes on once the disk does.
func TestDiskFails(t *testing.T) {
	store, d := newMemory(), &disk{}
	c := start(t, collector.Config{Store: store, Disk: d, Linger: 50 * time.Millisecond})
	if status, _ := c.post(one("before", "{}")); status != 201 {
		t.Fatal(status)
	}
	d.fail(syscall.EIO)
	for range 3 {
		res, body, err := request(c.url, http.Header{}, strings.NewReader(one("refused", "{}")))
		if err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Fatalf("%v %v %s", err, res, body)
		}
	}
	d.fail(nil)
	if status, _ := c.post(one("after", "{}")); status != 201 {
		t.Fatal(status)
	}
	c.settled()
	if diff := cmp.Diff(map[string]bool{"before": true, "after": true}, ids(store.snapshot())); diff != "" {
		t.Fatal(diff)
	}
}

func TestSpoolFull(t *testing.T) {
	store := newMemory()
	store.breaks(func(*memoryBlock) (error, bool) { return errNetwork, false })
	store.away = true
	c := start(t, collector.Config{Store: store, SpoolMaxBytes: 20_000})
	want := map[string]bool{}
	full := false
	for i := 0; i < 1000 && !full; i++ {
		id := fmt.Sprintf("e%d", i)
		switch status, body := c.post(one(id, `{"x":"`+strings.Repeat("x", 500)+`"}`)); status {
		case 201:
			want[id] = true
		case 503:
			full = true
		default:
			t.Fatalf("%d %s", status, body)
		}
	}
	if !full || len(want) < 10 {
		t.Fatalf("full: %v after %d events", full, len(want))
	}
	if err := c.Writable(context.Background()); !errors.Is(err, spool.ErrFull) {
		t.Errorf("Writable: %v", err)
	}
	store.breaks(nil)
	c.settled()
	if diff := cmp.Diff(want, ids(store.snapshot())); diff != "" {
		t.Fatal(diff)
	}
}

// What a collector leaves in the spool, its successor inserts, with the same
// received_at; and the counts go on where they were.
func TestRestartReplays(t *testing.T) {
	dir := t.TempDir()
	var first map[key]stored
	{
		store := newMemory()
		store.breaks(func(*memoryBlock) (error, bool) { return errNetwork, true })
		store.away = true
		c := startFor(t, collector.Config{Store: store, SpoolDir: dir}, time.Millisecond)
		for i := range 30 {
			if status, _ := c.post(one(fmt.Sprintf("e%d", i), fmt.Sprintf(`{"n":%d}`, i))); status != 201 {
				t.Fatal(status)
			}
		}
		if !eventually(5*time.Second, func() bool { return len(store.snapshot()) > 0 }) {
			t.Fatal("nothing was tried")
		}
		c.stop()
		first = store.snapshot()
	}
	store := newMemory()
	registry := tokens{connection.NewRegistry()}
	c := start(t, collector.Config{Store: store, SpoolDir: dir, Registry: registry})
	if n := registry.Target(crm).Stats().EventsReceived; n != 30 {
		t.Errorf("%d events counted after the restart", n)
	}
	c.settled()
	rows := store.snapshot()
	if len(rows) != 30 {
		t.Fatalf("%d events replayed", len(rows))
	}
	for k, before := range first {
		if rows[k] != before {
			t.Errorf("%s is %+v after the replay, was %+v", k.id, rows[k], before)
		}
	}
	c.stop()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(dir + "/" + f.Name())
		if err == nil && bytes.Contains(data, []byte("a@example.com")) {
			t.Errorf("%s still holds an event after everything was confirmed", f.Name())
		}
	}
}

func TestActivity(t *testing.T) {
	c := start(t, collector.Config{Store: newMemory()})
	feed := c.Activity().Subscribe(crm)
	defer feed.Close()
	if status, _ := c.post(one("watched", `{"a":[1,"x"]}`)); status != 201 {
		t.Fatal(status)
	}
	if status, _ := c.post(`[1]`); status != 422 {
		t.Fatal(status)
	}
	var kinds []string
	for range 3 {
		select {
		case m := <-feed.Messages():
			kinds = append(kinds, string(m.Kind))
			if !json.Valid(m.Data) {
				t.Errorf("%s is not JSON: %s", m.Kind, m.Data)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("only %v arrived", kinds)
		}
	}
	if diff := cmp.Diff([]string{"request", "event", "request"}, kinds); diff != "" {
		t.Error(diff)
	}
	if got := c.Activity().Recent(crm, 10); len(got) != 1 || got[0].Events != 1 {
		t.Errorf("recent: %+v", got)
	}
}
