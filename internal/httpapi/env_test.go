package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/httpapi/openapitest"
	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query"
)

const adminKey = "trb_admin_of_the_tests"

// env is a whole server on a real listener over the real engine. Ingest, the log
// of requests and the live feed are stand-ins: the collector's.
type env struct {
	*server
	conn        driver.Conn
	connections *connection.Service
	keys        *access.Keys
	requests    *requestLog
	live        *live
	secrets     map[access.Role]string
}

// server is an API on a real listener.
type server struct {
	url    string
	api    *httpapi.API
	http   *http.Server
	client *http.Client // checks every exchange against the OpenAPI document
	log    *syncBuffer
}

// verifyNoLeaks fails the test if it leaves goroutines behind. Call it before
// anything is opened: what is closed by a cleanup that was registered earlier
// would still be open when this one looks.
func verifyNoLeaks(t testing.TB) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// serve starts an API and ends it with the test, which fails if anything is left.
func serve(t testing.TB, cfg httpapi.Config, sc httpapi.ServerConfig) *server {
	t.Helper()
	verifyNoLeaks(t)
	return start(t, cfg, sc)
}

// start is serve without the look for what is left.
func start(t testing.TB, cfg httpapi.Config, sc httpapi.ServerConfig) *server {
	t.Helper()
	s := &server{log: &syncBuffer{}}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{ReplaceAttr: logging.ReplaceAttr}))
	}
	sc.Logger = cfg.Logger
	var err error
	if s.api, err = httpapi.New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := httpapi.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.http = httpapi.NewServer(s.api, sc)
	s.url = "http://" + l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			t.Errorf("shut down: %v", err)
		}
		<-done
	})
	s.client = openapitest.New(t, cfg.Documents...).Client(t)
	return s
}

// stub is a configuration without an engine, for what needs none.
func stub(change func(*httpapi.Config)) httpapi.Config {
	keys, err := access.New(access.Config{Store: noKeys{}, AdminKey: adminKey})
	if err != nil {
		panic(err)
	}
	if err := keys.Load(context.Background()); err != nil {
		panic(err)
	}
	cfg := httpapi.Config{
		Connections: &fixedConnections{known: map[uuid.UUID]bool{knownID: true}}, Keys: keys,
		Events: noEvents{}, Requests: &requestLog{},
		Live:    (&live{}).subscribe,
		Ingest:  standInIngest,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// standInIngest is not the collector's: it reads the body and answers by it.
func standInIngest(e *gin.Engine) {
	e.POST("/collector/webhook_event/:token", func(c *gin.Context) {
		switch c.Param("token") {
		case "panic":
			panic("as asked: mail jane@mail.example")
		case "late-panic":
			_, _ = c.Writer.Write([]byte("half an answ"))
			panic("as asked")
		case "unknown":
			problem.Write(c.Writer, c.Request, problem.New(problem.UnknownToken, "No connection has this webhook URL."))
			return
		}
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			problem.Write(c.Writer, c.Request, problem.Wrap(err, problem.Timeout, "%v", err))
			return
		}
		c.Header("Content-Type", "application/json")
		c.Status(http.StatusCreated)
		_, _ = io.WriteString(c.Writer, `{"received":`+string('0'+rune(bytes.Count(body, []byte("event_id"))))+"}")
	})
}

func newEnv(t *testing.T, change func(*httpapi.Config)) *env {
	t.Helper()
	enginetest.Start(t)
	verifyNoLeaks(t)
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	runner, err := migrations.New(migrations.Config{Options: options, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := &env{conn: db.Open(t), requests: &requestLog{}, live: &live{}, secrets: map[access.Role]string{access.Admin: adminKey}}
	if e.connections, err = connection.NewService(connection.Config{
		Store: connection.NewStore(e.conn), CollectorID: "test", Logger: quiet,
	}); err != nil {
		t.Fatal(err)
	}
	if err := e.connections.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.keys, err = access.New(access.Config{Store: access.NewTable(e.conn), AdminKey: adminKey, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if err := e.keys.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, role := range []access.Role{access.Analyst, access.Viewer} {
		if _, e.secrets[role], err = e.keys.Create(t.Context(), "of the tests", role, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := httpapi.Config{
		Connections: e.connections, Keys: e.keys, Events: query.NewRecent(e.conn), Requests: e.requests,
		Live: e.live.subscribe, Ingest: standInIngest, Metrics: stub(nil).Metrics, PublicURL: "https://events.example.com/",
		Dashboards: board.NewTable(e.conn, nil), SavedReports: savedReports{}, Status: &fixedStatus{status: goodStatus()}, Version: "1.2.3",
	}
	withReports(&cfg)
	if change != nil {
		change(&cfg)
	}
	e.server = start(t, cfg, httpapi.ServerConfig{})
	return e
}

// do sends a request with the key of a role ("" = none) and returns the answer and
// its decoded body.
func (s *server) do(t testing.TB, secret, method, path, body string, header http.Header) (*http.Response, any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if ct := resp.Header.Get("Content-Type"); strings.HasSuffix(ct, "json") && len(data) > 0 {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber() // so that no digit is lost
		if err := d.Decode(&decoded); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	} else {
		decoded = string(data)
	}
	return resp, decoded
}

// create makes a connection through the service.
func (e *env) create(t testing.TB, name string) connection.Detail {
	t.Helper()
	d, err := e.connections.Create(t.Context(), connection.New{Name: name, EventSource: "Stripe", EventObject: "Payment"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// requestLog is a stand-in for the collector's list of requests.
type requestLog struct {
	mu   sync.Mutex
	all  []feed.Request
	last feed.Query
}

func (l *requestLog) Recent(_ context.Context, q feed.Query) ([]feed.Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = q
	return append([]feed.Request(nil), l.all[:min(len(l.all), q.Limit)]...), nil
}

func (l *requestLog) ByID(_ context.Context, _, id uuid.UUID) (feed.Request, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.all {
		if r.ID == id {
			return r, true, nil
		}
	}
	return feed.Request{}, false, nil
}

// live is a stand-in for the collector's live feed.
type live struct {
	mu   sync.Mutex
	subs map[*subscription]uuid.UUID
}

type subscription struct {
	live    *live
	ch      chan feed.Message
	dropped int64
}

func (l *live) subscribe(id uuid.UUID) httpapi.Subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs == nil {
		l.subs = map[*subscription]uuid.UUID{}
	}
	s := &subscription{live: l, ch: make(chan feed.Message, 4)}
	l.subs[s] = id
	return s
}

func (l *live) publish(id uuid.UUID, m feed.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, of := range l.subs {
		if of != id {
			continue
		}
		select {
		case s.ch <- m:
		default:
			s.dropped++
		}
	}
}

func (l *live) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.subs)
}

func (s *subscription) Messages() <-chan feed.Message { return s.ch }

func (s *subscription) Dropped() int64 {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	n := s.dropped
	s.dropped = 0
	return n
}

func (s *subscription) Close() {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	delete(s.live.subs, s)
}

// knownID is the one connection of fixedConnections.
var knownID = uuid.MustParse("7d0f4f0a-6a55-4a8e-9b1b-0c8f4f3f1a11")

// fixedConnections are for tests without an engine: they can be read alone.
type fixedConnections struct {
	httpapi.Connections // nil: changes panic
	mu                  sync.Mutex
	known               map[uuid.UUID]bool
}

func (f *fixedConnections) Get(_ context.Context, id uuid.UUID) (connection.Detail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known[id] {
		return connection.Detail{}, connection.ErrNotFound
	}
	return connection.Detail{Connection: connection.Connection{ID: id, Token: "sometoken"}, Status: connection.StatusAwaitingData}, nil
}

type noKeys struct{}

func (noKeys) Rows(context.Context) ([]access.Row, error) { return nil, nil }
func (noKeys) Save(context.Context, access.Row) error     { return nil }

type noEvents struct{}

func (noEvents) Recent(context.Context, uuid.UUID, int) ([]query.StoredEvent, error) { return nil, nil }

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}
