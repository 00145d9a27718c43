package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/internal/problem"
)

const identityKey = "tributary.key"

// Need returns the middleware that lets a request pass whose key has a role, and
// which a shared link may make if the key is one's. Every route below /api/v1 has it,
// those of Config.Extra too. Guesses are not slowed down: keys are 160 random bits,
// and behind a proxy all senders have one address.
func (a *API) Need(role access.Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		key, err := a.authenticate(c.Request)
		if err == nil {
			c.Set(identityKey, key)
			err = a.authorize(c, key, role)
		}
		if err != nil {
			problem.Write(c.Writer, c.Request, asProblem(c.Request, err))
			c.Abort()
		}
	}
}

func (a *API) authorize(c *gin.Context, key access.Key, role access.Role) error {
	if !key.Role.Includes(role) {
		return problem.New(problem.Forbidden, "This needs the role %s; the key has the role %s.", role, key.Role)
	}
	if key.Dashboard != "" {
		return a.mayShared(c, key)
	}
	return nil
}

// Who names the key of a request that Need let pass, for records of who did what.
func (a *API) Who(c *gin.Context) string {
	key, _ := identity(c)
	return key.Name
}

// Allowed tells whether the key of a request may see a saved report; an empty slug
// stands for reports that are not saved. ctx is the request's *gin.Context, which
// Need let pass; for anything else the answer is no.
func (a *API) Allowed(ctx context.Context, slug string) bool {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return false
	}
	key, ok := identity(c)
	if !ok || key.Dashboard == "" {
		return ok
	}
	v, _ := c.Get(sharedKey)
	d, ok := v.(board.Dashboard)
	return ok && d.Shows(slug)
}

const sharedKey = "tributary.shared"

// sharedParameters are what the reader of a shared link may choose. Filters are not
// among them: with filters one could find out by trial what a report does not show,
// the addresses of people for one.
var sharedParameters = []string{"from", "to", "timezone"}

// mayShared is the one place that says what the key of a shared link may do: read who
// it is, its dashboard, and the saved reports that the dashboard shows at this moment.
func (a *API) mayShared(c *gin.Context, key access.Key) error {
	denied := problem.New(problem.Forbidden, "This key belongs to a shared link: it opens the dashboard %s and nothing else.", key.Dashboard)
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return denied
	}
	switch c.FullPath() {
	case "/api/v1/me":
		return nil
	case "/api/v1/dashboards/:slug":
		if c.Param("slug") != key.Dashboard {
			return denied
		}
		return nil
	case "/api/v1/reports/:slug", "/api/v1/reports/:slug/data":
		for name := range c.Request.URL.Query() {
			if !slices.Contains(sharedParameters, name) {
				return problem.New(problem.Forbidden, "With a shared link a report takes the parameters %s alone.", strings.Join(sharedParameters, ", "))
			}
		}
		d, err := a.dashboardOf(c, key)
		switch {
		case errors.Is(err, board.ErrNotFound):
			return denied
		case err != nil:
			return err
		case !d.Shows(c.Param("slug")):
			return denied
		}
		c.Set(sharedKey, d) // for Allowed
		return nil
	default:
		return denied
	}
}

func (a *API) dashboardOf(c *gin.Context, key access.Key) (board.Dashboard, error) {
	if a.cfg.Dashboards == nil {
		return board.Dashboard{}, board.ErrNotFound
	}
	return a.cfg.Dashboards.Get(c.Request.Context(), key.Dashboard)
}

// identity is the key that the request came with.
func identity(c *gin.Context) (access.Key, bool) {
	v, _ := c.Get(identityKey)
	key, ok := v.(access.Key)
	return key, ok
}

func (a *API) authenticate(r *http.Request) (access.Key, error) {
	secret, given := credential(r)
	if !given {
		return access.Key{}, problem.New(problem.Unauthenticated, "This needs an API key: send Authorization: Bearer KEY.").
			With("WWW-Authenticate", `Bearer realm="tributary"`)
	}
	key, err := a.cfg.Keys.Authenticate(secret)
	switch {
	case errors.Is(err, access.ErrUnknown):
		return access.Key{}, problem.New(problem.Unauthenticated, "The API key is not valid: it is mistyped, expired or deleted.").
			With("WWW-Authenticate", `Bearer realm="tributary", error="invalid_token"`)
	case err != nil:
		return access.Key{}, problem.Wrap(err, problem.Unavailable, "API keys cannot be checked yet.").RetryAfter(2)
	}
	return key, nil
}

// credential finds the key in the Authorization header. Basic is taken too, for
// clients that know nothing else: the key is the password, the user's name is not
// looked at. Browsers are never asked for it, so they never send it by themselves.
func credential(r *http.Request) (secret string, given bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(rest), true
}
