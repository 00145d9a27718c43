package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/problem"
)

// How many recent events and requests are shown by default and at most.
const (
	defaultRecent = 50
	maxRecent     = 500
)

// existing reads a connection's id from the path and answers 404 where there is none.
func (a *API) existing(c *gin.Context) (uuid.UUID, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return uuid.Nil, err
	}
	_, err = a.cfg.Connections.Get(c.Request.Context(), id)
	return id, err
}

func (a *API) recentEvents(c *gin.Context) error {
	id, err := a.existing(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c, defaultRecent, maxRecent)
	if err != nil {
		return err
	}
	events, err := a.cfg.Events.Recent(c.Request.Context(), id, limit)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, newList(events, ""))
	return nil
}

func (a *API) recentRequests(c *gin.Context) error {
	id, err := a.existing(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c, defaultRecent, maxRecent)
	if err != nil {
		return err
	}
	outcome := feed.Outcome(c.Query("outcome"))
	switch outcome {
	case "", feed.Accepted, feed.Refused, feed.EventRefused:
	default:
		return problem.Invalid(problem.Field{Field: "outcome", Code: "oneof", Message: "must be one of accepted, refused, event_refused"})
	}
	requests, err := a.cfg.Requests.Recent(c.Request.Context(), feed.Query{Connection: id, Outcome: outcome, Limit: limit})
	if err != nil {
		return err
	}
	for i := range requests { // 500 bodies of 32 kB are too much for a list
		requests[i].Body, requests[i].BodyEncoding = "", ""
	}
	writeJSON(c, http.StatusOK, newList(requests, ""))
	return nil
}

// oneRequest answers with a request and what was kept of its body.
func (a *API) oneRequest(c *gin.Context) error {
	id, err := a.existing(c)
	if err != nil {
		return err
	}
	request, err := pathID(c, "request")
	if err != nil {
		return err
	}
	r, found, err := a.cfg.Requests.ByID(c.Request.Context(), id, request)
	if err != nil {
		return err
	}
	if !found {
		return problem.New(problem.NotFound, "There is no request with this id. Refused requests are kept for 7 days, the last 1,000 of a connection.")
	}
	writeJSON(c, http.StatusOK, r)
	return nil
}
