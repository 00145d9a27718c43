package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/privacy"
	"github.com/tributary-events/tributary/query"
)

// retryAfter is how many seconds a caller should wait for a store that is down.
const retryAfter = 5

// asProblem says how the errors of the packages below are answered. What it does
// not know is a 500.
func asProblem(r *http.Request, err error) error {
	var known *problem.Error
	var invalid *connection.InvalidError
	var dashboard *board.InvalidError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &invalid):
		fields := make([]problem.Field, len(invalid.Errors))
		for i, e := range invalid.Errors {
			fields[i] = problem.Field{Field: e.Field, Code: e.Code, Message: e.Message}
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				fields[i].Pointer = "/" + e.Field
			}
		}
		return problem.Invalid(fields...)
	case errors.As(err, &dashboard):
		fields := make([]problem.Field, len(dashboard.Issues))
		for i, issue := range dashboard.Issues {
			fields[i] = problem.Field{Field: issue.Field(), Pointer: issue.Pointer, Code: issue.Code, Message: issue.Message}
		}
		return problem.Invalid(fields...)
	case errors.Is(err, board.ErrNotFound):
		return problem.New(problem.NotFound, "There is no dashboard with this slug.")
	case errors.Is(err, connection.ErrNotFound):
		return problem.New(problem.NotFound, "There is no connection with this id.")
	case errors.Is(err, access.ErrNotFound):
		return problem.New(problem.NotFound, "There is no API key with this id.")
	case errors.Is(err, privacy.ErrAddress):
		return problem.Invalid(problem.Field{Field: "email", Code: "email", Message: "must be the whole address, such as ada@example.com"})
	case errors.Is(err, privacy.ErrUnavailable):
		return problem.Wrap(err, problem.Unavailable, "Not everything could be removed now: the database or the spool did not let go in time. Do it again.").
			RetryAfter(retryAfter)
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return err // the caller has gone
	case errors.Is(err, connection.ErrUnavailable), errors.Is(err, access.ErrUnavailable),
		errors.Is(err, query.ErrUnavailable), errors.Is(err, board.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded):
		return problem.Wrap(err, problem.Unavailable, "The database does not answer; nothing was changed as far as is known.").
			RetryAfter(retryAfter)
	default:
		return err
	}
}
