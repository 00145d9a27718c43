package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/httpapi"
)

// savedReports has the reports revenue and orders, and private, which no dashboard of
// the tests shows.
type savedReports struct{}

func (savedReports) Get(_ context.Context, slug string) (json.RawMessage, bool, error) {
	switch slug {
	case "revenue", "orders", "private":
		return json.RawMessage(fmt.Sprintf(`{"slug":%q}`, slug)), true, nil
	}
	return nil, false, nil
}

// withReports adds stand-ins for the endpoints of reports, at their paths.
func withReports(cfg *httpapi.Config) {
	cfg.Documents = [][]byte{[]byte(reportsDocument)}
	cfg.Extra = func(api *httpapi.API, v1 gin.IRouter) error {
		answer := func(c *gin.Context) {
			status := http.StatusOK
			if !api.Allowed(c, c.Param("slug")) {
				status = http.StatusTeapot // Need should have let nothing pass that comes here
			}
			c.JSON(status, gin.H{"slug": c.Param("slug"), "who": api.Who(c)})
		}
		for _, path := range []string{"/reports", "/reports/:slug", "/reports/:slug/data"} {
			v1.GET(path, api.Need(access.Viewer), answer)
			v1.HEAD(path, api.Need(access.Viewer), answer)
		}
		v1.POST("/reports/query", api.Need(access.Viewer), answer)
		return nil
	}
}

const reportsDocument = `
openapi: 3.1.1
info: {title: Reports, version: "1"}
security: [{bearer: [viewer]}, {basic: [viewer]}]
tags:
  - {name: reports}
  - {name: keys}
paths:
  /api/v1/reports: {get: {operationId: listReports, tags: [reports], responses: &answers {"200": &ok {description: A report., content: {application/json: {schema: {$ref: '#/components/schemas/AnyReport'}}}}, "401": {$ref: '#/components/responses/Unauthenticated'}, "403": {$ref: '#/components/responses/Forbidden'}, "503": {$ref: '#/components/responses/Unavailable'}}}}
  /api/v1/reports/query: {post: {operationId: queryReport, responses: *answers}}
  /api/v1/reports/{slug}:
    parameters: [{name: slug, in: path, required: true, schema: {type: string}}]
    get: {operationId: getReport, responses: *answers}
  /api/v1/reports/{slug}/data:
    parameters: [{name: slug, in: path, required: true, schema: {type: string}}]
    get: {operationId: reportData, responses: *answers}
components:
  schemas:
    AnyReport: {type: object, required: [slug, who], additionalProperties: false, properties: {slug: {type: string}, who: {type: string}}}
`

type fixedStatus struct{ status httpapi.Status }

func (f *fixedStatus) Status(context.Context) (httpapi.Status, error) { return f.status, nil }

func goodStatus() httpapi.Status {
	number := func(n int64) *int64 { return &n }
	return httpapi.Status{
		StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), State: httpapi.HealthDegraded,
		Engine:  httpapi.EngineStatus{Kind: httpapi.EngineEmbedded, State: httpapi.HealthOK, Version: "26.1", Detail: "d", Restarts: number(0), MemoryBytes: number(1 << 30)},
		Ingest:  httpapi.IngestStatus{EventsPerSecond: 1.5, EventsTotal: 12, RequestsTotal: 3, History: []float64{0, 1.5}, HistoryStepSeconds: 5},
		Spool:   httpapi.SpoolStatus{State: httpapi.HealthDegraded, WaitingBytes: 7, Bytes: 100, LimitBytes: 1000, LagSeconds: 0.25, DamagedRecords: 1},
		Refused: httpapi.RefusedStatus{LastHour: 1, LastDay: 3, ByStatus: map[string]int64{"422": 3}},
		Disk:    httpapi.DiskStatus{Path: "/data", FreeBytes: 5, TotalBytes: 10, UsedByDataBytes: number(2)},
		Storage: &httpapi.StorageStatus{Rows: 12, BytesOnDisk: 4096, Parts: number(2)},
		Checks:  []httpapi.StatusCheck{{Name: "spool", State: httpapi.HealthDegraded, Message: "a segment is unreadable", Remedy: "look at it"}},
	}
}

func statusScenarios() []scenario {
	return []scenario{
		{name: "who an administrator is", role: access.Admin, method: "GET", path: "/api/v1/me", status: 200, want: fields{
			"role": "admin", "name": "administrator", "version": "1.2.3", "dashboard": absent{},
		}},
		{name: "who a viewer is", role: access.Viewer, method: "GET", path: "/api/v1/me", status: 200, want: fields{"role": "viewer", "name": "of the tests"}},
		{name: "who nobody is", method: "GET", path: "/api/v1/me", status: 401},
		{name: "the status", role: access.Analyst, method: "GET", path: "/api/v1/status", status: 200, want: fields{
			"version": "1.2.3", "started_at": "2026-01-02T03:04:05Z", "state": "degraded", "engine.kind": "embedded", "engine.restarts": 0,
			"ingest.events_total": 12, "ingest.history.#": 2, "spool.waiting_bytes": 7, "refused.by_status.422": 3, "disk.free_bytes": 5,
			"storage.parts": 2, "checks.0.remedy": "look at it",
		}},
		{name: "the status is not for viewers", role: access.Viewer, method: "GET", path: "/api/v1/status", status: 403},
	}
}

// A status of which little is known is as documented too, and none is 404.
func TestStatusOfLittle(t *testing.T) {
	source := &fixedStatus{status: httpapi.Status{
		State: httpapi.HealthDown, Engine: httpapi.EngineStatus{Kind: httpapi.EngineServer, State: httpapi.HealthDown}, Spool: httpapi.SpoolStatus{State: httpapi.HealthOK},
	}}
	s := serve(t, stub(func(c *httpapi.Config) { c.Status = source }), httpapi.ServerConfig{})
	resp, body := s.do(t, adminKey, "GET", "/api/v1/status", "", nil)
	checkField(t, body, "storage", absent{})
	checkField(t, body, "checks", absent{})
	if resp.StatusCode != 200 {
		t.Errorf("%d %v", resp.StatusCode, body)
	}
	none := serve(t, stub(nil), httpapi.ServerConfig{})
	for _, path := range []string{"/api/v1/status", "/api/v1/dashboards", "/api/v1/dashboards/x"} {
		if resp, body := none.do(t, adminKey, "GET", path, "", nil); resp.StatusCode != 404 {
			t.Errorf("%s: %d %v", path, resp.StatusCode, body)
		}
	}
}

const panels = `"panels": [{"report": "revenue", "width": 8, "height": "m"}, {"report": "gone", "title": "Gone", "width": 4, "height": "s"}, {"report": "orders", "width": 12, "height": "l"}]`

// putDashboard is a setup: a dashboard whose slug is the connection's id.
func putDashboard(t *testing.T, e *env, d *connection.Detail) {
	t.Helper()
	if resp, body := e.do(t, e.secrets[access.Analyst], "PUT", "/api/v1/dashboards/"+d.ID.String(), `{"name": "Sales", `+panels+`}`, nil); resp.StatusCode != 200 {
		t.Fatalf("%d %v", resp.StatusCode, body)
	}
}

func dashboardScenarios() []scenario {
	const path = "/api/v1/dashboards/{id}"
	put := func(name, body string, status int, want fields) scenario {
		return scenario{name: "dashboard: " + name, role: access.Analyst, method: "PUT", path: path, body: body, status: status, want: want}
	}
	made := put("make one", `{"name": "Sales", "description": "d", `+panels+`}`, 200, fields{
		"slug": "{id}", "name": "Sales", "description": "d", "panels.#": 3, "panels.1.title": "Gone", "updated_by": "of the tests",
		"reports.#": 2, "reports.0.slug": "revenue", "reports.1.slug": "orders",
	})
	made.after = func(t *testing.T, e *env, d connection.Detail, sent any) {
		target := "/api/v1/dashboards/" + d.ID.String()
		resp, got := e.do(t, e.secrets[access.Viewer], "GET", target, "", nil)
		if resp.StatusCode != 200 || fmt.Sprint(got) != fmt.Sprint(sent) {
			t.Errorf("read again: %d %v", resp.StatusCode, got)
		}
		_, list := e.do(t, e.secrets[access.Viewer], "GET", "/api/v1/dashboards?limit=500", "", nil)
		if text := fmt.Sprint(list); !strings.Contains(text, d.ID.String()) || strings.Contains(text, "reports:") {
			t.Errorf("the list: %s", text)
		}
		// What was read can be sent back.
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if resp, body := e.do(t, adminKey, "PUT", target, string(again), nil); resp.StatusCode != 200 {
			t.Errorf("sent back: %d %v", resp.StatusCode, body)
		}
		if resp, _ := e.do(t, e.secrets[access.Analyst], "DELETE", target, "", nil); resp.StatusCode != 204 {
			t.Errorf("delete: %d", resp.StatusCode)
		}
		if resp, _ := e.do(t, adminKey, "GET", target, "", nil); resp.StatusCode != 404 {
			t.Errorf("the deleted one: %d", resp.StatusCode)
		}
	}
	share := func(name, body string, status int, want fields) scenario {
		return scenario{
			name: "share: " + name, role: access.Analyst, method: "POST", path: path + "/shares", body: body, status: status, want: want, setup: putDashboard,
		}
	}
	shared := share("make one", `{"name": "For Ann", "expires_in": "7d"}`, 201, fields{"id": anything{}, "name": "For Ann", "key": matching("trb_viewer_"), "created_at": anything{}})
	shared.wantHeader = map[string]string{"Location": path + "/shares/"}
	shared.after = checkShare
	return []scenario{
		made,
		put("without panels", `{"name": "Empty"}`, 200, fields{"panels.#": 0, "reports.#": 0}),
		put("without a name", `{}`, 422, broken("name", "/name", "required")),
		put("a panel of five columns", `{"name": "n", "panels": [{"report": "a", "width": 5, "height": "m"}]}`, 422, broken("width", "/panels/0/width", "oneof")),
		put("a panel with an unknown member", `{"name": "n", "panels": [{"report": "a", "width": 4, "height": "m", "colour": 1}]}`, 422, broken("colour", "/panels/0/colour", "unknown")),
		put("half a column", `{"name": "n", "panels": [{"report": "a", "width": 4.5, "height": "m"}]}`, 422, broken("width", "/panels/0/width", "type")),
		put("another slug", `{"name": "n", "slug": "other"}`, 422, broken("slug", "/slug", "contradiction")),
		{name: "dashboard: a wrong slug", role: access.Admin, method: "PUT", path: "/api/v1/dashboards/A%20b", body: `{"name": "n"}`, status: 422, want: broken("slug", "/slug", "slug")},
		{name: "dashboard: a viewer changes none", role: access.Viewer, method: "PUT", path: path, body: `{"name": "n"}`, status: 403},
		{name: "dashboard: read none", role: access.Viewer, method: "GET", path: path, status: 404},
		{name: "dashboard: delete none", role: access.Admin, method: "DELETE", path: path, status: 404},
		shared,
		share("for ever, without a name", ``, 201, fields{"name": "Shared link", "expires_at": nil}),
		share("no duration", `{"expires_in": "soon"}`, 422, broken("expires_in", "/expires_in", "duration")),
		share("of the past", `{"expires_in": "-1h"}`, 422, broken("expires_in", "/expires_in", "range")),
		share("longer than 10 years", `{"expires_in": "9999d"}`, 422, broken("expires_in", "/expires_in", "range")),
		{name: "share: no dashboard", role: access.Analyst, method: "POST", path: path + "/shares", status: 404},
		{name: "share: list of no dashboard", role: access.Analyst, method: "GET", path: path + "/shares", status: 404},
		{name: "share: a viewer shares nothing", role: access.Viewer, method: "POST", path: path + "/shares", status: 403, setup: putDashboard},
		{name: "share: end none", role: access.Analyst, method: "DELETE", path: path + "/shares/" + uuid.NewString(), status: 404, setup: putDashboard},
	}
}

// checkShare tries everything with a shared link's key.
func checkShare(t *testing.T, e *env, d connection.Detail, body any) {
	text := func(path string) string {
		v, _ := lookUp(body, path)
		s, _ := v.(string)
		return s
	}
	key, own := text("key"), "/api/v1/dashboards/"+d.ID.String()
	if ends, err := time.Parse(time.RFC3339, text("expires_at")); err != nil || time.Until(ends) < 7*24*time.Hour-time.Minute || time.Until(ends) > 7*24*time.Hour {
		t.Errorf("it ends %s, %v", text("expires_at"), err)
	}
	other := e.create(t, "other of "+d.Name)
	putDashboard(t, e, &other)
	status := func(method, path string) int {
		resp, _ := e.do(t, key, method, path, "", nil)
		return resp.StatusCode
	}
	allowed := []string{own, "/api/v1/me", "/api/v1/reports/revenue", "/api/v1/reports/orders/data", "/api/v1/reports/revenue/data?from=-7d&to=now&timezone=UTC"}
	for _, path := range allowed {
		for _, method := range []string{"GET", "HEAD"} {
			if got := status(method, path); got != 200 {
				t.Errorf("%s %s: %d", method, path, got)
			}
		}
	}
	if _, me := e.do(t, key, "GET", "/api/v1/me", "", nil); fmt.Sprint(me) != fmt.Sprint(map[string]any{
		"role": "viewer", "name": "For Ann", "version": "1.2.3", "dashboard": d.ID.String(),
	}) {
		t.Errorf("me: %v", me)
	}
	_, seen := e.do(t, key, "GET", own, "", nil)
	checkField(t, seen, "reports.#", 2)
	checkField(t, seen, "updated_by", absent{})

	// Of everything that there is, the rest is refused.
	for _, route := range e.api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		path = strings.NewReplacer("{slug}", other.ID.String(), "{id}", d.ID.String(), "{request}", "x").Replace(path)
		if path == "/api/v1/me" {
			continue
		}
		if got := status(method, path); got != 403 {
			t.Errorf("%s %s: %d", method, path, got)
		}
	}
	for _, path := range []string{
		"/api/v1/reports/private", "/api/v1/reports/private/data", "/api/v1/reports/revenue%2Fdata", "/api/v1/reports/",
		"/api/v1/reports/revenue/data?filter.event_email=jane@mail.example", "/api/v1/reports/revenue/data?filters=[]", "/api/v1/reports/revenue/data?connections=" + d.ID.String(),
	} {
		if got := status("GET", path); got != 403 && got != 404 {
			t.Errorf("%s: %d", path, got)
		}
	}
	for _, method := range []string{"PUT", "DELETE"} {
		if got := status(method, own); got != 403 {
			t.Errorf("%s its dashboard: %d", method, got)
		}
	}

	// A link is no longer than its dashboard, and shows it as it is now.
	if resp, _ := e.do(t, adminKey, "PUT", own, `{"name": "Sales", "panels": [{"report": "orders", "width": 12, "height": "l"}]}`, nil); resp.StatusCode != 200 {
		t.Fatalf("change the dashboard: %d", resp.StatusCode)
	}
	if got := status("GET", "/api/v1/reports/revenue/data"); got != 403 {
		t.Errorf("a report that was taken off: %d", got)
	}
	_, listed := e.do(t, adminKey, "GET", own+"/shares", "", nil)
	checkField(t, listed, "data.#", 1)
	checkField(t, listed, "data.0.id", text("id"))
	checkField(t, listed, "data.0.key", absent{})
	// Another dashboard's path ends neither this link nor any other key.
	analyst, err := e.keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range analyst {
		if resp, _ := e.do(t, adminKey, "DELETE", "/api/v1/dashboards/"+other.ID.String()+"/shares/"+k.ID.String(), "", nil); resp.StatusCode != 404 {
			t.Errorf("end %s through another dashboard: %d", k.Name, resp.StatusCode)
		}
	}
	_, second := e.do(t, adminKey, "POST", own+"/shares", `{}`, nil)
	if resp, _ := e.do(t, e.secrets[access.Analyst], "DELETE", own+"/shares/"+text("id"), "", nil); resp.StatusCode != 204 {
		t.Errorf("end the link: %d", resp.StatusCode)
	}
	if got := status("GET", own); got != 401 {
		t.Errorf("the ended link: %d", got)
	}
	// The next dashboard of this slug has no links of the one before.
	v, _ := lookUp(second, "key")
	key, _ = v.(string)
	if got := status("GET", own); got != 200 {
		t.Errorf("the second link: %d", got)
	}
	if resp, _ := e.do(t, adminKey, "DELETE", own, "", nil); resp.StatusCode != 204 {
		t.Errorf("delete the dashboard: %d", resp.StatusCode)
	}
	putDashboard(t, e, &d)
	if got := status("GET", own); got != 401 {
		t.Errorf("the link of a dashboard that was there before: %d", got)
	}
}
