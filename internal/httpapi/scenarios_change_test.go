package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
)

func changeScenarios() []scenario {
	patch := func(name, body string, status int, want fields) scenario {
		return scenario{name: name, role: access.Admin, method: "PATCH", path: "/api/v1/connections/{id}", body: body, status: status, want: want}
	}
	paused := func(want bool) func(*testing.T, *env, connection.Detail, any) {
		return func(t *testing.T, e *env, d connection.Detail, _ any) {
			if got := e.connections.Registry().Target(d.ID).Paused(); got != want {
				t.Errorf("paused: %t", got)
			}
		}
	}
	pause := func(t *testing.T, e *env, d *connection.Detail) {
		yes := true
		if _, err := e.connections.Update(t.Context(), d.ID, connection.Patch{Paused: &yes}); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func(name, body string, status int, want fields) scenario {
		s := patch(name, body, status, want)
		s.method, s.path = "POST", s.path+"/rotate"
		return s
	}
	// tokens checks which tokens work after a rotation.
	tokens := func(oldWorks bool) func(*testing.T, *env, connection.Detail, any) {
		return func(t *testing.T, e *env, d connection.Detail, body any) {
			webhook, _ := lookUp(body, "webhook_url")
			if strings.HasSuffix(webhook.(string), d.Token) {
				t.Error("the URL is the same")
			}
			if _, ok := e.connections.Registry().Lookup(d.Token, time.Now()); ok != oldWorks {
				t.Errorf("the old token works: %t", ok)
			}
		}
	}
	all := []scenario{
		patch("rename", `{"name": "new", "event_object": "Lead"}`, 200, fields{"name": "new", "event_object": "Lead", "event_source": "Stripe", "id": "{id}"}),
		patch("an empty patch", `{}`, 200, fields{"name": "{name}"}),
		patch("allow anonymous", `{"allow_anonymous": true}`, 200, fields{"allow_anonymous": true, "name": "{name}"}),
		patch("an empty name", `{"name": ""}`, 422, broken("name", "/name", "required")),
		patch("an unknown status", `{"status": "broken"}`, 422, broken("status", "/status", "oneof")),
		patch("a contradiction", `{"status": "paused", "paused": false}`, 422, broken("status", "/status", "contradiction")),
		patch("what cannot be set", `{"webhook_url": "x"}`, 422, broken("webhook_url", "/webhook_url", "unknown")),
		rotate("rotate with a grace", `{"grace": "90m"}`, 200, fields{
			"previous_webhook_urls.#": 1, "previous_webhook_urls.0.webhook_url": matching("/collector/webhook_event/"), "previous_webhook_urls.0.expires_at": anything{},
		}),
		rotate("rotate without a body", ``, 200, fields{"previous_webhook_urls.#": 1}),
		rotate("rotate with days", `{"grace": "7d"}`, 200, fields{"previous_webhook_urls.#": 1}),
		rotate("rotate at once", `{"grace": "0s"}`, 200, fields{"previous_webhook_urls.#": 0}),
		rotate("a grace of words", `{"grace": "a day"}`, 422, broken("grace", "/grace", "duration")),
		rotate("a grace of numbers", `{"grace": 24}`, 422, broken("grace", "/grace", "type")),
		rotate("a grace in the past", `{"grace": "-1h"}`, 422, broken("grace", "/grace", "range")),
		rotate("a grace for ever", `{"grace": "9999d"}`, 422, broken("grace", "/grace", "range")),
	}
	for i := range all {
		switch all[i].name {
		case "rotate with a grace", "rotate without a body", "rotate with days":
			all[i].after = tokens(true)
		case "rotate at once":
			all[i].after = tokens(false)
		}
	}
	for _, body := range []string{`{"paused": true}`, `{"status": "paused"}`} {
		s := patch("pause by "+body, body, 200, fields{"status": "paused"})
		s.after = paused(true)
		all = append(all, s)
	}
	for _, body := range []string{`{"paused": false}`, `{"status": "connected"}`} {
		s := patch("resume by "+body, body, 200, fields{"status": "awaiting_data"})
		s.setup, s.after = pause, paused(false)
		all = append(all, s)
	}
	unknown := patch("patch of nothing", `{}`, 404, nil)
	unknown.path = "/api/v1/connections/" + uuid.NewString()
	gone := scenario{name: "delete of nothing", role: access.Admin, method: "DELETE", path: unknown.path, status: 404}
	remove := scenario{
		name: "delete", role: access.Admin, method: "DELETE", path: "/api/v1/connections/{id}", status: 204,
		after: func(t *testing.T, e *env, d connection.Detail, body any) {
			if _, ok := e.connections.Registry().Lookup(d.Token, time.Now()); ok || body != "" {
				t.Errorf("the token works: %t; body %q", ok, body)
			}
		},
	}
	return append(all, unknown, gone, remove)
}

func keyScenarios() []scenario {
	create := func(name, body string, status int, want fields) scenario {
		return scenario{name: name, role: access.Admin, method: "POST", path: "/api/v1/keys", body: body, status: status, want: want}
	}
	made := create("create a key", `{"name": "Grafana", "role": "viewer", "expires_at": "2200-01-01T01:00:00+01:00"}`, 201, fields{
		"name": "Grafana", "role": "viewer", "key": matching("trb_viewer_"), "id": anything{}, "expires_at": "2200-01-01T00:00:00Z",
	})
	made.wantHeader = map[string]string{"Location": "/api/v1/keys/"}
	made.after = func(t *testing.T, e *env, _ connection.Detail, body any) {
		secret, _ := lookUp(body, "key")
		if key, err := e.keys.Authenticate(secret.(string)); err != nil || key.Role != access.Viewer {
			t.Errorf("the key: %+v, %v", key, err)
		}
		// It goes on working after a restart, from the store alone.
		again, err := access.New(access.Config{Store: access.NewTable(e.conn), AdminKey: adminKey})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := again.Authenticate(secret.(string))
		want := access.Key{ID: got.ID, Name: "Grafana", Role: access.Viewer, CreatedAt: got.CreatedAt, ExpiresAt: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
		if diff := cmp.Diff(want, got); err != nil || diff != "" || time.Since(got.CreatedAt) > time.Minute {
			t.Errorf("after a restart: %v\n%s", err, diff)
		}
		_, listed := e.do(t, adminKey, "GET", "/api/v1/keys", "", nil)
		if text := fmt.Sprint(listed); strings.Contains(text, secret.(string)) || !strings.Contains(text, "Grafana") {
			t.Errorf("the list: %s", text)
		}
		id, _ := lookUp(body, "id")
		if resp, _ := e.do(t, adminKey, "DELETE", "/api/v1/keys/"+id.(string), "", nil); resp.StatusCode != 204 {
			t.Errorf("delete: %d", resp.StatusCode)
		}
		if resp, _ := e.do(t, secret.(string), "GET", "/api/v1/keys", "", nil); resp.StatusCode != 401 {
			t.Errorf("the deleted key: %d", resp.StatusCode)
		}
	}
	return []scenario{
		made,
		create("a key for ever", `{"name": "n", "role": "analyst"}`, 201, fields{"expires_at": nil}),
		create("a key without anything", `{}`, 422, fields{"errors.#": 2}),
		create("an unknown role", `{"name": "n", "role": "owner"}`, 422, fields{
			"errors.0.pointer": "/role", "errors.0.message": "must be one of admin, analyst, viewer",
		}),
		create("a key of the past", `{"name": "n", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}`, 422, broken("expires_at", "/expires_at", "gt")),
		create("no time", `{"name": "n", "role": "viewer", "expires_at": "tomorrow"}`, 422, broken("expires_at", "/expires_at", "type")),
		create("a name of two lines", `{"name": "a\nb", "role": "viewer"}`, 422, broken("name", "/name", "oneline")),
		{name: "delete no key", role: access.Admin, method: "DELETE", path: "/api/v1/keys/" + uuid.NewString(), status: 404},
		{name: "an analyst makes no keys", role: access.Analyst, method: "POST", path: "/api/v1/keys", body: `{"name": "n", "role": "admin"}`, status: 403},
	}
}

func pathScenarios() []scenario {
	all := []scenario{
		{name: "landing", method: "GET", path: "/", status: 200, want: fields{"name": "tributary", "openapi": "/openapi.yaml"}},
		{name: "livez", method: "GET", path: "/livez", status: 200, want: fields{"status": "alive"}},
		{name: "HEAD", method: "HEAD", path: "/livez", status: 200},
		{name: "metrics", method: "GET", path: "/metrics", status: 200},
		{name: "an unknown kind of problem", method: "GET", path: "/problems/none", status: 404},
		{name: "the ingest stand-in", method: "POST", path: "/collector/webhook_event/x", body: `[]`, status: 201, want: fields{"received": 0}},
		{
			name: "a wrong method for ingest", method: "GET", path: "/collector/webhook_event/x", status: 405,
			want: fields{"type": "/problems/method-not-allowed"}, wantHeader: map[string]string{"Allow": "POST"},
		},
		{name: "OPTIONS", method: "OPTIONS", path: "/api/v1/keys", status: 405, wantHeader: map[string]string{"Allow": "POST"}},
		{name: "a wrong method for the API, without a key", method: "PUT", path: "/api/v1/connections/{id}", status: 405, wantHeader: map[string]string{"Allow": "PATCH"}},
		{name: "a wrong method for health", method: "POST", path: "/readyz", status: 405, wantHeader: map[string]string{"Allow": "GET"}},
		{name: "a wrong method for the landing", method: "POST", path: "/", body: "x", status: 405, wantHeader: map[string]string{"Allow": "GET"}},
	}
	for _, path := range []string{
		"/api", "/api/", "/api/v1", "/api/v2/connections", "/api/v1/connections/", "/api/v1/connections/{id}/nothing", "/collector", "/collector/webhook_event",
		"/collector/webhook_event/", "/collector/webhook_event/a/b", "/assets/app.js", "/problems", "/nothing", "/livez/", "/index.html",
	} {
		all = append(all, scenario{
			name: "unknown path " + path, method: "GET", path: path, status: 404, want: fields{"type": "/problems/not-found", "status": 404},
		})
	}
	return all
}
