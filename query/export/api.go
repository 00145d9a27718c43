package export

import (
	"context"
	_ "embed"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/problem"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the endpoint's part of the OpenAPI document.
func OpenAPI() []byte { return openAPI }

// Connections finds connections; *connection.Service is one.
type Connections interface {
	Get(ctx context.Context, id uuid.UUID) (connection.Detail, error)
}

// Config of the endpoint. All are required.
type Config struct {
	Events      *Events
	Connections Connections
	// Analyst lets a request pass whose key has the role analyst.
	Analyst gin.HandlerFunc
}

// Register adds the endpoint below a router of /api/v1.
func Register(router gin.IRouter, cfg Config) error {
	if cfg.Events == nil || cfg.Connections == nil || cfg.Analyst == nil {
		return errors.New("export API lacks a part of its configuration")
	}
	handle := func(c *gin.Context) {
		if err := cfg.export(c); err != nil {
			problem.Write(c.Writer, c.Request, asProblem(err))
		}
	}
	router.GET("/connections/:id/export", cfg.Analyst, handle)
	router.HEAD("/connections/:id/export", cfg.Analyst, handle)
	return nil
}

func asProblem(err error) error {
	var known *problem.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, connection.ErrNotFound):
		return problem.New(problem.NotFound, "There is no connection with this id.")
	case errors.Is(err, ErrUnavailable), errors.Is(err, connection.ErrUnavailable):
		return problem.Wrap(err, problem.Unavailable, "The database does not answer.").RetryAfter(5)
	}
	return err
}

func (cfg *Config) export(c *gin.Context) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return connection.ErrNotFound
	}
	q := Query{Connection: id}
	format, err := parameters(c, &q)
	if err != nil {
		return err
	}
	d, err := cfg.Connections.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.Header("Content-Type", format.MediaType())
	c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(d.Name) + "." + string(format)}))
	if c.Request.Method == http.MethodHead {
		return nil
	}
	err = cfg.write(c, format, q)
	if err != nil && c.Writer.Written() {
		panic(http.ErrAbortHandler) // net/http's way to cut off an answer
	}
	if err != nil {
		c.Writer.Header().Del("Content-Disposition")
	}
	return err
}

func (cfg *Config) write(c *gin.Context, format Format, q Query) error {
	w, err := NewWriter(format, &patient{c.Writer, http.NewResponseController(c.Writer)})
	if err != nil {
		return err
	}
	if err := cfg.Events.Each(c.Request.Context(), q, w.Write); err != nil {
		return err
	}
	return w.Close()
}

// parameters reads the query string.
func parameters(c *gin.Context, q *Query) (Format, error) {
	var bad []problem.Field
	format := CSV
	for name, values := range c.Request.URL.Query() {
		value := values[len(values)-1]
		switch name {
		case "format":
			if format = Format(value); !slices.Contains(Formats(), format) {
				bad = append(bad, problem.Field{Field: name, Code: "format", Message: "must be csv, ndjson or parquet"})
			}
		case "from", "to":
			ms, err := event.ParseTimestamp([]byte(value))
			if err != nil {
				bad = append(bad, problem.Field{Field: name, Code: "timestamp", Message: "must be a date or date-time such as 2026-01-31 or 2026-01-31T12:00:00Z"})
			}
			if name == "from" {
				q.From = time.UnixMilli(ms)
			} else {
				q.To = time.UnixMilli(ms)
			}
		default:
			bad = append(bad, problem.Field{Field: name, Code: "unknown", Message: "is no parameter of this path: use format, from, to"})
		}
	}
	if len(bad) > 0 {
		slices.SortFunc(bad, func(a, b problem.Field) int { return strings.Compare(a.Field, b.Field) })
		return "", problem.Invalid(bad...)
	}
	return format, nil
}

// fileName makes a file's name of a connection's.
func fileName(name string) string {
	name = strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '-'
		}
		return r
	}, name), " .-")
	if name == "" {
		return "events"
	}
	return name
}

// readTime is how long a reader may take for what was written at once.
const readTime = time.Minute

// patient moves the deadline of an answer with every write, so that a long answer may
// take long and a reader that stands still may not.
type patient struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(readTime)) // not all writers have deadlines
	return p.w.Write(b)
}
