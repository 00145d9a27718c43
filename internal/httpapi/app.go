package httpapi

import (
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
)

// noRoute answers what no route owns: by the app where that may be its own.
func (a *API) noRoute(c *gin.Context) {
	// Cleaned, or //api would be a page.
	if a.cfg.App == nil || under(path.Clean("/"+c.Request.URL.Path), "/api", "/collector", "/problems") {
		a.notFound(c)
		return
	}
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		c.Header("Allow", "GET, HEAD")
		problem.Write(c.Writer, c.Request, problem.New(problem.MethodNotAllowed,
			"This path does not take %s; it takes GET, HEAD.", c.Request.Method))
		return
	}
	a.serveApp(c)
}

// serveApp lets the app answer. That it has nothing at a path is answered here, like
// everywhere.
func (a *API) serveApp(c *gin.Context) {
	w := &appWriter{ResponseWriter: c.Writer}
	a.cfg.App.ServeHTTP(w, c.Request)
	if w.missing {
		c.Writer.Header().Del("Content-Length")
		secureHeaders(c)
		a.notFound(c)
	}
}

// appWriter holds back the app's own 404.
type appWriter struct {
	http.ResponseWriter
	missing bool
}

// WriteHeader implements http.ResponseWriter.
func (w *appWriter) WriteHeader(status int) {
	if status == http.StatusNotFound {
		w.missing = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *appWriter) Write(p []byte) (int, error) {
	if w.missing {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *appWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// under tells whether a path is one of some folders or in one of them.
func under(p string, folders ...string) bool {
	for _, folder := range folders {
		if p == folder || strings.HasPrefix(p, folder+"/") {
			return true
		}
	}
	return false
}
