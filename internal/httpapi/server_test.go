package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tributary-events/tributary/internal/httpapi"
)

// raw opens a connection and sends text as it is.
func raw(t *testing.T, s *server, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// Whatever a sender leaves unsent, it gets its answer, or none, and the connection
// ends: in time, not when it pleases the sender.
func TestSlowSendersTimeOut(t *testing.T) {
	const patience = 200 * time.Millisecond
	s := serve(t, stub(nil), httpapi.ServerConfig{HeaderTimeout: patience, ReadTimeout: patience, IdleTimeout: patience})
	auth := "Host: x\r\nAuthorization: Bearer " + adminKey + "\r\nContent-Type: application/json\r\n"
	tests := []struct {
		name, text string
		status     int // 0 = none
	}{
		{"nothing at all", "", 0},
		{"half a header", "POST /collector/webhook_event/x HTTP/1.1\r\nHost: x\r\nX-Half: ", 0},
		{"half a body of the API", "POST /api/v1/connections HTTP/1.1\r\n" + auth + "Content-Length: 100\r\n\r\n{\"name\":", 408},
		{"half a body of ingest", "POST /collector/webhook_event/x HTTP/1.1\r\n" + auth + "Content-Length: 100\r\n\r\n[{", 408},
		{"half a chunk", "POST /api/v1/connections HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n20\r\n{", 408},
		{"a body that nobody reads", "POST /collector/webhook_event/unknown HTTP/1.1\r\n" + auth + "Content-Length: 100000\r\n\r\n[", 404},
		{"a body of a GET", "GET /livez HTTP/1.1\r\n" + auth + "Content-Length: 100000\r\n\r\n[", 200},
		{"silence after an answer", "GET /livez HTTP/1.1\r\n" + auth + "\r\n", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, r := raw(t, s, tt.text)
			if tt.status != 0 {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != tt.status {
					t.Errorf("%d %s, %v", resp.StatusCode, body, err)
				}
			}
			if _, err := io.Copy(io.Discard, r); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestServerRefusesTheMalformed(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	for name, tt := range map[string]struct {
		text   string
		status int
	}{
		"random bytes":       {"\x00\xff\x12garbage\r\n\r\n", 400},
		"a header too large": {"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 40<<10) + "\r\n\r\n", 431},
		"no host":            {"GET /livez HTTP/1.1\r\n\r\n", 400},
		"two lengths":        {"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := raw(t, s, tt.text)
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != tt.status {
				t.Errorf("%+v, %v", resp, err)
			}
		})
	}
}

// A handler at work is not cut off by the deadline for reading.
func TestHandlersMayTakeLongerThanReading(t *testing.T) {
	const patience = 50 * time.Millisecond
	done := make(chan error, 1)
	s := serve(t, stub(func(c *httpapi.Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				done <- r.Context().Err()
			case <-time.After(6 * patience):
				done <- nil
			}
			_, _ = io.WriteString(w, "late 1\n")
		})
	}), httpapi.ServerConfig{HeaderTimeout: patience, ReadTimeout: patience})
	resp, body := s.do(t, "", "GET", "/metrics", "", nil)
	if err := <-done; err != nil || resp.StatusCode != 200 || body != "late 1\n" {
		t.Errorf("%v: %d %v", err, resp.StatusCode, body)
	}
}

func TestPortTaken(t *testing.T) {
	l, err := httpapi.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = httpapi.Listen(t.Context(), l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "--listen") || !strings.Contains(err.Error(), "taken") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("error %v", err)
	}
	if _, err = httpapi.Listen(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v", err)
	}
}

func TestPublicURL(t *testing.T) {
	tests := []struct {
		configured, listener, want string
		fails                      bool
	}{
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080", false},
		{"", "[::1]:8080", "http://[::1]:8080", false},
		{"", "0.0.0.0:8080", "", false},
		{"", "[::]:8080", "", false},
		{"https://events.example.com/", "127.0.0.1:1", "https://events.example.com", false},
		{"https://example.com/tributary", "127.0.0.1:1", "https://example.com/tributary", false},
		{"events.example.com", "127.0.0.1:1", "", true},
		{"ftp://events.example.com", "127.0.0.1:1", "", true},
		{"https://events.example.com/?x=1", "127.0.0.1:1", "", true},
		{"https://user:pass@events.example.com", "127.0.0.1:1", "", true},
		{"https://", "127.0.0.1:1", "", true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.configured, " ", tt.listener), func(t *testing.T) {
			addr, err := net.ResolveTCPAddr("tcp", tt.listener)
			if err != nil {
				t.Fatal(err)
			}
			got, err := httpapi.PublicURL(tt.configured, addr)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// Without a public URL webhook URLs lead to where the caller reached the server.
func TestWebhookURLFromHost(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	_, body := s.do(t, adminKey, "GET", "/api/v1/connections/"+knownID.String(), "", nil)
	if got, _ := lookUp(body, "webhook_url"); got != s.url+"/collector/webhook_event/sometoken" {
		t.Errorf("webhook URL %v", got)
	}
}
