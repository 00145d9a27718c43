// Package api owns the HTTP endpoints of imports: it takes files of any size, hands
// them to the importer while they arrive, and tells how far it is.
//
// Invariants:
//   - A file is never held: memory is that of the importer, and a sender is held up by
//     its connection when the collector is.
//   - A sender that stands still for a minute is cut off; one that sends may take days.
//   - Every error is answered as a problem document.
package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/importer"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/problem"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the endpoints' part of the OpenAPI document.
func OpenAPI() []byte { return openAPI }

// Connections finds connections; *connection.Service is one.
type Connections interface {
	Get(ctx context.Context, id uuid.UUID) (connection.Detail, error)
}

// Config of the endpoints. All are required.
type Config struct {
	Imports     *importer.Service
	Connections Connections
	// Admin lets a request pass whose key has the role admin.
	Admin gin.HandlerFunc
}

type api struct{ Config }

// Register adds the endpoints below a router of /api/v1.
func Register(router gin.IRouter, cfg Config) error {
	if cfg.Imports == nil || cfg.Connections == nil || cfg.Admin == nil {
		return errors.New("import API lacks a part of its configuration")
	}
	a := &api{cfg}
	const path = "/connections/:id/imports"
	for _, r := range []struct {
		method, path string
		do           func(*gin.Context, connection.Detail) error
	}{
		{http.MethodPost, path, a.run},
		{http.MethodPost, path + "/preview", a.preview},
		{http.MethodGet, path, a.list},
		{http.MethodGet, path + "/:import", a.get},
		{http.MethodGet, path + "/:import/refused", a.refused},
	} {
		router.Handle(r.method, r.path, cfg.Admin, a.answer(r.do))
		if r.method == http.MethodGet {
			router.Handle(http.MethodHead, r.path, cfg.Admin, a.answer(r.do))
		}
	}
	return nil
}

func (a *api) answer(do func(*gin.Context, connection.Detail) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		d, err := a.connection(c)
		if err == nil {
			err = do(c, d)
		}
		if err != nil {
			problem.Write(c.Writer, c.Request, asProblem(err))
		}
	}
}

func (a *api) connection(c *gin.Context) (connection.Detail, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return connection.Detail{}, connection.ErrNotFound
	}
	return a.Connections.Get(c.Request.Context(), id)
}

const retryAfter = 5

// asProblem says how the importer's errors are answered.
func asProblem(err error) error {
	var (
		known *problem.Error
		open  *importer.OpenPlanError
		file  *importer.FileError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, connection.ErrNotFound):
		return problem.New(problem.NotFound, "There is no connection with this id.")
	case errors.Is(err, importer.ErrNotFound):
		return problem.New(problem.NotFound, "This connection has no import with this id.")
	case errors.As(err, &open):
		p := problem.New(problem.InvalidRequest, "The mapping leaves a question open; questions lists them. Ask for a preview and send its plan, completed.")
		p.Extensions = map[string]any{"questions": open.Questions}
		return p
	case errors.As(err, &file):
		return problem.New(problem.InvalidRequest, "%s", file.Error())
	case errors.Is(err, importer.ErrBusy):
		return problem.New(problem.Unavailable, "As many imports run as may at once. Try again in a while.").RetryAfter(retryAfter)
	case errors.Is(err, importer.ErrUnavailable), errors.Is(err, connection.ErrUnavailable):
		return problem.Wrap(err, problem.Unavailable, "The database does not answer; nothing was imported.").RetryAfter(retryAfter)
	}
	if fields := planFields(err); len(fields) > 0 {
		return problem.Invalid(fields...)
	}
	return err
}

// planFields are all faults of a plan, which are joined.
func planFields(err error) []problem.Field {
	if p, ok := err.(*importer.PlanError); ok {
		return []problem.Field{{Field: "plan." + p.Field, Code: "invalid", Message: p.Message}}
	}
	var fields []problem.Field
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			fields = append(fields, planFields(e)...)
		}
	}
	return fields
}

func (a *api) get(c *gin.Context, d connection.Detail) error {
	x, err := a.find(c, d)
	if err != nil {
		return err
	}
	return writeJSON(c, x)
}

func (a *api) find(c *gin.Context, d connection.Detail) (importer.Import, error) {
	id, err := uuid.Parse(c.Param("import"))
	if err != nil {
		return importer.Import{}, importer.ErrNotFound
	}
	return a.Imports.Get(c.Request.Context(), d.ID, id)
}

const mostListed = 100

func (a *api) list(c *gin.Context, d connection.Detail) error {
	found, err := a.Imports.List(c.Request.Context(), d.ID, mostListed)
	if err != nil {
		return err
	}
	if found == nil {
		found = []importer.Import{}
	}
	return writeJSON(c, map[string]any{"data": found, "next_cursor": nil})
}

// refused sends the refused rows as a file.
func (a *api) refused(c *gin.Context, d connection.Detail) error {
	x, err := a.find(c, d)
	if err != nil {
		return err
	}
	kind, ending := "text/csv; charset=utf-8", ".csv"
	if x.Plan.Format != importer.CSV {
		kind, ending = "application/x-ndjson", ".ndjson"
	}
	c.Header("Content-Type", kind)
	c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": baseName(x.Name) + ".refused" + ending}))
	if c.Request.Method == http.MethodHead {
		return nil
	}
	w := &deadlineWriter{c.Writer, http.NewResponseController(c.Writer)}
	err = a.Imports.WriteRefused(c.Request.Context(), &x, w)
	if err != nil && c.Writer.Written() {
		panic(http.ErrAbortHandler) // net/http's way to cut off an answer
	}
	return err
}

// baseName is a file's name without folders and endings.
func baseName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	for _, ending := range []string{".gz", ".csv", ".tsv", ".txt", ".ndjson", ".jsonl", ".json", ".parquet"} {
		name = strings.TrimSuffix(name, ending)
	}
	if name == "" {
		return "import"
	}
	return name
}

func writeJSON(c *gin.Context, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.Data(http.StatusOK, "application/json", data)
	return nil
}

func queryOf(c *gin.Context) url.Values { return c.Request.URL.Query() }
