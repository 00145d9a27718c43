package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/privacy"
	"github.com/tributary-events/tributary/query/people"
)

// People reads what one person did.
type People interface {
	Events(ctx context.Context, name people.Name, cursor string, limit int) (people.Page, error)
}

// Erasures removes people.
type Erasures interface {
	Erase(ctx context.Context, email, by string) (privacy.Receipt, error)
	Preview(ctx context.Context, email string) (privacy.Receipt, error)
	List(ctx context.Context) ([]privacy.Receipt, error)
}

// eraseDeadline is how long the answer to an erasure may take: it rewrites what is
// stored, and its caller wants the receipt.
const eraseDeadline = time.Hour

// emailOf reads the path's address itself: gin takes the plus of an address for a space.
func emailOf(c *gin.Context) string {
	_, rest, _ := strings.Cut(c.Request.URL.EscapedPath(), "/people/")
	part, _, _ := strings.Cut(rest, "/")
	text, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return strings.TrimSpace(text)
}

// personOf says whom the path names: an address, or an event_adb_cdt where it has no @.
func personOf(c *gin.Context) people.Name {
	text := emailOf(c)
	if strings.Contains(text, "@") {
		return people.Name{Email: text}
	}
	return people.Name{CDT: text}
}

func (a *API) personEvents(c *gin.Context) error {
	if a.cfg.People == nil {
		return problem.New(problem.NotFound, "This server has no people.")
	}
	limit, err := limitOf(c, people.DefaultLimit, people.MaxLimit)
	if err != nil {
		return err
	}
	page, err := a.cfg.People.Events(c.Request.Context(), personOf(c), c.Query("cursor"), limit)
	switch {
	case errors.Is(err, people.ErrCursor):
		return problem.Invalid(problem.Field{Field: "cursor", Code: "invalid", Message: "must be the next_cursor of a page before"})
	case err != nil:
		return err
	}
	if page.Events == nil {
		page.Events = []people.Event{}
	}
	writeJSON(c, http.StatusOK, newList(page.Events, page.Next))
	return nil
}

func (a *API) erasePerson(c *gin.Context) error {
	if a.cfg.Erasures == nil {
		return problem.New(problem.NotFound, "This server erases nobody.")
	}
	var dry bool
	switch c.Query("dry_run") {
	case "", "false":
	case "true":
		dry = true
	default:
		return problem.Invalid(problem.Field{Field: "dry_run", Code: "type", Message: "must be true or false"})
	}
	// An error means that the writer is no connection.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(eraseDeadline))
	var (
		receipt privacy.Receipt
		err     error
	)
	if dry {
		receipt, err = a.cfg.Erasures.Preview(c.Request.Context(), emailOf(c))
	} else {
		receipt, err = a.cfg.Erasures.Erase(c.Request.Context(), emailOf(c), a.Who(c))
	}
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, receipt)
	return nil
}

func (a *API) listErasures(c *gin.Context) error {
	if a.cfg.Erasures == nil {
		return problem.New(problem.NotFound, "This server erases nobody.")
	}
	receipts, err := a.cfg.Erasures.List(c.Request.Context())
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, newList(receipts, ""))
	return nil
}
