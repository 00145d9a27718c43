package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/importer"
	"github.com/tributary-events/tributary/collector/importer/api"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/httpapi/openapitest"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

const adminKey = "an-administrators-key-for-tests"

// server is the whole API over real tables; events go to a decoder alone.
type server struct {
	t        testing.TB
	url      string
	client   *http.Client
	path     string // of the connection's imports
	accepted int
}

type nothing struct{}

func (nothing) Recent(context.Context, uuid.UUID, int) ([]query.StoredEvent, error) { return nil, nil }

type noRequests struct{}

func (noRequests) Recent(context.Context, feed.Query) ([]feed.Request, error) { return nil, nil }
func (noRequests) ByID(context.Context, uuid.UUID, uuid.UUID) (feed.Request, bool, error) {
	return feed.Request{}, false, nil
}

func newServer(t testing.TB) *server {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	runner, err := migrations.New(migrations.Config{Options: options, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runner.Close(); err != nil {
		t.Fatal(err)
	}
	conn := db.Open(t)
	connections, err := connection.NewService(connection.Config{Store: connection.NewStore(conn), CollectorID: "c", Poll: -1, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := access.New(access.Config{Store: access.NewTable(conn), AdminKey: adminKey, Poll: -1, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	for _, load := range []func(context.Context) error{connections.Load, keys.Load} {
		if err := load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d, err := connections.Create(t.Context(), connection.New{Name: "Shop", EventSource: "shop", EventObject: "order"})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, path: "/api/v1/connections/" + d.ID.String() + "/imports"}
	imports, err := importer.New(importer.Config{
		Accept: func(_ context.Context, id uuid.UUID, body []byte) (int, []event.Warning, error) {
			b, err := event.NewDecoder().Decode(body, event.Options{})
			if err != nil || id != d.ID {
				return 0, nil, err
			}
			s.accepted += len(b.Events)
			return len(b.Events), b.Warnings, nil
		},
		Store: importer.NewTable(conn), TempDir: t.TempDir(), AllowAnonymous: func(uuid.UUID) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := httpapi.New(httpapi.Config{
		Connections: connections, Keys: keys, Events: nothing{}, Requests: noRequests{}, Logger: logger,
		Live: func(uuid.UUID) httpapi.Subscription { return nil }, Ingest: func(e *gin.Engine) {
			e.POST("/collector/webhook_event/:token", func(*gin.Context) {})
		}, Metrics: http.NotFoundHandler(),
		Extra: func(a *httpapi.API, v1 gin.IRouter) error {
			return api.Register(v1, api.Config{Imports: imports, Connections: connections, Admin: a.Need(access.Admin)})
		},
		Documents: [][]byte{api.OpenAPI()},
	})
	if err != nil {
		t.Fatal(err)
	}
	checker := openapitest.CheckRoutes(t, a)
	web := httptest.NewServer(a)
	t.Cleanup(web.Close)
	s.url, s.client = web.URL, checker.Client(t)
	return s
}

func (s *server) send(method, path, contentType string, body io.Reader, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// form is a multipart body; parts are name and text in turn.
func form(t testing.TB, parts ...string) (string, io.Reader) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i+1 < len(parts); i += 2 {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + parts[i] + `"; filename="x.csv"`}}
		if parts[i] == "settings" {
			h = textproto.MIMEHeader{"Content-Disposition": {`form-data; name="settings"`}, "Content-Type": {"application/json"}}
		}
		w, err := m.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), &b
}

const ownFile = "event_id,event_timestamp,event_email,event_adb_cdt,event_payload\n" +
	"1,2025-01-01T00:00:00.000Z,a@example.com,,\"{\"\"a\"\":1}\"\n" +
	"2,2025-01-01T00:00:00.000Z,nobody,,\n"

func TestImportAPI(t *testing.T) {
	s := newServer(t)
	// Our own file needs no mapping.
	status, text := s.send("POST", s.path+"?name=own.csv", "text/csv", strings.NewReader(ownFile))
	var x importer.Import
	if err := json.Unmarshal([]byte(text), &x); status != 200 || err != nil || x.State != importer.Done || x.Accepted != 1 || x.Refused != 1 || x.Name != "own.csv" {
		t.Fatalf("%d %v %s", status, err, text)
	}
	if s.accepted != 1 {
		t.Errorf("%d events were accepted", s.accepted)
	}
	status, text = s.send("GET", s.path+"/"+x.ID.String(), "", nil)
	var again importer.Import
	if err := json.Unmarshal([]byte(text), &again); status != 200 || err != nil || again.Rows != 2 || again.State != importer.Done {
		t.Errorf("%d %v %s", status, err, text)
	}
	if status, text = s.send("GET", s.path, "", nil); status != 200 || !strings.Contains(text, x.ID.String()) {
		t.Errorf("%d %s", status, text)
	}
	status, text = s.send("GET", s.path+"/"+x.ID.String()+"/refused", "", nil)
	if want := "2,event_email is not a valid address: it has no @,2,2025-01-01T00:00:00.000Z,nobody,,\n"; status != 200 || !strings.HasSuffix(text, want) {
		t.Errorf("%d %s", status, text)
	}
	if status, text = s.send("HEAD", s.path+"/"+x.ID.String()+"/refused", "", nil); status != 200 || text != "" {
		t.Errorf("%d %s", status, text)
	}

	// Another needs one: the preview asks, its plan is sent back.
	const file = "id,date,email\n1,03/04/2025,a@example.com\n"
	if status, text = s.send("POST", s.path, "text/csv", strings.NewReader(file)); status != 422 || !strings.Contains(text, `"questions":[{"code":"date","column":"date"`) {
		t.Errorf("%d %s", status, text)
	}
	contentType, body := form(t, "settings", `{"whole":true,"plan":{"timezone":"Europe/Berlin","columns":[{"name":"date","target":"event_timestamp","date":"dmy"}]}}`, "file", file)
	status, text = s.send("POST", s.path+"/preview", contentType, body)
	var g importer.Guess
	if err := json.Unmarshal([]byte(text), &g); status != 200 || err != nil || len(g.Questions) > 0 || !strings.Contains(string(g.Events[0]), "2025-04-02T22:00:00.000Z") {
		t.Fatalf("%d %v %s", status, err, text)
	}
	plan, err := json.Marshal(map[string]any{"id": uuid.New(), "plan": g.Plan, "size": len(file)})
	if err != nil {
		t.Fatal(err)
	}
	contentType, body = form(t, "settings", string(plan), "file", file)
	// The checker of documents does not know lines of JSON.
	checking := s.client
	s.client = http.DefaultClient
	status, text = s.send("POST", s.path, contentType, body, "Accept", "application/x-ndjson")
	s.client = checking
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if status != 200 || !strings.Contains(lines[len(lines)-1], `"state":"done"`) || s.accepted != 2 {
		t.Errorf("%d %s", status, text)
	}
}

func TestImportAPIRefuses(t *testing.T) {
	s := newServer(t)
	unknown := "/api/v1/connections/" + uuid.New().String() + "/imports"
	for name, test := range map[string]struct {
		path  string
		parts []string
		want  int
		text  string
	}{
		"an unknown connection":   {unknown, []string{"file", ownFile}, 404, "no connection"},
		"no file":                 {s.path, []string{"settings", "{}"}, 422, "must come last"},
		"another part":            {s.path, []string{"x", "{}"}, 422, "not one of the parts"},
		"bad settings":            {s.path, []string{"settings", `{"plam":{}}`, "file", ownFile}, 422, "unknown field"},
		"a bad plan":              {s.path, []string{"settings", `{"plan":{"format":"csv","delimiter":",","columns":[{"name":"a","target":"b"}],"timezone":"Mars"}}`, "file", ownFile}, 422, `"field":"plan.timezone"`},
		"an empty file":           {s.path, []string{"file", ""}, 422, "The file is empty."},
		"a file of another shape": {s.path, []string{"settings", `{"plan":{"format":"csv","delimiter":",","columns":[{"name":"event_id","target":"event_id"},{"name":"t","target":"event_timestamp","date":"iso"},{"name":"e","target":"event_email"}]}}`, "file", ownFile}, 422, "Column 2 of the file is event_timestamp"},
	} {
		contentType, body := form(t, test.parts...)
		if status, text := s.send("POST", test.path, contentType, body); status != test.want || !strings.Contains(text, test.text) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	for _, path := range []string{s.path + "/" + uuid.New().String(), s.path + "/" + uuid.New().String() + "/refused", unknown} {
		if status, text := s.send("GET", path, "", nil); status != 404 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if s.accepted > 0 {
		t.Errorf("%d events were accepted", s.accepted)
	}
}

// A sender that goes away leaves an import that says so, and that goes on.
func TestASenderThatGoesAway(t *testing.T) {
	s := newServer(t)
	id := uuid.New()
	row := "%,2025-01-01T00:00:00.000Z,a@example.com,,\n"
	var file strings.Builder
	file.WriteString(strings.SplitAfter(ownFile, "\n")[0])
	for range 20_000 {
		file.WriteString(row)
	}
	settings := `{"id":"` + id.String() + `","plan":{"format":"csv","delimiter":",","columns":[` +
		`{"name":"event_id","target":"event_id"},{"name":"event_timestamp","target":"event_timestamp","date":"iso"},{"name":"event_email","target":"event_email"},` +
		`{"name":"event_adb_cdt","target":"event_adb_cdt"},{"name":"event_payload","target":"event_payload"}]}}`
	contentType, body := form(t, "settings", settings, "file", file.String())
	whole, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, "POST", s.url+s.path, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+adminKey)
	go func() {
		_, _ = w.Write(whole[:len(whole)/2])
		time.Sleep(100 * time.Millisecond)
		cancel()
		_ = w.Close()
	}()
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
		t.Fatal("it was answered")
	}
	var x importer.Import
	for deadline := time.Now().Add(10 * time.Second); x.State != importer.Interrupted && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		status, text := s.send("GET", s.path+"/"+id.String(), "", nil)
		if err := json.Unmarshal([]byte(text), &x); status != 200 || err != nil {
			t.Fatalf("%d %v %s", status, err, text)
		}
	}
	if x.State != importer.Interrupted || x.Rows == 0 || x.Rows >= 20_000 {
		t.Fatalf("%+v", x)
	}
	status, text := s.send("POST", s.path, contentType, bytes.NewReader(whole))
	var done importer.Import
	if err := json.Unmarshal([]byte(text), &done); status != 200 || err != nil || done.Rows != 20_000 || done.Resumed != x.Rows || s.accepted != 20_000 {
		t.Errorf("%d %v %s; %d events", status, err, text, s.accepted)
	}
}
