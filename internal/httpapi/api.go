// Package httpapi owns what is common to all HTTP endpoints (request ids, logging,
// authorization, error answers, limits), the admin API and its OpenAPI document.
// The ingest endpoint is registered by its owner (Config.Ingest) and gets no more
// than request ids and panic recovery.
//
// Invariants:
//   - Every error is an RFC 9457 problem (internal/problem). No path below /api,
//     /collector, /assets or /problems ever answers with the app's HTML.
//   - Every route below /api/v1 names the role it needs; there is no default. What the
//     key of a shared link may do is said in one place, API.mayShared: a route that it
//     does not name is closed to them.
//   - A handler cannot be held up by a peer for ever: reading a request and
//     writing an answer end at the server's deadlines, and a stream, which has none,
//     at its own for each message.
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/query"
)

// Connections is what the API needs of connection.Service.
type Connections interface {
	Create(ctx context.Context, in connection.New) (connection.Detail, error)
	List(ctx context.Context, opts connection.ListOptions) (connection.Page, error)
	Get(ctx context.Context, id uuid.UUID) (connection.Detail, error)
	Update(ctx context.Context, id uuid.UUID, p connection.Patch) (connection.Detail, error)
	Rotate(ctx context.Context, id uuid.UUID, grace time.Duration) (connection.Detail, error)
	Delete(ctx context.Context, id uuid.UUID) error
}

// Keys is what the API needs of access.Keys.
type Keys interface {
	Authenticate(secret string) (access.Key, error)
	Create(ctx context.Context, name string, role access.Role, expires time.Time) (access.Key, string, error)
	List(ctx context.Context) ([]access.Key, error)
	Delete(ctx context.Context, id uuid.UUID) error

	Share(ctx context.Context, dashboard, name string, expires time.Time) (access.Key, string, error)
	DeleteShare(ctx context.Context, dashboard string, id uuid.UUID) error
	DeleteShares(ctx context.Context, dashboard string) error
}

// Events reads stored events.
type Events interface {
	// Recent returns the newest events of a connection, each once, newest first.
	Recent(ctx context.Context, connection uuid.UUID, limit int) ([]query.StoredEvent, error)
}

// Requests reads what is known of recent requests.
type Requests interface {
	// Recent returns the requests that q asks for, newest first.
	Recent(ctx context.Context, q feed.Query) ([]feed.Request, error)
	// ByID returns one request of a connection; found is false where there is none.
	ByID(ctx context.Context, connection, id uuid.UUID) (r feed.Request, found bool, err error)
}

// Subscription is one reader's live feed.
type Subscription interface {
	// Messages is never closed.
	Messages() <-chan feed.Message
	// Dropped returns how many messages were lost since the last call because the
	// reader was too slow.
	Dropped() int64
	Close()
}

// Config is what an API is made of. All but the fields with a default are required.
type Config struct {
	Connections Connections
	Keys        Keys
	Events      Events
	Requests    Requests
	// Live opens the live feed of a connection.
	Live func(connection uuid.UUID) Subscription
	// Ingest registers POST /collector/webhook_event/:token.
	Ingest func(*gin.Engine)
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Checks are what /readyz asks. Default: none, always ready.
	Checks []Check
	// Status is what GET /api/v1/status tells. Default: 404.
	Status StatusSource
	// Dashboards keeps dashboards. Default: 404 for all of them.
	Dashboards Dashboards
	// People reads what one person did. Default: 404.
	People People
	// Erasures removes people. Default: 404.
	Erasures Erasures
	// Retention removes old events, and what deleted connections leave. Default: 404.
	Retention Retention
	// Backups takes backups. Default: 404.
	Backups Backups
	// SavedReports are sent with a dashboard that shows them. Default: none are.
	SavedReports SavedReports
	// Extra registers further routes below the router of /api/v1, each behind a
	// middleware of API.Need. The router adds the headers that all answers have.
	Extra func(api *API, v1 gin.IRouter) error
	// Documents are the OpenAPI documents of what Extra registers; MergeOpenAPI says
	// how they are joined with this package's.
	Documents [][]byte
	// App is the web app (package dashboards). It answers GET and HEAD of / and of all
	// paths that nothing else owns; what it answers with 404 is answered as a problem.
	// It sets its pages' Content-Security-Policy. Default: a short JSON answer at / and
	// 404 elsewhere.
	App http.Handler
	// PublicURL is the base of webhook URLs (PublicURL). Default: taken from each
	// request's Host header.
	PublicURL string
	// Version is shown at /. Default: "dev".
	Version string
	// Heartbeat is how often a stream at rest shows that it is alive. Default: 15 s.
	Heartbeat time.Duration
	Logger    *slog.Logger // default: slog.Default()
}

func (c *Config) setDefaults() error {
	missing := []error{}
	for name, given := range map[string]bool{
		"Connections": c.Connections != nil, "Keys": c.Keys != nil, "Events": c.Events != nil, "Requests": c.Requests != nil,
		"Live": c.Live != nil, "Ingest": c.Ingest != nil, "Metrics": c.Metrics != nil,
	} {
		if !given {
			missing = append(missing, errors.New("HTTP API lacks "+name))
		}
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	return errors.Join(missing...)
}

// API is the HTTP handler of a whole server. It is safe for concurrent use.
type API struct {
	cfg      Config
	engine   *gin.Engine
	validate *validator.Validate
	ready    readiness
	failures limiter // of ingest, in the log
	document []byte  // OpenAPI

	end     chan struct{} // closed when streams are to end
	endOnce sync.Once
}

// New returns the handler with all routes.
func New(cfg Config) (*API, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	// gin knows modes only for the whole process; the others print to stdout.
	gin.SetMode(gin.ReleaseMode)
	a := &API{cfg: cfg, engine: gin.New(), validate: newValidator(), end: make(chan struct{})}
	a.ready.checks = cfg.Checks
	var err error
	if a.document, err = MergeOpenAPI(openAPIDocument, cfg.Documents...); err != nil {
		return nil, err
	}
	e := a.engine
	e.HandleMethodNotAllowed = true
	// A redirect turns a POST into a GET with many senders: better a clear 404.
	e.RedirectTrailingSlash = false
	// A value in a path may hold an escaped slash.
	e.UseRawPath = true
	e.Use(a.observe)
	cfg.Ingest(e)
	a.routes()
	if cfg.Extra != nil {
		if err := cfg.Extra(a, e.Group("/api/v1", secureHeaders)); err != nil {
			return nil, err
		}
	}
	e.NoRoute(secureHeaders, a.noRoute)
	e.NoMethod(secureHeaders, func(c *gin.Context) {
		problem.Write(c.Writer, c.Request, problem.New(problem.MethodNotAllowed,
			"This path does not take %s; it takes %s.", c.Request.Method, c.Writer.Header().Get("Allow")))
	})
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.engine.ServeHTTP(w, r) }

// Routes lists all routes as "METHOD /path/{parameter}", the form of OpenAPI.
func (a *API) Routes() []string {
	var routes []string
	for _, r := range a.engine.Routes() {
		parts := strings.Split(r.Path, "/")
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		routes = append(routes, r.Method+" "+strings.Join(parts, "/"))
	}
	return routes
}

// EndStreams ends all live streams, now and in future. NewServer calls it at shutdown.
func (a *API) EndStreams() { a.endOnce.Do(func() { close(a.end) }) }

// handler is a gin handler whose error is answered in one place.
type handler func(c *gin.Context) error

func (a *API) routes() {
	open := []struct {
		path string
		do   handler
	}{
		{"/", a.landing},
		{"/livez", a.livez},
		{"/readyz", a.readyz},
		{"/metrics", a.metrics},
		{"/openapi.yaml", a.openAPI},
		{"/problems/:kind", a.problemPage},
	}
	for _, r := range open {
		a.get(r.path, secureHeaders, answer(r.do))
	}
	api := []struct {
		method, path string
		need         access.Role
		do           handler
	}{
		{http.MethodPost, "/connections", access.Admin, a.createConnection},
		{http.MethodGet, "/connections", access.Analyst, a.listConnections},
		{http.MethodGet, "/connections/:id", access.Analyst, a.getConnection},
		{http.MethodPatch, "/connections/:id", access.Admin, a.patchConnection},
		{http.MethodDelete, "/connections/:id", access.Admin, a.deleteConnection},
		{http.MethodPost, "/connections/:id/rotate", access.Admin, a.rotateConnection},
		{http.MethodPost, "/connections/:id/retention", access.Admin, a.applyRetention},
		{http.MethodGet, "/connections/:id/events", access.Analyst, a.recentEvents},
		{http.MethodGet, "/connections/:id/requests", access.Analyst, a.recentRequests},
		{http.MethodGet, "/connections/:id/requests/:request", access.Analyst, a.oneRequest},
		{http.MethodGet, streamPath, access.Analyst, a.stream},
		{http.MethodPost, "/keys", access.Admin, a.createKey},
		{http.MethodGet, "/keys", access.Admin, a.listKeys},
		{http.MethodDelete, "/keys/:id", access.Admin, a.deleteKey},
		{http.MethodGet, "/people/:email/events", access.Analyst, a.personEvents},
		{http.MethodDelete, "/people/:email", access.Admin, a.erasePerson},
		{http.MethodGet, "/erasures", access.Admin, a.listErasures},
		{http.MethodPost, "/backup", access.Admin, a.takeBackup},
		{http.MethodGet, "/me", access.Viewer, a.me},
		{http.MethodGet, "/status", access.Analyst, a.status},
		{http.MethodGet, "/dashboards", access.Viewer, a.board(a.listDashboards)},
		{http.MethodGet, "/dashboards/:slug", access.Viewer, a.board(a.getDashboard)},
		{http.MethodPut, "/dashboards/:slug", access.Analyst, a.board(a.putDashboard)},
		{http.MethodDelete, "/dashboards/:slug", access.Analyst, a.board(a.deleteDashboard)},
		{http.MethodGet, "/dashboards/:slug/shares", access.Analyst, a.board(a.listShares)},
		{http.MethodPost, "/dashboards/:slug/shares", access.Analyst, a.board(a.createShare)},
		{http.MethodDelete, "/dashboards/:slug/shares/:id", access.Analyst, a.board(a.deleteShare)},
	}
	for _, r := range api {
		handlers := []gin.HandlerFunc{secureHeaders, a.Need(r.need), answer(r.do)}
		if r.method == http.MethodGet && r.path != streamPath { // a stream has no HEAD
			a.get("/api/v1"+r.path, handlers...)
			continue
		}
		a.engine.Handle(r.method, "/api/v1"+r.path, handlers...)
	}
}

// get registers a path for GET and, as RFC 9110 section 9.1 has it, for HEAD.
func (a *API) get(path string, handlers ...gin.HandlerFunc) {
	a.engine.GET(path, handlers...)
	a.engine.HEAD(path, handlers...)
}

func answer(do handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := do(c); err != nil {
			problem.Write(c.Writer, c.Request, asProblem(c.Request, err))
		}
	}
}

// board is for handlers that need dashboards.
func (a *API) board(do handler) handler {
	if a.cfg.Dashboards != nil {
		return do
	}
	return func(*gin.Context) error { return problem.New(problem.NotFound, "This server has no dashboards.") }
}

func (a *API) landing(c *gin.Context) error {
	if a.cfg.App != nil {
		a.serveApp(c)
		return nil
	}
	writeJSON(c, http.StatusOK, map[string]string{
		"name": "tributary", "version": a.cfg.Version, "openapi": "/openapi.yaml", "health": "/readyz",
	})
	return nil
}

func (a *API) notFound(c *gin.Context) {
	problem.Write(c.Writer, c.Request, problem.New(problem.NotFound, "There is nothing at this path; /openapi.yaml lists what there is."))
}
