package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/internal/httpapi"
)

// lines returns the log's records with a message.
func (s *server) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if record["msg"] == msg {
			out = append(out, record)
		}
	}
	return out
}

func TestRequestIDs(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	seen := map[string]bool{}
	for _, given := range []string{"", "", "", "upstream-7.b:c_D", strings.Repeat("x", 128)} {
		resp, _ := s.do(t, "", "GET", "/livez", "", http.Header{"X-Request-Id": {given}})
		id := resp.Header.Get("X-Request-ID")
		if given != "" && id != given {
			t.Errorf("the sane id %q became %q", given, id)
		}
		if seen[id] || len(id) < 16 {
			t.Errorf("id %q", id)
		}
		seen[id] = true
	}
	for _, given := range []string{"a b", "<script>", "jane@mail.example", strings.Repeat("x", 129), "ü", "a/b"} {
		resp, _ := s.do(t, "", "GET", "/livez", "", http.Header{"X-Request-Id": {given}})
		if id := resp.Header.Get("X-Request-ID"); id == given || len(id) != 20 {
			t.Errorf("%q was answered with %q", given, id)
		}
	}
	resp, body := s.do(t, "", "GET", "/nothing", "", http.Header{"X-Request-Id": {"mine"}})
	if id, _ := lookUp(body, "request_id"); id != "mine" || resp.Header.Get("X-Request-ID") != "mine" {
		t.Errorf("the problem's id is %v", id)
	}
}

func TestAccessLog(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	const token = "abcd2345efgh6789jkmnpqrst0vwxyz2"
	id := http.Header{"X-Request-Id": {"mine"}}
	s.do(t, adminKey, "GET", "/api/v1/connections/"+knownID.String()+"?who=jane%40mail.example&key="+adminKey, "", id)
	s.do(t, "", "GET", "/api/v1/people/jane@mail.example/events", "", id)
	s.do(t, "", "POST", "/collector/webhook_event/"+token, "[]", id)       // fine: not logged
	s.do(t, "", "GET", "/collector/webhook_event/"+token, "", id)          // 405
	s.do(t, "", "POST", "/collector/webhook_event/"+token+"/more", "", id) // 404
	s.do(t, "", "POST", "/collector/webhook_event/unknown", "[]", id)
	s.do(t, "", "GET", "/livez", "", id) // asked all the time: not logged
	var got []string
	for _, r := range s.lines(t, "request") {
		if r["request_id"] != "mine" || r["remote"] == nil || r["ms"] == nil || r["bytes"] == nil {
			t.Errorf("record %v", r)
		}
		got = append(got, fmt.Sprint(r["level"], " ", r["method"], " ", r["path"], " ", r["status"], " ", r["role"]))
	}
	want := []string{
		"INFO GET /api/v1/connections/" + knownID.String() + "?who=[email]&key=trb_*** 200 admin",
		"INFO GET /api/v1/people/[email]/events 401 <nil>",
		"INFO GET /collector/webhook_event/abcd*** 405 <nil>",
		"INFO POST /collector/webhook_event/abcd***/more 404 <nil>",
		"INFO POST /collector/webhook_event/*** 404 <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	for _, secret := range []string{token, adminKey, "jane"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

// A sender gone wild must not fill the disk with log lines, but must be seen.
func TestAccessLogOfManyFailures(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	const sent = 200
	start := time.Now()
	post := func() {
		resp, err := http.Post(s.url+"/collector/webhook_event/unknown", "application/json", strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	for range sent {
		post()
	}
	seconds := int(time.Since(start).Seconds()) + 2
	if n := len(s.lines(t, "request")); n < 20 || n > 20*seconds {
		t.Errorf("%d lines of %d failures in %d s", n, sent, seconds)
	}
	eventually(t, "the lines that were left out are counted", func() bool {
		post()
		counted := 0
		lines := s.lines(t, "request")
		for _, r := range lines {
			counted += 1 + int(r["suppressed"].(float64))
		}
		return counted >= sent
	})
	http.DefaultClient.CloseIdleConnections()
}

func TestPanics(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	resp, body := s.do(t, "", "POST", "/collector/webhook_event/panic", "[]", http.Header{"X-Request-Id": {"mine"}})
	if kind, _ := lookUp(body, "type"); resp.StatusCode != 500 || kind != "/problems/internal-error" || strings.Contains(fmt.Sprint(body), "as asked") {
		t.Errorf("%d %v", resp.StatusCode, body)
	}
	records := s.lines(t, "handler panicked")
	if len(records) != 1 || records[0]["request_id"] != "mine" || records[0]["panic"] != "as asked: mail [email]" ||
		!strings.Contains(records[0]["stack"].(string), "standInIngest") || records[0]["path"] != "/collector/webhook_event/***" {
		t.Errorf("log: %v", records)
	}
	// Half an answer must not look like a whole one.
	late, err := s.client.Post(s.url+"/collector/webhook_event/late-panic", "application/json", strings.NewReader("[]"))
	if err == nil {
		_, err = io.ReadAll(late.Body)
		_ = late.Body.Close()
	}
	if err == nil {
		t.Error("half an answer ended as if it were whole")
	}
	if resp, _ := s.do(t, "", "GET", "/livez", "", nil); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestReadiness(t *testing.T) {
	var broken atomic.Bool
	var asked atomic.Int32
	s := serve(t, stub(func(c *httpapi.Config) {
		c.Checks = []httpapi.Check{
			{Name: "engine", Do: func(context.Context) error {
				asked.Add(1)
				if broken.Load() {
					return errors.New("dial clickhouse://trib:hunter2@db:9000: refused")
				}
				return nil
			}},
			{Name: "spool", Do: func(ctx context.Context) error {
				if !broken.Load() {
					return nil
				}
				<-ctx.Done() // a disk that hangs
				return ctx.Err()
			}},
		}
	}), httpapi.ServerConfig{})
	resp, body := s.do(t, "", "GET", "/readyz", "", nil)
	want := map[string]any{"status": "ready", "checks": []any{
		map[string]any{"name": "engine", "ok": true}, map[string]any{"name": "spool", "ok": true},
	}}
	if diff := cmp.Diff(want, body); resp.StatusCode != 200 || diff != "" {
		t.Errorf("%d\n%s", resp.StatusCode, diff)
	}
	for range 20 {
		s.do(t, "", "GET", "/readyz", "", nil)
	}
	if n := asked.Load(); n > 3 {
		t.Errorf("the checks ran %d times for 21 questions", n)
	}
	broken.Store(true)
	eventually(t, "not ready", func() bool {
		resp, body = s.do(t, "", "GET", "/readyz", "", nil)
		return resp.StatusCode == 503
	})
	checks, _ := lookUp(body, "checks")
	wantChecks := []any{
		map[string]any{"name": "engine", "ok": false, "reason": "dial clickhouse://trib:[email]:9000: refused"},
		map[string]any{"name": "spool", "ok": false, "reason": "context deadline exceeded"},
	}
	if diff := cmp.Diff(wantChecks, checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if resp, _ := s.do(t, "", "GET", "/livez", "", nil); resp.StatusCode != 200 {
		t.Errorf("livez: %d", resp.StatusCode)
	}
}

// BenchmarkIngestOverhead is what the middleware adds to an ingest request.
func BenchmarkIngestOverhead(b *testing.B) {
	cfg := stub(nil)
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.Ingest = func(e *gin.Engine) {
		e.POST("/collector/webhook_event/:token", func(c *gin.Context) { c.Writer.WriteHeader(http.StatusCreated) })
	}
	api, err := httpapi.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/collector/webhook_event/abcd2345efgh6789jkmnpqrst0vwxyz2", http.NoBody)
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.h)
		api.ServeHTTP(w, r)
	}
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
