// Package openapitest holds real requests and answers against the OpenAPI
// document: a client whose every exchange is checked, for tests of any endpoint.
//
// What kin-openapi checks for an OpenAPI 3.1 document, by JSON Schema 2020-12: that
// path, method and status are documented, the answer's content type, its body
// against the schema (types, required and additional members, enums, patterns,
// bounds, formats), the headers that the document requires; and of requests that
// were accepted, their parameters and bodies likewise. Not checked are the bodies of
// streams and the answers to HEAD.
package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/internal/httpapi"
)

// Checker checks exchanges. It is safe for concurrent use.
type Checker struct {
	Doc    *openapi3.T
	router routers.Router
}

// New reads the document of the package httpapi, joined with more documents, and fails
// the test if it is not valid itself.
func New(t testing.TB, more ...[]byte) *Checker {
	t.Helper()
	text, err := httpapi.MergeOpenAPI(httpapi.OpenAPI(), more...)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, text)
}

// CheckRoutes fails the test unless an API's document has exactly its routes: every
// GET as HEAD too, but for streams. It returns a Checker of that document.
func CheckRoutes(t testing.TB, api *httpapi.API) *Checker {
	t.Helper()
	c := read(t, api.OpenAPI())
	var documented []string
	for path, item := range c.Doc.Paths.Map() {
		for method, operation := range item.Operations() {
			documented = append(documented, method+" "+path)
			ok := operation.Responses.Status(http.StatusOK)
			stream := ok != nil && ok.Value.Content["text/event-stream"] != nil
			if method == http.MethodGet && !stream {
				documented = append(documented, "HEAD "+path) // as the document's description says
			}
		}
	}
	routes := api.Routes()
	slices.Sort(routes)
	slices.Sort(documented)
	if diff := cmp.Diff(documented, routes); diff != "" {
		t.Errorf("routes (-documented +there):\n%s", diff)
	}
	return c
}

func read(t testing.TB, text []byte) *Checker {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("load the OpenAPI document: %v", err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatalf("the OpenAPI document is not valid: %v", err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatalf("route by the OpenAPI document: %v", err)
	}
	return &Checker{Doc: doc, router: router}
}

// Client returns a client that fails the test with every exchange that the
// document does not allow. It takes no cookies and follows no redirects.
func (c *Checker) Client(t testing.TB) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     &checking{t: t, checker: c, next: transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type checking struct {
	t       testing.TB
	checker *Checker
	next    http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c *checking) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		var err error
		if sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	var body []byte
	if !isStream(resp) {
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close() // read to its end
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := c.checker.Check(req, sent, resp, body); err != nil {
		c.t.Errorf("%s %s → %d is not as documented: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, body)
	}
	return resp, nil
}

func isStream(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
}

// Check says what in an exchange is not as documented.
func (c *Checker) Check(req *http.Request, sent []byte, resp *http.Response, body []byte) error {
	// Its URL as a server sees it, so that the document's server "/" matches.
	seen := req.Clone(context.Background())
	seen.URL.Scheme, seen.URL.Host, seen.Host = "", "", ""
	seen.Body = io.NopCloser(bytes.NewReader(sent))
	if resp.StatusCode == http.StatusMethodNotAllowed {
		// No operation has this method, so the document can describe the answer with
		// another one of the path alone. All have the same.
		seen.Method, seen.URL.Path = http.MethodPost, "/collector/webhook_event/x"
	}
	if seen.Method == http.MethodHead {
		seen.Method = http.MethodGet
	}
	route, params, err := c.router.FindRoute(seen)
	if resp.StatusCode == http.StatusNotFound && (err != nil || route.Operation.Responses.Status(http.StatusNotFound) == nil) {
		// The router takes a slash at the end for nothing; the server does not.
		return c.checkNotFound(resp)
	}
	if err != nil {
		return fmt.Errorf("find the operation: %w", err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: seen, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		},
	}
	if resp.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return fmt.Errorf("the request was accepted: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options,
	}
	if isStream(resp) || req.Method == http.MethodHead {
		options := *in.Options
		options.ExcludeResponseBody = true
		out.Options = &options
	}
	out.SetBodyBytes(body)
	return openapi3filter.ValidateResponse(context.Background(), out)
}

// checkNotFound is for paths that the document does not know.
func (c *Checker) checkNotFound(resp *http.Response) error {
	if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
		return fmt.Errorf("content type %q of a 404", ct)
	}
	return nil
}
