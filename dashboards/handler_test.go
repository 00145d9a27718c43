package dashboards

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func app() fstest.MapFS {
	return fstest.MapFS{
		"index.html":         {Data: []byte(`<meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/assets/a-1.js" nonce="__CSP_NONCE__"></script>`)},
		"theme.js":           {Data: []byte("plain theme")},
		"assets/a-1.js":      {Data: []byte("plain script")},
		"assets/a-1.js.br":   {Data: []byte("brotli script")},
		"assets/a-1.js.gz":   {Data: []byte("gzip script")},
		"assets/logo-2.webp": {Data: []byte("picture")},
	}
}

func get(t *testing.T, files fs.FS, method, path, encoding string) *http.Response {
	t.Helper()
	h, err := New(files)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(b.String(), "\r\n\r\n")
	return text
}

func TestPathsThatAreNotPagesAre404(t *testing.T) {
	for _, path := range []string{
		"/api/v1/nothing", "/assets/missing.js", "/assets/", "/assets/a-1.js.br", "/collector/webhook_event/x", "/nowhere",
		"/index.html", "/favicon.ico", "/connectionsx", "//connections",
	} {
		res := get(t, app(), http.MethodGet, path, "")
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, res.StatusCode)
		}
		if strings.Contains(body(t, res), "<script") {
			t.Errorf("GET %s answers with the app's HTML", path)
		}
	}
}

func TestPagesCarryAFreshNonce(t *testing.T) {
	nonces := map[string]bool{}
	for _, path := range []string{"/", "/connections", "/connections/x/live", "/shared/weekly", "/sign-in"} {
		res := get(t, app(), http.MethodGet, path, "br")
		if res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("GET %s: status %d, Cache-Control %q", path, res.StatusCode, res.Header.Get("Cache-Control"))
		}
		found := regexp.MustCompile(`'nonce-([A-Za-z0-9+/=]+)'`).FindStringSubmatch(res.Header.Get("Content-Security-Policy"))
		if found == nil {
			t.Fatalf("GET %s: no nonce in %q", path, res.Header.Get("Content-Security-Policy"))
		}
		if text := body(t, res); strings.Count(text, `nonce="`+found[1]+`"`) != 2 {
			t.Errorf("GET %s: the page lacks the nonce %s: %s", path, found[1], text)
		}
		nonces[found[1]] = true
	}
	if len(nonces) != 5 {
		t.Errorf("5 answers had %d nonces", len(nonces))
	}
}

func TestPolicyAllowsNoInlineScript(t *testing.T) {
	csp := policy("abc")
	for _, bad := range []string{"unsafe-inline", "unsafe-eval", "http:", "https:", "*"} {
		if strings.Contains(csp, bad) {
			t.Errorf("policy %q holds %s", csp, bad)
		}
	}
	if !strings.Contains(csp, "script-src 'self';") {
		t.Errorf("policy %q: scripts may come from elsewhere", csp)
	}
}

func TestFilesAreSentInTheBestFormAccepted(t *testing.T) {
	for _, tc := range []struct{ accept, encoding, body string }{
		{"gzip, deflate, br", "br", "brotli script"},
		{"gzip", "gzip", "gzip script"},
		{"BR", "br", "brotli script"},
		{"br;q=0, gzip;q=0.5", "gzip", "gzip script"},
		{"br; q=0", "", "plain script"},
		{"*", "", "plain script"},
		{"", "", "plain script"},
		{"identity", "", "plain script"},
	} {
		res := get(t, app(), http.MethodGet, "/assets/a-1.js", tc.accept)
		if res.Header.Get("Content-Encoding") != tc.encoding || body(t, res) != tc.body {
			t.Errorf("Accept-Encoding %q: got %q", tc.accept, res.Header.Get("Content-Encoding"))
		}
		if res.Header.Get("Vary") != "Accept-Encoding" || res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("Accept-Encoding %q: headers %v", tc.accept, res.Header)
		}
	}
}

func TestOnlyHashedNamesAreKeptForEver(t *testing.T) {
	for path, want := range map[string]string{
		"/assets/a-1.js":      "public, max-age=31536000, immutable",
		"/assets/logo-2.webp": "public, max-age=31536000, immutable",
		"/theme.js":           "no-cache",
	} {
		if got := get(t, app(), http.MethodGet, path, "").Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
	}
}

func TestHeadHasNoBodyAndOthersAreRefused(t *testing.T) {
	if res := get(t, app(), http.MethodHead, "/assets/a-1.js", ""); res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") != "12" {
		t.Errorf("HEAD: %d, length %q", res.StatusCode, res.Header.Get("Content-Length"))
	}
	res := get(t, app(), http.MethodPost, "/connections", "")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
}

func TestBinaryWithoutTheAppSaysSo(t *testing.T) {
	res := get(t, nil, http.MethodGet, "/", "")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body(t, res), "make build") {
		t.Errorf("status %d", res.StatusCode)
	}
	if res := get(t, nil, http.MethodGet, "/assets/a.js", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("missing file: status %d", res.StatusCode)
	}
}

func TestEmbeddedFilesCanBeServed(t *testing.T) {
	if _, err := New(Files()); err != nil {
		t.Error(err)
	}
}

// The app's router and this package must agree about what is a page.
func TestPagesAreTheRoutersPages(t *testing.T) {
	source, err := os.ReadFile("src/app/routes.tsx")
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, m := range regexp.MustCompile(`path: '/?([a-z-]+)[/']`).FindAllStringSubmatch(string(source), -1) {
		if !slices.Contains(routes, m[1]) {
			routes = append(routes, m[1])
		}
	}
	slices.Sort(routes)
	known := slices.Sorted(slices.Values(pages))
	if !slices.Equal(routes, known) {
		t.Errorf("router has %v, handler %v", routes, known)
	}
}
