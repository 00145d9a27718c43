package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
)

// broken is what a 422 about one field looks like.
func broken(field, pointer, code string) fields {
	f := fields{
		"type": "/problems/invalid-request", "errors.#": 1, "errors.0.field": field, "errors.0.code": code, "errors.0.message": anything{},
		"detail": matching(field),
	}
	if pointer != "" {
		f["errors.0.pointer"] = pointer
	}
	return f
}

func accessScenarios() []scenario {
	bearer := func(v string) http.Header { return http.Header{"Authorization": {v}} }
	list := scenario{method: "GET", path: "/api/v1/connections?limit=1"}
	with := func(name string, status int, change func(*scenario)) scenario {
		s := list
		s.name, s.status = name, status
		change(&s)
		return s
	}
	return []scenario{
		with("no key", 401, func(s *scenario) {
			s.want = fields{"type": "/problems/unauthenticated", "status": 401, "request_id": anything{}}
			s.wantHeader = map[string]string{"WWW-Authenticate": `Bearer realm="tributary"`, "Cache-Control": "no-store"}
		}),
		with("a wrong key", 401, func(s *scenario) {
			s.header = bearer("Bearer trb_admin_wrong")
			s.wantHeader = map[string]string{"WWW-Authenticate": `error="invalid_token"`}
		}),
		with("another scheme", 401, func(s *scenario) { s.header = bearer("Digest " + adminKey) }),
		with("the scheme in lower case", 200, func(s *scenario) { s.header = bearer("bearer " + adminKey) }),
		with("Basic with the key as password", 200, func(s *scenario) {
			r := http.Request{Header: http.Header{}}
			r.SetBasicAuth("anybody", adminKey)
			s.header = r.Header
		}),
		with("Basic with the key as user", 401, func(s *scenario) {
			r := http.Request{Header: http.Header{}}
			r.SetBasicAuth(adminKey, "")
			s.header = r.Header
		}),
		with("a viewer sees no connections", 403, func(s *scenario) {
			s.role = access.Viewer
			s.want = fields{"type": "/problems/forbidden", "detail": "This needs the role analyst; the key has the role viewer."}
		}),
		{
			name: "an analyst sees no webhook URLs", role: access.Analyst, method: "GET", path: "/api/v1/connections/{id}", status: 200,
			want: fields{"id": "{id}", "webhook_url": nil, "previous_webhook_urls.#": 0},
			setup: func(t *testing.T, e *env, d *connection.Detail) {
				if _, err := e.connections.Rotate(t.Context(), d.ID, time.Hour); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "an analyst changes nothing", role: access.Analyst, method: "DELETE", path: "/api/v1/connections/{id}", status: 403,
			after: func(t *testing.T, e *env, d connection.Detail, _ any) {
				if _, err := e.connections.Get(t.Context(), d.ID); err != nil {
					t.Errorf("the connection: %v", err)
				}
			},
		},
	}
}

func creationScenarios() []scenario {
	const path = "/api/v1/connections"
	create := func(name, body string, status int, want fields) scenario {
		return scenario{name: name, role: access.Admin, method: "POST", path: path, body: body, status: status, want: want}
	}
	return []scenario{
		{
			name: "create", role: access.Admin, method: "POST", path: path, status: 201,
			body: `{"name": " CRM Leads ", "event_source": "Pipedrive", "event_object": "Lead <&> ü"}`,
			want: fields{
				"id": anything{}, "name": "CRM Leads", "event_source": "Pipedrive", "event_object": "Lead <&> ü", "allow_anonymous": false,
				"status": "awaiting_data", "events_received": 0, "first_event_at": nil, "last_event_at": nil, "created_at": anything{},
				"webhook_url": matching("https://events.example.com/collector/webhook_event/"),
			},
			wantHeader: map[string]string{"Location": "/api/v1/connections/"},
			after: func(t *testing.T, e *env, _ connection.Detail, body any) {
				webhook, _ := lookUp(body, "webhook_url")
				token := webhook.(string)[strings.LastIndexByte(webhook.(string), '/')+1:]
				target, ok := e.connections.Registry().Lookup(token, time.Now())
				if id, _ := lookUp(body, "id"); !ok || target.ID().String() != id {
					t.Errorf("the webhook URL leads nowhere: %s", webhook)
				}
			},
		},
		create("create for anonymous events", `{"name": "n", "event_source": "s", "event_object": "o", "allow_anonymous": true}`, 201,
			fields{"allow_anonymous": true}),
		create("everything missing", `{}`, 422, fields{
			"errors.#": 3, "detail": "3 fields break a rule; errors lists them.", "errors.0.field": "name", "errors.0.pointer": "/name",
			"errors.1.code": "required", "errors.2.message": "is required",
		}),
		create("null is missing", `{"name": null, "event_source": "s", "event_object": "o"}`, 422, broken("name", "/name", "required")),
		create("blank", `{"name": "  ", "event_source": "s", "event_object": "o"}`, 422, broken("name", "/name", "required")),
		create("too long", `{"name": "`+strings.Repeat("ü", 201)+`", "event_source": "s", "event_object": "o"}`, 422, broken("name", "/name", "max")),
		create("as long as may be", `{"name": "`+strings.Repeat("ü", 200)+`", "event_source": "s", "event_object": "o"}`, 201, nil),
		create("a line break", `{"name": "a\nb", "event_source": "s", "event_object": "o"}`, 422, broken("name", "/name", "printable")),
	}
}

func bodyScenarios() []scenario {
	body := func(name, text string, status int, want fields) scenario {
		return scenario{name: name, role: access.Admin, method: "POST", path: "/api/v1/connections", body: text, status: status, want: want}
	}
	const good = `{"name": "n", "event_source": "s", "event_object": "o"`
	return []scenario{
		body("unknown fields are all named", good+`, "b/~c": 1, "Name": 2}`, 422, fields{
			"errors.#": 2, "errors.0.field": "Name", "errors.1.field": "b/~c", "errors.1.pointer": "/b~1~0c", "errors.1.code": "unknown",
		}),
		body("a wrong type", `{"name": {"x": 1}, "event_source": "s", "event_object": "o"}`, 422, broken("name", "/name", "type")),
		body("a wrong type of a flag", good+`, "allow_anonymous": "yes"}`, 422, fields{"errors.0.message": "must be true or false"}),
		body("a field twice", good+`, "name": "m"}`, 422, broken("name", "/name", "duplicate")),
		body("an array", `[]`, 422, fields{"errors.0.message": "must be an object", "errors.0.pointer": absent{}}),
		body("cut short", good, 400, fields{"type": "/problems/malformed-body", "detail": matching("line 1, column 55 (byte 54)")}),
		body("no JSON", "{\n \"name\": nonsense}", 400, fields{"detail": matching("line 2, column 11")}),
		body("something behind", good+`} {}`, 400, fields{"type": "/problems/malformed-body"}),
		body("invalid UTF-8", "{\"name\": \"\xff\", \"event_source\": \"s\", \"event_object\": \"o\"}", 400, fields{"detail": matching("UTF-8")}),
		body("a lone surrogate", `{"name": "\ud800", "event_source": "s", "event_object": "o"}`, 400, nil),
		body("too large", `{"name": "`+strings.Repeat("x", 1<<20)+`"}`, 413, fields{"type": "/problems/body-too-large", "detail": matching("1048576")}),
		{
			name: "another content type", role: access.Admin, method: "POST", path: "/api/v1/connections", body: good + "}", status: 415,
			header: http.Header{"Content-Type": {"text/plain"}}, want: fields{"type": "/problems/unsupported-media-type"},
		},
		{
			name: "parameters of the content type", role: access.Admin, method: "POST", path: "/api/v1/connections", body: good + "}", status: 201,
			header: http.Header{"Content-Type": {"Application/JSON; charset=utf-8"}},
		},
		{name: "no body", role: access.Admin, method: "POST", path: "/api/v1/connections", status: 415},
	}
}

func readingScenarios() []scenario {
	get := func(name, path string, status int, want fields) scenario {
		return scenario{name: name, role: access.Admin, method: "GET", path: path, status: status, want: want}
	}
	return []scenario{
		get("read", "/api/v1/connections/{id}", 200, fields{
			"id": "{id}", "name": "{name}", "status": "awaiting_data", "webhook_url": "https://events.example.com/collector/webhook_event/{token}",
		}),
		{
			name: "read once events have come", role: access.Analyst, method: "GET", path: "/api/v1/connections/{id}", status: 200,
			setup: func(_ *testing.T, e *env, d *connection.Detail) {
				e.connections.Registry().Target(d.ID).Accepted(3, time.UnixMicro(1_767_000_000_123_456))
				e.connections.Registry().Target(d.ID).Accepted(2, time.UnixMicro(1_767_000_009_000_000))
			},
			want: fields{
				"status": "connected", "events_received": 5,
				"first_event_at": "2025-12-29T09:20:00.123456Z", "last_event_at": "2025-12-29T09:20:09Z",
			},
		},
		get("unknown", "/api/v1/connections/"+uuid.NewString(), 404, fields{"type": "/problems/not-found"}),
		get("no id at all", "/api/v1/connections/nonsense", 404, fields{"type": "/problems/not-found"}),
		get("an id in another spelling", "/api/v1/connections/{{id}}", 404, nil),
		get("search", "/api/v1/connections?search={id}", 200, fields{"data.#": 1, "data.0.id": "{id}", "next_cursor": nil}),
		get("search for nothing there", "/api/v1/connections?search=no+such+name", 200, fields{"data.#": 0, "next_cursor": nil}),
		get("a page", "/api/v1/connections?limit=1", 200, fields{"data.#": 1, "data.0.id": "{id}", "next_cursor": anything{}}),
		get("limit 0", "/api/v1/connections?limit=0", 422, broken("limit", "", "range")),
		get("limit of words", "/api/v1/connections?limit=ten", 422, broken("limit", "", "range")),
		get("limit beyond the most", "/api/v1/connections?limit=501", 422, broken("limit", "", "range")),
		get("a cursor of one's own", "/api/v1/connections?cursor=xyz", 422, broken("cursor", "", "invalid")),
		{
			name: "deleted", role: access.Admin, method: "GET", path: "/api/v1/connections/{id}", status: 404,
			setup: func(t *testing.T, e *env, d *connection.Detail) {
				if err := e.connections.Delete(t.Context(), d.ID); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
}
