package httpapi

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/internal/problem"
)

// canonicalRequestID is problem.RequestIDHeader as http.Header keeps it.
const canonicalRequestID = "X-Request-Id"

// observe gives every request an id, outlives panics and writes the access log. It
// is all that the ingest route goes through: two allocations when nothing is logged.
func (a *API) observe(c *gin.Context) {
	r := c.Request
	ingest := strings.HasPrefix(r.URL.Path, logging.WebhookPath)
	start := time.Now()
	id := requestID(r.Header)
	c.Writer.Header()[canonicalRequestID] = []string{id}
	defer a.recover(c, id)
	c.Next()
	if ingest {
		a.logIngest(c, id, start)
	} else {
		a.logRequest(c, id, start)
	}
}

// requestID returns the caller's id if it is sane, so that logs of several systems
// can be joined, and a fresh one otherwise.
func requestID(h http.Header) string {
	if given := h[canonicalRequestID]; len(given) == 1 && saneID(given[0]) {
		return given[0]
	}
	// Ids are no secrets: they only have to differ. 100 bits.
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	var b [20]byte
	for i, bits := 0, uint64(0); i < len(b); i, bits = i+1, bits>>5 {
		if i%10 == 0 {
			bits = rand.Uint64()
		}
		b[i] = alphabet[bits&31]
	}
	return string(b[:])
}

func saneID(s string) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && c != '.' && c != ':' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// recover answers a panic with a 500. Once part of an answer is out it ends the
// connection instead, so that nobody takes half an answer for a whole one.
func (a *API) recover(c *gin.Context, id string) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && err == http.ErrAbortHandler {
		panic(p)
	}
	a.cfg.Logger.LogAttrs(c.Request.Context(), slog.LevelError, "handler panicked",
		slog.String("request_id", id), slog.String("method", c.Request.Method), slog.String("path", safePath(c.Request)),
		slog.String("panic", logging.Redact(fmt.Sprint(p))), slog.String("stack", string(debug.Stack())))
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	c.Abort()
	problem.Write(c.Writer, c.Request, &problem.Error{
		Kind: problem.Internal, Detail: "Something went wrong on the server. Its log tells more under this request's id.",
	})
}

// logIngest writes what went wrong, but never at the rate of a sender gone wild,
// and what went well only for who debugs.
func (a *API) logIngest(c *gin.Context, id string, start time.Time) {
	if c.Writer.Status() < http.StatusBadRequest {
		a.log(c, slog.LevelDebug, id, start)
		return
	}
	if suppressed, ok := a.failures.allow(time.Now()); ok {
		a.log(c, slog.LevelInfo, id, start, slog.Int64("suppressed", suppressed))
	}
}

func (a *API) logRequest(c *gin.Context, id string, start time.Time) {
	level := slog.LevelInfo
	switch c.FullPath() {
	case "/livez", "/readyz", "/metrics": // asked every few seconds by machines
		if c.Writer.Status() < http.StatusBadRequest {
			level = slog.LevelDebug
		}
	}
	a.log(c, level, id, start)
}

func (a *API) log(c *gin.Context, level slog.Level, id string, start time.Time, more ...slog.Attr) {
	if !a.cfg.Logger.Enabled(c.Request.Context(), level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 10),
		slog.String("request_id", id), slog.String("method", c.Request.Method), slog.String("path", safePath(c.Request)),
		slog.Int("status", c.Writer.Status()), slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.Float64("ms", float64(time.Since(start).Microseconds())/1000), slog.String("remote", c.Request.RemoteAddr))
	if key, ok := identity(c); ok {
		attrs = append(attrs, slog.String("key_id", key.ID.String()), slog.String("role", string(key.Role)))
	}
	a.cfg.Logger.LogAttrs(c.Request.Context(), level, "request", append(attrs, more...)...)
}

// safePath is the request's path and query for the log: without secrets, bounded.
func safePath(r *http.Request) string {
	const most = 1000
	uri := r.URL.RequestURI()
	if len(uri) > most {
		uri = uri[:most] + "…"
	}
	return logging.Redact(uri)
}

// limiter lets through a number of log lines a second and counts the others.
type limiter struct {
	second     atomic.Int64
	n          atomic.Int64
	suppressed atomic.Int64
}

const failuresPerSecond = 20

// allow tells whether a line may be written now, and how many were not since the
// last that was. It may be a few lines off when a second begins: it bounds a log.
func (l *limiter) allow(now time.Time) (suppressed int64, ok bool) {
	if s := now.Unix(); l.second.Swap(s) != s {
		l.n.Store(0)
	}
	if l.n.Add(1) > failuresPerSecond {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}

// secureHeaders is for answers that are no pages: a browser must not guess their
// type, frame them or run anything in them. The app replaces the policy by its own.
func secureHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
}
