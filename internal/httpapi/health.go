package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/internal/problem"
)

// Check is one thing that must be well for the server to take traffic.
type Check struct {
	Name string // as /readyz shows it: "engine", "migrations", "spool"
	// Do returns nil if all is well, or what is wrong, in words for the operator.
	Do func(ctx context.Context) error
}

// State is what a check found.
type State struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

const (
	// checkTimeout is shorter than the patience of those who ask.
	checkTimeout = 2 * time.Second
	// checkEvery bounds how often anybody can make the checks run: the question is
	// open to all, and a check may write to the disk.
	checkEvery = time.Second
)

// readiness runs the checks, at most once each checkEvery.
type readiness struct {
	checks []Check

	mu     sync.Mutex
	at     time.Time
	states []State
}

// ask returns the state of each check in order, and whether all are well.
func (r *readiness) ask(ctx context.Context) ([]State, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || time.Since(r.at) > checkEvery {
		// Not cut short by a caller that goes away: others use the answer too.
		r.states, r.at = runChecks(context.WithoutCancel(ctx), r.checks), time.Now()
	}
	all := true
	for _, s := range r.states {
		all = all && s.OK
	}
	return r.states, all
}

func runChecks(ctx context.Context, checks []Check) []State {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	states := make([]State, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() {
			states[i] = State{Name: check.Name, OK: true}
			if err := check.Do(ctx); err != nil {
				states[i] = State{Name: check.Name, Reason: logging.Redact(err.Error())}
			}
		})
	}
	wg.Wait()
	return states
}

type health struct {
	Status string  `json:"status"`
	Checks []State `json:"checks,omitempty"`
}

// livez says that the process serves requests: more is no reason to restart it.
func (a *API) livez(c *gin.Context) error {
	writeJSON(c, http.StatusOK, health{Status: "alive"})
	return nil
}

// readyz says whether the server should get traffic.
func (a *API) readyz(c *gin.Context) error {
	states, ok := a.ready.ask(c.Request.Context())
	if !ok {
		return &problem.Error{
			Kind: problem.NotReady, Detail: "Not all checks pass; checks lists them.",
			Extensions: map[string]any{"checks": states},
		}
	}
	writeJSON(c, http.StatusOK, health{Status: "ready", Checks: states})
	return nil
}
