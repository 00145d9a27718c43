package httpapi_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tributary-events/tributary/dashboards"
	"github.com/tributary-events/tributary/internal/httpapi"
)

// With the app mounted its pages are found under any path, and nothing that is
// not there looks like success.
func TestApp(t *testing.T) {
	app, err := dashboards.New(fstest.MapFS{
		"index.html":            {Data: []byte(`<!doctype html><meta nonce="__CSP_NONCE__">`)},
		"assets/app-1a2b3c.js":  {Data: []byte("let x")},
		"favicon.svg":           {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
		"assets/deep/style.css": {Data: []byte("a{}")},

		"assets/app-1a2b3c.js.br": {Data: []byte("brotli")},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, stub(func(c *httpapi.Config) { c.App = app }), httpapi.ServerConfig{})
	const page, asset = "no-cache", "immutable"
	tests := []struct {
		method, path string
		status       int
		contentType  string
		cache        string
	}{
		{"GET", "/", 200, "text/html", page},
		{"HEAD", "/", 200, "text/html", page},
		{"GET", "/index.html", 404, "application/problem+json", "no-store"},
		{"GET", "/connections/7?tab=live", 200, "text/html", page},
		{"HEAD", "/explore", 200, "text/html", page},
		{"GET", "/apiary", 404, "application/problem+json", "no-store"},
		{"HEAD", "/apiary", 404, "application/problem+json", "no-store"},
		{"GET", "/assets/app-1a2b3c.js", 200, "text/javascript", asset},
		{"GET", "/assets/deep/style.css", 200, "text/css", asset},
		{"GET", "/favicon.svg", 200, "image/svg+xml", page},
		{"GET", "/assets/app-old.js", 404, "application/problem+json", "no-store"},
		{"GET", "/assets", 404, "application/problem+json", "no-store"},
		{"GET", "/assets/", 404, "application/problem+json", "no-store"},
		{"GET", "/favicon.ico", 404, "application/problem+json", "no-store"},
		{"GET", "/assets/../../../etc/passwd.txt", 404, "application/problem+json", "no-store"},
		{"GET", "/api", 404, "application/problem+json", "no-store"},
		{"GET", "/api/v1/nothing", 404, "application/problem+json", "no-store"},
		{"GET", "/collector/x", 404, "application/problem+json", "no-store"},
		{"GET", "//api/x", 404, "application/problem+json", "no-store"},
		{"GET", "/pages/../api/x", 404, "application/problem+json", "no-store"},
		{"GET", "/collector/webhook_event/", 404, "application/problem+json", "no-store"},
		{"GET", "/assets/app-1a2b3c.js.br", 404, "application/problem+json", "no-store"},
		{"GET", "/assets/deep", 404, "application/problem+json", "no-store"},
		{"GET", "/problems/x", 404, "application/problem+json", "no-store"},
		{"POST", "/connections", 405, "application/problem+json", "no-store"},
		{"DELETE", "/", 405, "application/problem+json", "no-store"},
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}} // pages of the app are not in the API's document
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, s.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.HasPrefix(resp.Header.Get("Content-Type"), tt.contentType) ||
				!strings.Contains(resp.Header.Get("Cache-Control"), tt.cache) {
				t.Errorf("%d %s, %s: %s", resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Cache-Control"), body)
			}
			if tt.status == 405 && !strings.Contains(resp.Header.Get("Allow"), "GET") {
				t.Errorf("Allow: %q", resp.Header.Get("Allow"))
			}
			// Each page's policy names its own nonce, and allows nothing inline without it.
			policy := resp.Header.Get("Content-Security-Policy")
			if _, rest, ok := strings.Cut(policy, "'nonce-"); ok && tt.method == http.MethodGet {
				nonce, _, _ := strings.Cut(rest, "'")
				if !strings.Contains(string(body), `nonce="`+nonce+`"`) || strings.Contains(policy, "unsafe") {
					t.Errorf("policy %s of %s", policy, body)
				}
			}
			if own := strings.Contains(policy, "'self'"); own != strings.HasPrefix(tt.contentType, "text/html") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("policy %q, %v", policy, resp.Header)
			}
		})
	}
}
