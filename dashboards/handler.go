package dashboards

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// noncePlaceholder is what the build writes where the nonce belongs (html.cspNonce
// in vite.config.ts).
const noncePlaceholder = "__CSP_NONCE__"

// pages are the first path segments of the app's own addresses (src/app/routes.tsx).
var pages = []string{
	"sign-in", "connections", "explore", "definitions", "dashboards", "sql", "people", "operate", "access", "shared",
}

// Handler serves the app. It is safe for concurrent use.
type Handler struct {
	index []byte // nil if the app was not built
	files map[string]*file
}

type file struct {
	contentType  string
	cacheControl string
	plain        []byte
	brotli, gzip []byte // nil where the build made none
}

// New returns a handler of the app's files, as Files returns them; nil is an app that
// was not built. All of them are read once: nothing is opened or compressed while a
// request is answered.
func New(app fs.FS) (*Handler, error) {
	h := &Handler{files: map[string]*file{}}
	if app == nil {
		return h, nil
	}
	err := fs.WalkDir(app, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return h.add(app, name)
	})
	if err != nil {
		return nil, fmt.Errorf("read web app: %w", err)
	}
	return h, nil
}

func (h *Handler) add(app fs.FS, name string) error {
	content, err := fs.ReadFile(app, name)
	if err != nil {
		return err
	}
	if name == "index.html" {
		h.index = content
		return nil
	}
	base, encoding := name, ""
	if ext := path.Ext(name); ext == ".br" || ext == ".gz" {
		base, encoding = strings.TrimSuffix(name, ext), ext
	}
	f := h.files[base]
	if f == nil {
		f = &file{contentType: contentType(base), cacheControl: "no-cache"}
		// Only the build's own folder has hashed names.
		if strings.HasPrefix(base, "assets/") {
			f.cacheControl = "public, max-age=31536000, immutable"
		}
		h.files[base] = f
	}
	switch encoding {
	case ".br":
		f.brotli = content
	case ".gz":
		f.gzip = content
	default:
		f.plain = content
	}
	return nil
}

// contentType does not ask the machine's own table, which differs from one to the next.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		if t := mime.TypeByExtension(path.Ext(name)); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// ServeHTTP answers GET and HEAD: a file of the app, index.html for the app's pages,
// 404 for anything else.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This path takes GET.", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if f, ok := h.files[name]; ok && f.plain != nil {
		f.serve(w, r)
		return
	}
	if !isPage(name) {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is nothing at this path.", http.StatusNotFound)
		return
	}
	h.servePage(w, r)
}

func isPage(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return name == "" || slices.Contains(pages, first)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", f.cacheControl)
	header.Set("X-Content-Type-Options", "nosniff")
	body := f.plain
	if f.brotli != nil || f.gzip != nil {
		header.Set("Vary", "Accept-Encoding")
		accepted := r.Header.Values("Accept-Encoding")
		switch {
		case f.brotli != nil && accepts(accepted, "br"):
			header.Set("Content-Encoding", "br")
			body = f.brotli
		case f.gzip != nil && accepts(accepted, "gzip"):
			header.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	send(w, r, http.StatusOK, body)
}

// accepts tells whether Accept-Encoding (RFC 9110 section 12.5.3) names a coding
// with a weight above zero. A wildcard is not taken as a yes: the plain form is
// always right.
func accepts(values []string, coding string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
			if !strings.EqualFold(strings.TrimSpace(name), coding) {
				continue
			}
			weight, found := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
			if !found {
				return true
			}
			q, err := strconv.ParseFloat(weight, 64)
			return err == nil && q > 0
		}
	}
	return false
}

// policy is the Content-Security-Policy of the app's pages. Styles need the nonce:
// the component library and the editor write style elements at run time. Images
// may be data: URLs because the editor draws some marks so.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; " +
		"font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func (h *Handler) servePage(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	if h.index == nil {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		send(w, r, http.StatusServiceUnavailable,
			[]byte("This binary was built without the web app. \"make build\" builds both. The API works: see /openapi.yaml.\n"))
		return
	}
	var random [18]byte
	_, _ = rand.Read(random[:]) // never fails
	nonce := base64.StdEncoding.EncodeToString(random[:])
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy(nonce))
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	send(w, r, http.StatusOK, bytes.ReplaceAll(h.index, []byte(noncePlaceholder), []byte(nonce)))
}

func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever went away needs no answer
	}
}
