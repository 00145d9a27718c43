// Package api owns the HTTP endpoints of definitions, reports, saved reports, SQL
// and the field catalogue: it reads requests, asks the packages below, and writes
// answers. It decides nothing about who may come in: the middleware that it is
// given does.
//
// Invariants:
//   - Every error is answered as a problem document; one of the request names the
//     part with a JSON pointer.
//   - CSV and NDJSON are written while the rows come, in constant memory. An
//     answer that cannot be finished is cut off visibly, never ended as if whole.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
)

// Catalogue reads what paths occurred in a connection's payloads.
type Catalogue interface {
	Paths(ctx context.Context, connection uuid.UUID) ([]catalogue.Path, error)
}

// Config of the endpoints. All but Who, Allowed, Cache and Now are required.
type Config struct {
	Definitions *define.Service
	// Connections returns those that are not deleted.
	Connections func(context.Context) ([]report.Connection, error)
	Reports     *report.Runner
	SQL         *sqlrun.Runner
	Catalogue   Catalogue
	// Analyst and Viewer let a request pass whose key has the role, or a greater one.
	Analyst, Viewer gin.HandlerFunc
	// Who names the key of a request, for the history of definitions. Nil: unnamed.
	Who func(*gin.Context) string
	// Allowed says whether the key of a request may see a saved report; an empty
	// slug asks for reports that are not saved. The context is the request's
	// *gin.Context. Nil: all may see all.
	Allowed func(ctx context.Context, slug string) bool
	// Cache holds the data of saved reports, for who has to clear it. Nil: one of its own.
	Cache *Cache
	Now   func() time.Time // nil = time.Now
}

func (c *Config) setDefaults() error {
	if c.Definitions == nil || c.Connections == nil || c.Reports == nil || c.SQL == nil || c.Catalogue == nil || c.Analyst == nil || c.Viewer == nil {
		return errors.New("query API lacks a part of its configuration")
	}
	if c.Who == nil {
		c.Who = func(*gin.Context) string { return "" }
	}
	if c.Allowed == nil {
		c.Allowed = func(context.Context, string) bool { return true }
	}
	if c.Cache == nil {
		c.Cache = NewCache()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

type api struct {
	Config
	cache cache
}

// handler is a gin handler whose error is answered in one place.
type handler func(c *gin.Context) error

// Register adds the endpoints below a router of /api/v1.
func Register(router gin.IRouter, cfg Config) error {
	if err := cfg.setDefaults(); err != nil {
		return err
	}
	a := &api{Config: cfg, cache: cfg.Cache.cache}
	for _, r := range []struct {
		method, path string
		need         gin.HandlerFunc
		do           handler
	}{
		{http.MethodGet, "/fields", cfg.Analyst, a.listFields},
		{http.MethodPost, "/fields/preview", cfg.Analyst, a.previewField},
		{http.MethodGet, "/fields/:name", cfg.Analyst, a.getField},
		{http.MethodGet, "/fields/:name/history", cfg.Analyst, a.history(define.KindField, "name")},
		{http.MethodPut, "/fields/:name", cfg.Analyst, a.putField},
		{http.MethodDelete, "/fields/:name", cfg.Analyst, a.remove(define.KindField, "name")},

		{http.MethodGet, "/conversions", cfg.Analyst, a.listConversions},
		{http.MethodGet, "/conversions/:name", cfg.Analyst, a.getConversion},
		{http.MethodGet, "/conversions/:name/history", cfg.Analyst, a.history(define.KindConversion, "name")},
		{http.MethodPut, "/conversions/:name", cfg.Analyst, a.putConversion},
		{http.MethodDelete, "/conversions/:name", cfg.Analyst, a.remove(define.KindConversion, "name")},

		{http.MethodPost, "/reports/query", cfg.Viewer, a.queryReport},
		{http.MethodPost, "/reports/funnel", cfg.Viewer, a.queryFunnel},
		{http.MethodPost, "/reports/events", cfg.Analyst, a.reportEvents},
		{http.MethodPost, "/reports/sql", cfg.Analyst, a.reportSQL},
		{http.MethodGet, "/reports", cfg.Viewer, a.listReports},
		{http.MethodGet, "/reports/:slug", cfg.Viewer, a.getReport},
		{http.MethodGet, "/reports/:slug/data", cfg.Viewer, a.reportData},
		{http.MethodGet, "/reports/:slug/history", cfg.Analyst, a.history(define.KindReport, "slug")},
		{http.MethodPut, "/reports/:slug", cfg.Analyst, a.putReport},
		{http.MethodDelete, "/reports/:slug", cfg.Analyst, a.remove(define.KindReport, "slug")},

		{http.MethodPost, "/sql", cfg.Analyst, a.runSQL},
		{http.MethodGet, "/sql/schema", cfg.Analyst, a.sqlSchema},
		{http.MethodGet, "/connections/:id/fields", cfg.Analyst, a.connectionFields},
	} {
		router.Handle(r.method, r.path, r.need, answer(r.do))
		if r.method == http.MethodGet {
			router.Handle(http.MethodHead, r.path, r.need, answer(r.do))
		}
	}
	return nil
}

func answer(do handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := do(c); err != nil {
			problem.Write(c.Writer, c.Request, asProblem(err))
		}
	}
}

// retryAfter is how many seconds a caller should wait for a database that is down.
const retryAfter = 5

// asProblem says how the errors of the packages below are answered.
func asProblem(err error) error {
	var known *problem.Error
	var invalid *define.InvalidError
	var inUse *define.InUseError
	var statement *sqlrun.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &invalid):
		fields := make([]problem.Field, len(invalid.Issues))
		for i, x := range invalid.Issues {
			fields[i] = problem.Field{Field: x.Field, Pointer: x.Pointer, Code: x.Code, Message: x.Message}
		}
		return problem.Invalid(fields...)
	case errors.As(err, &inUse):
		p := problem.New(problem.InvalidRequest, "This would break what uses it: %s. Change that first, or repeat the request with ?force=true.", inUse)
		p.Extensions = map[string]any{"used_by": inUse.Uses}
		return p
	case errors.As(err, &statement):
		p := problem.Invalid(problem.Field{Field: "query", Pointer: "/query", Code: statement.Name, Message: statement.Message})
		p.Extensions = map[string]any{"clickhouse_code": statement.Code}
		return p
	case errors.Is(err, define.ErrNotFound):
		return problem.New(problem.NotFound, "There is no definition of this name.")
	case errors.Is(err, report.ErrTooHeavy):
		return problem.Wrap(err, problem.InvalidRequest,
			"The report takes more time or memory than allowed: choose a shorter range, fewer connections, or fewer dimensions.")
	case errors.Is(err, define.ErrUnavailable), errors.Is(err, report.ErrUnavailable), errors.Is(err, sqlrun.ErrUnavailable),
		errors.Is(err, catalogue.ErrUnavailable):
		return problem.Wrap(err, problem.Unavailable, "The database does not answer; nothing was changed as far as is known.").
			RetryAfter(retryAfter)
	default:
		return err
	}
}

func writeJSON(c *gin.Context, status int, v any) error {
	c.Header("Content-Type", "application/json")
	c.Status(status)
	enc := json.NewEncoder(c.Writer)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		if c.Writer.Written() {
			return nil // the reader has gone
		}
		return err
	}
	return nil
}

// catalog is what reports are compiled against.
func (a *api) catalog(ctx context.Context) (report.Catalog, error) {
	set, err := a.Definitions.Set(ctx)
	if err != nil {
		return report.Catalog{}, err
	}
	connections, err := a.Connections(ctx)
	if err != nil {
		return report.Catalog{}, err
	}
	return report.Catalog{Set: set, Connections: connections}, nil
}

// Validate is the define.Validate that knows reports and funnels: it compiles a
// conversion or saved report as if all connections existed that it names.
func Validate(set *define.Set, kind define.Kind, name string) error {
	catalog := report.Catalog{Set: set}
	now := time.Now()
	switch kind {
	case define.KindConversion:
		return report.CheckConversion(set.Conversions[name], catalog, now)
	case define.KindReport:
		saved := set.Reports[name]
		if saved.Kind == define.SavedFunnel {
			f, err := report.DecodeFunnel(saved.Query)
			if err != nil {
				return decodeError(saved.Query, err, "/query")
			}
			catalog.Connections = named(f.Connections)
			_, err = report.CompileFunnel(f, catalog, now)
			return under("/query", err)
		}
		r, err := report.DecodeRequest(saved.Query)
		if err != nil {
			return decodeError(saved.Query, err, "/query")
		}
		catalog.Connections = named(r.Connections)
		_, err = report.Compile(r, catalog, now)
		return under("/query", err)
	}
	return nil
}

// named makes connections of ids: a saved report outlives them.
func named(ids []string) []report.Connection {
	var out []report.Connection
	for _, text := range ids {
		if id, err := uuid.Parse(text); err == nil {
			out = append(out, report.Connection{ID: id})
		}
	}
	return out
}

// under puts a prefix before the pointers of an error.
func under(prefix string, err error) error {
	var invalid *define.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	moved := &define.InvalidError{Issues: make([]define.Issue, len(invalid.Issues))}
	for i, x := range invalid.Issues {
		x.Pointer = prefix + x.Pointer
		moved.Issues[i] = x
	}
	return moved
}
