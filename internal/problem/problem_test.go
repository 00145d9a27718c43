package problem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/internal/problem"
)

// eventError stands for the events' own error type, which has members of its own.
type eventError struct {
	Index   int    `json:"index"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
	log    string
}

// ask serves one request that fails with err and returns what came over the wire
// and what was logged.
func ask(t *testing.T, err error, body string) answer {
	t.Helper()
	var log bytes.Buffer
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(problem.RequestIDHeader, "req-1")
		if err == nil {
			_, err = io.ReadAll(http.MaxBytesReader(w, r.Body, 4))
		}
		problem.Write(w, r, err)
	}))
	srv.Config.BaseContext = func(net.Listener) context.Context {
		h := slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: logging.ReplaceAttr})
		return problem.WithLogger(context.Background(), slog.New(h))
	}
	srv.Start()
	defer srv.Close()
	resp, rerr := http.Post(srv.URL+"/collector/webhook_event/abcdefghjkmn?e=a@b.example", "text/plain", strings.NewReader(body))
	if rerr != nil {
		t.Fatal(rerr)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if err := json.NewDecoder(resp.Body).Decode(&a.body); err != nil {
		t.Fatalf("decode the answer: %v", err)
	}
	srv.Close()
	a.log = log.String()
	return a
}

func TestWriteAnswersEveryErrorAsAProblem(t *testing.T) {
	secret := errors.New("dial db.internal:9000: user trib password hunter2")
	tests := []struct {
		name   string
		err    error
		body   string
		want   map[string]any
		header map[string]string
		logged string // empty: nothing is logged
	}{
		{
			name: "a kind alone has its title as detail",
			err:  &problem.Error{Kind: problem.Paused},
			want: map[string]any{
				"type": "/problems/connection-paused", "title": "The connection is paused.", "status": 403.0,
				"detail": "The connection is paused.", "request_id": "req-1",
			},
		},
		{
			name: "events' errors keep the shape of the contract, unescaped",
			err: &problem.Error{Kind: problem.InvalidEvents, Detail: "1 error", Errors: []eventError{
				{Index: 1, Field: "event_email", Message: "<x> is no address"},
			}},
			want: map[string]any{
				"type": "/problems/invalid-events", "title": "An event breaks a rule.", "status": 422.0,
				"detail": "1 error", "request_id": "req-1",
				"errors": []any{map[string]any{
					"index": 1.0, "field": "event_email", "message": "<x> is no address",
				}},
			},
		},
		{
			name: "one field is told in the detail too",
			err:  problem.Invalid(problem.Field{Field: "limit", Code: "max", Message: "must be at most 500"}),
			want: map[string]any{
				"type": "/problems/invalid-request", "title": "A field or parameter breaks a rule.", "status": 422.0,
				"detail": "limit: must be at most 500", "request_id": "req-1",
				"errors": []any{map[string]any{"field": "limit", "code": "max", "message": "must be at most 500"}},
			},
		},
		{
			name: "wrapped, with headers and an extension; one that cannot be JSON is left out",
			err: fmt.Errorf("store the batch: %w", (&problem.Error{
				Kind: problem.CannotStore, Detail: "The spool is full.", Cause: secret,
				Extensions: map[string]any{"spool_bytes": 7, "broken": func() {}},
			}).RetryAfter(5)),
			want: map[string]any{
				"type": "/problems/cannot-store", "title": "Events cannot be stored durably now.", "status": 503.0,
				"detail": "The spool is full.", "request_id": "req-1", "spool_bytes": 7.0,
			},
			header: map[string]string{"Retry-After": "5"},
			logged: "hunter2",
		},
		{
			name: "an unknown error tells nothing but the request's id",
			err:  secret,
			want: map[string]any{
				"type": "/problems/internal-error", "title": "Something went wrong on the server.", "status": 500.0,
				"detail":     "Something went wrong on the server. Its log tells more under this request's id.",
				"request_id": "req-1",
			},
			logged: "hunter2",
		},
		{
			name: "a body beyond http.MaxBytesReader",
			body: "12345",
			want: map[string]any{
				"type": "/problems/body-too-large", "title": "The body is too large.", "status": 413.0,
				"detail": "The body is larger than the 4 bytes that this endpoint takes.", "request_id": "req-1",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, tt.err, tt.body)
			if diff := cmp.Diff(tt.want, got.body); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			if float64(got.status) != tt.want["status"] {
				t.Errorf("status %d", got.status)
			}
			if ct := got.header.Get("Content-Type"); ct != problem.ContentType {
				t.Errorf("content type %q", ct)
			}
			for name, want := range tt.header {
				if v := got.header.Get(name); v != want {
					t.Errorf("%s: %q, want %q", name, v, want)
				}
			}
			switch {
			case tt.logged == "" && got.log != "":
				t.Errorf("logged %s", got.log)
			case !strings.Contains(got.log, tt.logged):
				t.Errorf("the log lacks the cause: %s", got.log)
			}
			if strings.Contains(got.log, "abcdefghjkmn") || strings.Contains(got.log, "a@b.example") {
				t.Errorf("the log tells a secret: %s", got.log)
			}
		})
	}
}

func TestWriteToASenderThatWentAwayIsNoFault(t *testing.T) {
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(problem.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&log, nil))))
	cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	problem.Write(w, r, fmt.Errorf("query: %w", context.Canceled))
	if w.Code != problem.StatusClientGone || log.Len() > 0 {
		t.Errorf("status %d, log %q", w.Code, log.String())
	}
}

// A cancelled database call while the sender still waits is ours.
func TestWriteOfACancelledCallWhileTheSenderWaitsIsA500(t *testing.T) {
	w := httptest.NewRecorder()
	ctx := problem.WithLogger(t.Context(), slog.New(slog.DiscardHandler))
	problem.Write(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil), context.Canceled)
	if w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
}

func TestEveryKindIsExplained(t *testing.T) {
	kinds := problem.Kinds()
	if len(kinds) == 0 {
		t.Fatal("no kinds")
	}
	for _, k := range kinds {
		page, ok := problem.Page(k)
		status := (&problem.Error{Kind: k}).Status()
		if !ok || !strings.Contains(page, fmt.Sprint(status)) || !strings.HasPrefix(page, string(k)) {
			t.Errorf("%s: page %q", k, page)
		}
		if status < 400 || http.StatusText(status) == "" {
			t.Errorf("%s: status %d", k, status)
		}
	}
	if _, ok := problem.Page("no-such-kind"); ok {
		t.Error("a page for an unknown kind")
	}
}
