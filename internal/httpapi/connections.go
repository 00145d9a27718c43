package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/privacy"
)

// connectionView is a connection as the API shows it. Webhook URLs are secrets that
// allow to post events: only administrators see them, others get null.
type connectionView struct {
	ID                  string            `json:"id"`
	Name                string            `json:"name"`
	EventSource         string            `json:"event_source"`
	EventObject         string            `json:"event_object"`
	AllowAnonymous      bool              `json:"allow_anonymous"`
	RetentionDays       *int              `json:"retention_days"`
	Status              connection.Status `json:"status"`
	WebhookURL          *string           `json:"webhook_url"`
	PreviousWebhookURLs []previousURL     `json:"previous_webhook_urls"`
	CreatedAt           time.Time         `json:"created_at"`
	UpdatedAt           time.Time         `json:"updated_at"`
	EventsReceived      uint64            `json:"events_received"`
	FirstEventAt        *time.Time        `json:"first_event_at"`
	LastEventAt         *time.Time        `json:"last_event_at"`
}

// previousURL is a rotated URL that still works.
type previousURL struct {
	WebhookURL string    `json:"webhook_url"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func (a *API) view(c *gin.Context, d connection.Detail) connectionView {
	v := connectionView{
		ID: d.ID.String(), Name: d.Name, EventSource: d.EventSource, EventObject: d.EventObject,
		AllowAnonymous: d.AllowAnonymous, Status: d.Status, PreviousWebhookURLs: []previousURL{},
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, EventsReceived: d.Stats.EventsReceived,
		FirstEventAt: orNull(d.Stats.FirstEventAt), LastEventAt: orNull(d.Stats.LastEventAt),
	}
	if d.RetentionDays > 0 {
		v.RetentionDays = &d.RetentionDays
	}
	if key, ok := identity(c); ok && key.Role.Includes(access.Admin) {
		base := a.baseURL(c.Request)
		own := base + logging.WebhookPath + d.Token
		v.WebhookURL = &own
		now := time.Now()
		for _, g := range d.Previous {
			if g.Active(now) {
				v.PreviousWebhookURLs = append(v.PreviousWebhookURLs, previousURL{base + logging.WebhookPath + g.Token, g.ExpiresAt})
			}
		}
	}
	return v
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// baseURL is the configured base of webhook URLs, or the address that the caller used.
func (a *API) baseURL(r *http.Request) string {
	if a.cfg.PublicURL != "" {
		return a.cfg.PublicURL
	}
	base := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		base.Scheme = "https"
	}
	return base.String()
}

type newConnection struct {
	strict
	Name           string `json:"name" validate:"required"`
	EventSource    string `json:"event_source" validate:"required"`
	EventObject    string `json:"event_object" validate:"required"`
	AllowAnonymous bool   `json:"allow_anonymous"`
	RetentionDays  *int   `json:"retention_days" validate:"omitnil,min=1"`
}

func (a *API) createConnection(c *gin.Context) error {
	var in newConnection
	if err := a.decode(c, &in, false); err != nil {
		return err
	}
	days := 0
	if in.RetentionDays != nil {
		days = *in.RetentionDays
	}
	d, err := a.cfg.Connections.Create(c.Request.Context(), connection.New{
		Name: in.Name, EventSource: in.EventSource, EventObject: in.EventObject, AllowAnonymous: in.AllowAnonymous,
		RetentionDays: days,
	})
	if err != nil {
		return err
	}
	c.Header("Location", "/api/v1/connections/"+d.ID.String())
	writeJSON(c, http.StatusCreated, a.view(c, d))
	return nil
}

func (a *API) listConnections(c *gin.Context) error {
	limit, err := limitOf(c, connection.DefaultLimit, connection.MaxLimit)
	if err != nil {
		return err
	}
	page, err := a.cfg.Connections.List(c.Request.Context(), connection.ListOptions{
		Cursor: c.Query("cursor"), Limit: limit, Search: c.Query("search"),
	})
	if err != nil {
		return err
	}
	views := make([]connectionView, len(page.Connections))
	for i, d := range page.Connections {
		views[i] = a.view(c, d)
	}
	writeJSON(c, http.StatusOK, newList(views, page.Next))
	return nil
}

func (a *API) getConnection(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := a.cfg.Connections.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, a.view(c, d))
	return nil
}

// patchOfConnection names what is to change. Status is another way to say paused,
// for who sends back what they read.
type patchOfConnection struct {
	strict
	Name           *string `json:"name"`
	EventSource    *string `json:"event_source"`
	EventObject    *string `json:"event_object"`
	AllowAnonymous *bool   `json:"allow_anonymous"`
	Paused         *bool   `json:"paused"`
	// RetentionDays is null for ever, and absent where it is not to change.
	RetentionDays jsontext.Value `json:"retention_days"`
	Status        *string        `json:"status" validate:"omitnil,oneof=paused connected awaiting_data"`
}

func (a *API) patchConnection(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	var in patchOfConnection
	if err := a.decode(c, &in, false); err != nil {
		return err
	}
	if in.Status != nil {
		paused := *in.Status == string(connection.StatusPaused)
		if in.Paused != nil && *in.Paused != paused {
			return problem.Invalid(problem.Field{
				Field: "status", Pointer: "/status", Code: "contradiction", Message: "says the opposite of paused",
			})
		}
		in.Paused = &paused
	}
	days, err := retentionOf(in.RetentionDays)
	if err != nil {
		return err
	}
	d, err := a.cfg.Connections.Update(c.Request.Context(), id, connection.Patch{
		Name: in.Name, EventSource: in.EventSource, EventObject: in.EventObject,
		AllowAnonymous: in.AllowAnonymous, Paused: in.Paused, RetentionDays: days,
	})
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, a.view(c, d))
	return nil
}

func (a *API) deleteConnection(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.cfg.Connections.Delete(c.Request.Context(), id); err != nil {
		return err
	}
	if a.cfg.Retention != nil {
		a.cfg.Retention.Deleted()
	}
	c.Status(http.StatusNoContent)
	return nil
}

// retentionOf reads a patch's retention: nil where it has none, 0 for ever.
func retentionOf(text jsontext.Value) (*int, error) {
	days := 0
	switch string(text) {
	case "":
		return nil, nil
	case "null":
		return &days, nil
	}
	days, err := strconv.Atoi(string(text))
	if err != nil || days < 1 {
		return nil, problem.Invalid(problem.Field{
			Field: "retention_days", Pointer: "/retention_days", Code: "type",
			Message: "must be a whole number of days, at least 1, or null for ever",
		})
	}
	return &days, nil
}

// Retention removes events that are older than their connection keeps them.
type Retention interface {
	// Apply removes those of one connection now.
	Apply(ctx context.Context, connection uuid.UUID, days int) (privacy.Expired, error)
	// Deleted says that a connection was deleted: what it leaves is to go.
	Deleted()
}

// applyRetention answers when the bytes have left the disk.
func (a *API) applyRetention(c *gin.Context) error {
	if a.cfg.Retention == nil {
		return problem.New(problem.NotFound, "This server removes no old events.")
	}
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	d, err := a.cfg.Connections.Get(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if d.RetentionDays == 0 {
		return problem.Invalid(problem.Field{
			Field: "retention_days", Code: "required", Message: "is not set: this connection keeps its events for ever",
		})
	}
	// An error means that the writer is no connection.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(eraseDeadline))
	expired, err := a.cfg.Retention.Apply(c.Request.Context(), id, d.RetentionDays)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, expired)
	return nil
}

type rotation struct {
	strict
	Grace *string `json:"grace"`
}

func (a *API) rotateConnection(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	var in rotation
	if err := a.decode(c, &in, true); err != nil {
		return err
	}
	grace := connection.DefaultGrace
	if in.Grace != nil {
		if grace, err = parseDuration("grace", *in.Grace); err != nil {
			return err
		}
	}
	d, err := a.cfg.Connections.Rotate(c.Request.Context(), id, grace)
	if err != nil {
		return err
	}
	writeJSON(c, http.StatusOK, a.view(c, d))
	return nil
}

// parseDuration reads a duration of a body's field as Go writes it ("90m", "1h30m", "24h"), or whole
// days ("7d").
func parseDuration(field, text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return 0, problem.Invalid(problem.Field{
		Field: field, Pointer: pointer(field), Code: "duration", Message: `must be a duration such as "24h", "90m" or "7d"`,
	})
}
