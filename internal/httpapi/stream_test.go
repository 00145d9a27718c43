package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/httpapi"
)

// sse is a reader of a stream that keeps what it got.
type sse struct {
	resp  *http.Response
	lines *bufio.Scanner
}

// message is one server-sent event, or a comment.
type message struct{ event, data, comment string }

func openStream(t *testing.T, s *server, secret string, id uuid.UUID) *sse {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/v1/connections/"+id.String()+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Last-Event-ID", "7")
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<22)
	return &sse{resp, lines}
}

// next reads a message as the standard has it; ok is false at the end of the stream.
func (s *sse) next() (m message, ok bool) {
	var data []string
	for s.lines.Scan() {
		line := s.lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && (m != message{} || data != nil):
			m.data = strings.Join(data, "\n")
			return m, true
		case name == "":
			m.comment = value
		case name == "event":
			m.event = value
		case name == "data":
			data = append(data, value)
		}
	}
	return m, false
}

// want reads messages until one is no heartbeat.
func (s *sse) want(t *testing.T, want message) {
	t.Helper()
	for {
		got, ok := s.next()
		if ok && got.comment == "heartbeat" {
			continue
		}
		if !ok || got != want {
			t.Fatalf("%+v (there: %t), want %+v", got, ok, want)
		}
		return
	}
}

func TestStream(t *testing.T) {
	l := &live{}
	cfg := stub(func(c *httpapi.Config) { c.Live = l.subscribe })
	s := serve(t, cfg, httpapi.ServerConfig{})
	a, b := openStream(t, s, adminKey, knownID), openStream(t, s, adminKey, knownID)
	for _, reader := range []*sse{a, b} {
		reader.want(t, message{comment: "connected; Last-Event-ID is not supported"})
	}
	eventually(t, "both subscribed", func() bool { return l.count() == 2 })
	l.publish(uuid.New(), feed.Message{Kind: feed.KindEvent, Data: []byte(`"of another connection"`)})
	l.publish(knownID, feed.Message{Kind: feed.KindEvent, Data: []byte("{\n \"event_id\": \"1\",\r\n \"x\": \"y\"}")})
	l.publish(knownID, feed.Message{Kind: feed.KindRequest, Data: []byte(`{"status":201}`)})
	for _, reader := range []*sse{a, b} {
		m, _ := reader.next()
		var event map[string]string
		if err := json.Unmarshal([]byte(m.data), &event); err != nil || m.event != "event" || event["event_id"] != "1" || event["x"] != "y" {
			t.Errorf("%+v: %v", m, err)
		}
		reader.want(t, message{event: "request", data: `{"status":201}`})
	}
	_ = a.resp.Body.Close()
	eventually(t, "who has gone is unsubscribed", func() bool { return l.count() == 1 })
	if resp, _ := s.do(t, adminKey, "GET", "/api/v1/connections/"+uuid.NewString()+"/stream", "", nil); resp.StatusCode != 404 {
		t.Errorf("a stream of nothing: %d", resp.StatusCode)
	}
	if resp, _ := s.do(t, adminKey, "HEAD", "/api/v1/connections/"+knownID.String()+"/stream", "", nil); resp.StatusCode != 405 {
		t.Errorf("HEAD of a stream: %d", resp.StatusCode)
	}
}

// A stream outlives the deadlines of other requests and shows that it is alive.
func TestStreamHasNoDeadline(t *testing.T) {
	l := &live{}
	const deadline = 100 * time.Millisecond
	s := serve(t, stub(func(c *httpapi.Config) { c.Live, c.Heartbeat = l.subscribe, 20*time.Millisecond }),
		httpapi.ServerConfig{HeaderTimeout: deadline, ReadTimeout: deadline, WriteTimeout: deadline, IdleTimeout: deadline})
	start := time.Now()
	r := openStream(t, s, adminKey, knownID)
	for time.Since(start) < 5*deadline {
		if m, ok := r.next(); !ok || m.comment == "" {
			t.Fatalf("after %s: %+v, %t", time.Since(start), m, ok)
		}
	}
}

func TestShutdownEndsStreams(t *testing.T) {
	l := &live{}
	s := serve(t, stub(func(c *httpapi.Config) { c.Live = l.subscribe }), httpapi.ServerConfig{})
	r := openStream(t, s, adminKey, knownID)
	r.want(t, message{comment: "connected; Last-Event-ID is not supported"})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if _, ok := r.next(); ok {
		t.Error("the stream goes on")
	}
	if l.count() != 0 {
		t.Error("the feed is still open")
	}
}

// A stream ends with the rights to see it.
func TestStreamEndsWithKeyAndConnection(t *testing.T) {
	e := newEnv(t, func(c *httpapi.Config) { c.Heartbeat = 20 * time.Millisecond })
	key, secret, err := e.keys.Create(t.Context(), "short-lived", access.Analyst, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	d := e.create(t, "streamed")
	ofKey := openStream(t, e.server, secret, d.ID)
	ofAdmin := openStream(t, e.server, adminKey, d.ID)
	if err := e.keys.Delete(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	for ok := true; ok; { // ends, or the test times out
		_, ok = ofKey.next()
	}
	if _, ok := ofAdmin.next(); !ok {
		t.Error("the other stream ended too")
	}
	if err := e.connections.Delete(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	for ok := true; ok; {
		_, ok = ofAdmin.next()
	}
	eventually(t, "both feeds are closed", func() bool { return e.live.count() == 0 })
}

// A reader that does not keep up loses messages and is told how many; nobody waits
// for it.
func TestStreamOfASlowReader(t *testing.T) {
	l := &live{}
	s := serve(t, stub(func(c *httpapi.Config) { c.Live, c.Heartbeat = l.subscribe, 50*time.Millisecond }), httpapi.ServerConfig{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/v1/connections/%s/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", knownID, adminKey)
	eventually(t, "subscribed", func() bool { return l.count() == 1 })
	const sent = 400
	data := []byte(`"` + strings.Repeat("x", 64<<10) + `"`)
	for range sent { // far more than the sockets' buffers hold
		l.publish(knownID, feed.Message{Kind: feed.KindEvent, Data: data})
		time.Sleep(100 * time.Microsecond)
	}
	// Now it reads everything.
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	r := &sse{resp, lines}
	got, lost := 0, 0
	for got+lost < sent {
		m, ok := r.next()
		if !ok {
			t.Fatalf("the stream ended after %d messages and %d lost", got, lost)
		}
		switch m.event {
		case "event":
			got++
		case "dropped":
			var d struct{ Messages int }
			if err := json.Unmarshal([]byte(m.data), &d); err != nil || d.Messages < 1 {
				t.Fatalf("%q: %v", m.data, err)
			}
			lost += d.Messages
		}
	}
	if lost == 0 || got == 0 || got+lost != sent {
		t.Errorf("%d messages and %d lost of %d", got, lost, sent)
	}
}

func TestManyStreamsOpenAndClose(t *testing.T) {
	l := &live{}
	s := serve(t, stub(func(c *httpapi.Config) { c.Live = l.subscribe }), httpapi.ServerConfig{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/api/v1/connections/"+knownID.String()+"/stream", nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+adminKey)
			resp, err := s.client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.ReadFull(resp.Body, make([]byte, 5))
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	eventually(t, "all feeds are closed", func() bool { return l.count() == 0 })
}
