package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/httpapi/openapitest"
	queryapi "github.com/tributary-events/tributary/query/api"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
)

// Every route is documented, and every documented operation is a route, those of
// other packages included.
func TestDocumentHasExactlyTheRoutes(t *testing.T) {
	for name, change := range map[string]func(*httpapi.Config){
		"alone":       nil,
		"with others": withReports,
		"with the query API": func(c *httpapi.Config) {
			c.Documents = [][]byte{queryapi.OpenAPI()}
			c.Extra = func(api *httpapi.API, v1 gin.IRouter) error {
				return queryapi.Register(v1, queryapi.Config{
					Definitions: &define.Service{}, Reports: &report.Runner{}, SQL: &sqlrun.Runner{}, Catalogue: &catalogue.Store{},
					Connections: func(context.Context) ([]report.Connection, error) { return nil, nil },
					Analyst:     api.Need(access.Analyst), Viewer: api.Need(access.Viewer), Who: api.Who, Allowed: api.Allowed,
				})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			api, err := httpapi.New(stub(change))
			if err != nil {
				t.Fatal(err)
			}
			openapitest.CheckRoutes(t, api)
		})
	}
}

// Each operation lets exactly those roles pass that the document names. Bodies and
// ids are wrong on purpose: what passes is refused for another reason.
func TestDocumentNamesTheRoles(t *testing.T) {
	e := newEnv(t, nil)
	for path, item := range openapitest.New(t, []byte(reportsDocument)).Doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !strings.HasPrefix(path, "/api/") {
				if operation.Security == nil || len(*operation.Security) != 0 {
					t.Errorf("%s %s: the document does not say that it is open", method, path)
				}
				continue
			}
			var need access.Role
			for _, requirement := range *operation.Security {
				for _, roles := range requirement {
					need = access.Role(roles[0])
				}
			}
			target := strings.NewReplacer("{id}", "none", "{request}", "none", "{slug}", "none").Replace(path)
			for _, role := range []access.Role{"", access.Viewer, access.Analyst, access.Admin} {
				resp, _ := e.do(t, e.secrets[role], method, target, "", nil)
				denied := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden
				if allowed := role.Includes(need); denied == allowed {
					t.Errorf("%s %s as %q: %d, the document needs %s", method, path, role, resp.StatusCode, need)
				}
			}
		}
	}
}

// The checker must find what is wrong, or all other tests prove nothing.
func TestCheckerFindsDeviations(t *testing.T) {
	c := openapitest.New(t)
	const connection = `{"id":"7d0f4f0a-6a55-4a8e-9b1b-0c8f4f3f1a11","name":"n","event_source":"s","event_object":"o",
		"allow_anonymous":false,"retention_days":null,"status":"connected","webhook_url":null,"previous_webhook_urls":[],
		"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z","events_received":1,"first_event_at":null,"last_event_at":null}`
	const unauthenticated = `{"type":"/problems/unauthenticated","title":"t","status":401,"detail":"d","request_id":"r"}`
	tests := []struct {
		name, method, path, sent string
		status                   int
		contentType, body        string
		header                   map[string]string
		ok                       bool
	}{
		{name: "right", method: "GET", path: "/api/v1/connections/x", status: 200, body: connection, ok: true},
		{name: "a member too many", method: "GET", path: "/api/v1/connections/x", status: 200, body: strings.Replace(connection, "{", `{"x":1,`, 1)},
		{name: "a member too few", method: "GET", path: "/api/v1/connections/x", status: 200, body: strings.Replace(connection, `"name":"n",`, "", 1)},
		{name: "an unknown status of a connection", method: "GET", path: "/api/v1/connections/x", status: 200, body: strings.Replace(connection, "connected", "broken", 1)},
		{name: "null where none may be", method: "GET", path: "/api/v1/connections/x", status: 200, body: strings.Replace(connection, `"n"`, "null", 1)},
		{name: "no date-time", method: "GET", path: "/api/v1/connections/x", status: 200, body: strings.Replace(connection, "2026-01-01T", "tomorrow ", 1)},
		{name: "another content type", method: "GET", path: "/api/v1/connections/x", status: 200, contentType: "text/html", body: connection},
		{name: "an undocumented status", method: "GET", path: "/api/v1/connections/x", status: 202, body: connection},
		{name: "no request id", method: "GET", path: "/api/v1/connections/x", status: 200, body: connection, header: map[string]string{"X-Request-Id": ""}},
		{name: "401 with its header", method: "GET", path: "/api/v1/keys", status: 401, contentType: "application/problem+json", body: unauthenticated, header: map[string]string{"Www-Authenticate": "Bearer"}, ok: true},
		{name: "401 without its header", method: "GET", path: "/api/v1/keys", status: 401, contentType: "application/problem+json", body: unauthenticated},
		{name: "405 without Allow", method: "PUT", path: "/api/v1/keys", status: 405, contentType: "application/problem+json", body: strings.ReplaceAll(unauthenticated, "401", "405")},
		{name: "an unknown path that succeeds", method: "GET", path: "/api/v1/nothing", status: 200, body: "{}"},
		{name: "HTML for an unknown path", method: "GET", path: "/api/v1/nothing", status: 404, contentType: "text/html", body: "<html>"},
		{name: "an accepted request that is wrong", method: "POST", path: "/api/v1/connections", sent: `{"name":1,"event_source":"s","event_object":"o"}`, status: 201, body: connection, header: map[string]string{"Location": "/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, "http://127.0.0.1"+tt.path, strings.NewReader(tt.sent))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			resp := &http.Response{StatusCode: tt.status, Header: http.Header{}}
			resp.Header.Set("Content-Type", "application/json")
			resp.Header.Set("X-Request-ID", "r")
			if tt.contentType != "" {
				resp.Header.Set("Content-Type", tt.contentType)
			}
			for name, value := range tt.header {
				resp.Header.Del(name)
				if value != "" {
					resp.Header.Set(name, value)
				}
			}
			if err := c.Check(req, []byte(tt.sent), resp, []byte(tt.body)); (err == nil) != tt.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

// The addresses in the document and the catalogue of problems must exist.
func TestProblemPages(t *testing.T) {
	s := serve(t, stub(nil), httpapi.ServerConfig{})
	resp, err := s.client.Get(s.url + "/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(httpapi.OpenAPI()) {
		t.Error("/openapi.yaml is not the document")
	}
	// What a problem's type points to explains it.
	_, doc := s.do(t, "", "GET", "/api/v1/keys", "", nil)
	base, err := url.Parse(s.url + "/api/v1/keys")
	if err != nil {
		t.Fatal(err)
	}
	page, err := base.Parse(doc.(map[string]any)["type"].(string))
	if err != nil {
		t.Fatal(err)
	}
	resp, explained := s.do(t, "", "GET", page.Path, "", nil)
	if resp.StatusCode != 200 || !strings.Contains(explained.(string), "Authorization: Bearer KEY") {
		t.Errorf("%s: %d %v", page, resp.StatusCode, explained)
	}
}
