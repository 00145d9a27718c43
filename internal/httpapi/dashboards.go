package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/internal/problem"
)

// Dashboards is what the API needs of board.Table.
type Dashboards interface {
	List(ctx context.Context) ([]board.Dashboard, error)
	Get(ctx context.Context, slug string) (board.Dashboard, error)
	Put(ctx context.Context, d board.Dashboard) (board.Dashboard, error)
	Delete(ctx context.Context, slug string) error
}

// SavedReports reads saved reports.
type SavedReports interface {
	// Get returns a saved report as its own endpoint shows it; found is false where
	// there is none.
	Get(ctx context.Context, slug string) (report json.RawMessage, found bool, err error)
}

// dashboardView is a dashboard as the API shows it. Who saved it is not told to
// those who came by a shared link.
type dashboardView struct {
	Slug        string        `json:"slug"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Panels      []board.Panel `json:"panels"`
	// Reports are those that the panels show, with a single dashboard only.
	Reports   []json.RawMessage `json:"reports,omitzero"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by,omitempty"`
}

func viewOfDashboard(c *gin.Context, d board.Dashboard) dashboardView {
	v := dashboardView{Slug: d.Slug, Name: d.Name, Description: d.Description, Panels: d.Panels, UpdatedAt: d.UpdatedAt}
	if key, _ := identity(c); key.Dashboard == "" {
		v.UpdatedBy = d.UpdatedBy
	}
	return v
}

func (a *API) listDashboards(c *gin.Context) error {
	all, err := a.cfg.Dashboards.List(c.Request.Context())
	if err != nil {
		return err
	}
	views := make([]dashboardView, len(all))
	for i, d := range all {
		views[i] = viewOfDashboard(c, d)
	}
	writeJSON(c, http.StatusOK, newList(views, ""))
	return nil
}

func (a *API) getDashboard(c *gin.Context) error {
	d, err := a.cfg.Dashboards.Get(c.Request.Context(), c.Param("slug"))
	if err != nil {
		return err
	}
	return a.writeDashboard(c, d)
}

// writeDashboard answers with a dashboard and the reports that it shows. A report
// that is gone is left out: the others can still be shown.
func (a *API) writeDashboard(c *gin.Context, d board.Dashboard) error {
	v := viewOfDashboard(c, d)
	v.Reports = []json.RawMessage{}
	if a.cfg.SavedReports != nil {
		for _, slug := range d.Reports() {
			r, found, err := a.cfg.SavedReports.Get(c.Request.Context(), slug)
			if err != nil {
				return err
			}
			if found {
				v.Reports = append(v.Reports, r)
			}
		}
	}
	writeJSON(c, http.StatusOK, v)
	return nil
}

// dashboardBody is a dashboard as it is sent. What only answers have is taken and
// ignored, for who sends back what they read.
type dashboardBody struct {
	strict
	Slug        *string        `json:"slug"`
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Panels      []panelBody    `json:"panels"`
	Reports     jsontext.Value `json:"reports"`
	UpdatedAt   jsontext.Value `json:"updated_at"`
	UpdatedBy   jsontext.Value `json:"updated_by"`
}

type panelBody struct {
	strict
	Report string `json:"report"`
	Title  string `json:"title"`
	Width  int    `json:"width"`
	Height string `json:"height"`
}

func (a *API) putDashboard(c *gin.Context) error {
	var in dashboardBody
	if err := a.decode(c, &in, false); err != nil {
		return err
	}
	d := board.Dashboard{
		Slug: c.Param("slug"), Name: in.Name, Description: in.Description,
		Panels: make([]board.Panel, len(in.Panels)), UpdatedBy: a.Who(c),
	}
	if in.Slug != nil && *in.Slug != d.Slug {
		return problem.Invalid(problem.Field{Field: "slug", Pointer: "/slug", Code: "contradiction", Message: "is not the slug of the path"})
	}
	var unknown []problem.Field
	for i, p := range in.Panels {
		d.Panels[i] = board.Panel{Report: p.Report, Title: p.Title, Width: p.Width, Height: p.Height}
		for name := range p.Unknown {
			unknown = append(unknown, problem.Field{
				Field: name, Pointer: "/panels/" + strconv.Itoa(i) + pointer(name), Code: "unknown", Message: "is not a field of a panel",
			})
		}
	}
	if len(unknown) > 0 {
		slices.SortFunc(unknown, func(a, b problem.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
		return problem.Invalid(unknown...)
	}
	d, err := a.cfg.Dashboards.Put(c.Request.Context(), d)
	if err != nil {
		return err
	}
	return a.writeDashboard(c, d)
}

// deleteDashboard ends its shared links too, or they would open the next dashboard
// of this slug: before, so that a failure leaves none behind, and after, for one
// that was made meanwhile (see createShare).
func (a *API) deleteDashboard(c *gin.Context) error {
	ctx, slug := c.Request.Context(), c.Param("slug")
	if _, err := a.cfg.Dashboards.Get(ctx, slug); err != nil {
		return err
	}
	if err := a.cfg.Keys.DeleteShares(ctx, slug); err != nil {
		return err
	}
	if err := a.cfg.Dashboards.Delete(ctx, slug); err != nil {
		return err
	}
	if err := a.cfg.Keys.DeleteShares(ctx, slug); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// shareView is a shared link as the API shows it.
type shareView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Key is there in the answer to the creation alone.
	Key string `json:"key,omitempty"`
}

func viewOfShare(k access.Key) shareView {
	return shareView{ID: k.ID.String(), Name: k.Name, CreatedAt: k.CreatedAt, ExpiresAt: orNull(k.ExpiresAt)}
}

func (a *API) listShares(c *gin.Context) error {
	if _, err := a.cfg.Dashboards.Get(c.Request.Context(), c.Param("slug")); err != nil {
		return err
	}
	keys, err := a.cfg.Keys.List(c.Request.Context())
	if err != nil {
		return err
	}
	var views []shareView
	for _, k := range keys {
		if k.Dashboard == c.Param("slug") {
			views = append(views, viewOfShare(k))
		}
	}
	writeJSON(c, http.StatusOK, newList(views, ""))
	return nil
}

// maxShare is how long a shared link that ends works at most.
const maxShare = 10 * 366 * 24 * time.Hour

type newShare struct {
	strict
	Name      string  `json:"name" validate:"omitempty,max=200,oneline"` // access.MaxName
	ExpiresIn *string `json:"expires_in"`
}

func (a *API) createShare(c *gin.Context) error {
	ctx, slug := c.Request.Context(), c.Param("slug")
	var in newShare
	if err := a.decode(c, &in, true); err != nil {
		return err
	}
	var expires time.Time
	if in.ExpiresIn != nil {
		d, err := parseDuration("expires_in", *in.ExpiresIn)
		if err != nil {
			return err
		}
		if d <= 0 || d > maxShare {
			return problem.Invalid(problem.Field{
				Field: "expires_in", Pointer: "/expires_in", Code: "range", Message: "must be more than 0 and at most 10 years; leave it out for a link without end",
			})
		}
		expires = time.Now().Add(d)
	}
	if in.Name == "" {
		in.Name = "Shared link"
	}
	if _, err := a.cfg.Dashboards.Get(ctx, slug); err != nil {
		return err
	}
	key, secret, err := a.cfg.Keys.Share(ctx, slug, in.Name, expires)
	if err != nil {
		return err
	}
	// Whoever deletes the dashboard now ends its links afterwards: either they see
	// this one, or it is seen here that the dashboard is gone.
	if _, err := a.cfg.Dashboards.Get(ctx, slug); err != nil {
		return errors.Join(err, a.cfg.Keys.DeleteShare(context.WithoutCancel(ctx), slug, key.ID))
	}
	v := viewOfShare(key)
	v.Key = secret
	c.Header("Location", "/api/v1/dashboards/"+slug+"/shares/"+v.ID)
	writeJSON(c, http.StatusCreated, v)
	return nil
}

func (a *API) deleteShare(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	err = a.cfg.Keys.DeleteShare(c.Request.Context(), c.Param("slug"), id)
	if errors.Is(err, access.ErrNotFound) {
		return problem.New(problem.NotFound, "This dashboard has no shared link with this id.")
	}
	if err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
