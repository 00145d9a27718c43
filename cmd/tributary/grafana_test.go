package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const grafanaFolder = "../../dashboards/grafana"

// grafanaBoard is what the test needs of a dashboard's JSON.
type grafanaBoard struct {
	UID    string
	Panels []struct {
		ID      int
		Title   string
		Targets []grafanaTarget
	}
	Templating struct {
		List []struct {
			Name    string
			Current struct{ Value string }
		}
	}
}

type grafanaTarget struct {
	Datasource   struct{ Type, UID string }
	RawSQL       string `json:"rawSql"`
	URL          string
	RootSelector string `json:"root_selector"`
	Columns      []struct{ Selector, Text, Type string }
	URLOptions   struct {
		Method          string
		BodyContentType string `json:"body_content_type"`
		Data            string
	} `json:"url_options"`
}

// Every panel of Grafana's dashboards asks a running server, as Grafana would, and is
// answered with rows that have its columns.
func TestGrafanaDashboards(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	now := time.Now().UTC()
	var events []string
	for i := range 50 {
		events = append(events, fmt.Sprintf(`{"event_id":"%d","event_timestamp":%q,"event_email":"p%d@example.com","event_payload":{"revenue":%d}}`,
			i, now.Add(-time.Duration(i)*7*time.Hour).Format(time.RFC3339), i%7, i))
	}
	if status, body, err := p.post("[" + strings.Join(events, ",") + "]"); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s %v", status, body, err)
	}
	p.becomes(10*time.Second, "SELECT count() FROM events", "50")

	types := provisionedTypes(t)
	files, err := filepath.Glob(filepath.Join(grafanaFolder, "dashboards", "*.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("dashboards: %v %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board grafanaBoard
		if err := json.Unmarshal(data, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(board.Panels) < 6 {
			t.Errorf("%s has %d panels", file, len(board.Panels))
		}
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				t.Run(board.UID+"/"+panel.Title, func(t *testing.T) {
					if want := types[target.Datasource.UID]; want == "" || want != target.Datasource.Type {
						t.Fatalf("the data source %q of type %q is provisioned as %q", target.Datasource.UID, target.Datasource.Type, want)
					}
					if target.RawSQL != "" {
						checkSQLPanel(t, p, target, now)
					} else {
						checkReportPanel(t, p, board, target, now)
					}
				})
			}
		}
	}
}

// provisionedTypes are the types of the provisioned data sources by uid.
func provisionedTypes(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(grafanaFolder, "provisioning", "datasources", "tributary.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Datasources []struct{ UID, Type string }
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, d := range file.Datasources {
		types[d.UID] = d.Type
	}
	return types
}

// grafanaMacros are those of the ClickHouse data source that the panels use.
var grafanaMacros = regexp.MustCompile(`\$__(timeFilter|timeInterval|fromTime|toTime)(?:\(([a-z_]+)\))?`)

func checkSQLPanel(t *testing.T, p *program, target grafanaTarget, now time.Time) {
	from := fmt.Sprintf("toDateTime(%d)", now.Add(-30*24*time.Hour).Unix())
	to := fmt.Sprintf("toDateTime(%d)", now.Add(time.Minute).Unix())
	query := grafanaMacros.ReplaceAllStringFunc(target.RawSQL, func(text string) string {
		m := grafanaMacros.FindStringSubmatch(text)
		switch m[1] {
		case "timeFilter":
			return fmt.Sprintf("%s >= %s AND %s <= %s", m[2], from, m[2], to)
		case "timeInterval":
			return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL 3600 second)", m[2])
		case "fromTime":
			return from
		default:
			return to
		}
	})
	if strings.Contains(query, "$") {
		t.Fatalf("a macro is left: %s", query)
	}
	answer, err := p.ask(query + " FORMAT JSONCompact")
	if err != nil {
		t.Fatal(err)
	}
	var result struct{ Data [][]any }
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if len(result.Data) == 0 || result.Data[0][0] == nil || result.Data[0][0] == "0" {
		t.Errorf("no data: %s", answer)
	}
}

func checkReportPanel(t *testing.T, p *program, board grafanaBoard, target grafanaTarget, now time.Time) {
	replace := []string{
		"${__from:date:iso}", now.Add(-30 * 24 * time.Hour).Format("2006-01-02T15:04:05.000Z"),
		"${__to:date:iso}", now.Add(time.Minute).Format("2006-01-02T15:04:05.000Z"),
	}
	for _, v := range board.Templating.List {
		replace = append(replace, "${"+v.Name+"}", v.Current.Value)
	}
	body := strings.NewReplacer(replace...).Replace(target.URLOptions.Data)
	if strings.Contains(body, "$") {
		t.Fatalf("a variable is left: %s", body)
	}
	request, err := http.NewRequest(target.URLOptions.Method, p.app+target.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Content-Type", target.URLOptions.BodyContentType)
	request.Header.Set("Accept", "application/json;q=0.9,text/plain") // as the data source sends it
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", response.StatusCode, answer, err)
	}
	var result map[string]json.RawMessage
	var rows [][]any
	if err := json.Unmarshal(answer, &result); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(result[target.RootSelector], &rows); err != nil {
		t.Fatalf("the root selector %q finds no rows: %v in %s", target.RootSelector, err, answer)
	}
	if len(rows) == 0 {
		t.Fatalf("no rows: %s", answer)
	}
	for _, c := range target.Columns {
		at, err := strconv.Atoi(c.Selector)
		if err != nil || at >= len(rows[0]) {
			t.Fatalf("column %q: there is nothing at %q of %v", c.Text, c.Selector, rows[0])
		}
		_, number := rows[0][at].(float64)
		_, text := rows[0][at].(string)
		if number != (c.Type == "number") || text != (c.Type != "number") {
			t.Errorf("column %q of type %s is %v", c.Text, c.Type, rows[0][at])
		}
	}
	if len(target.Columns) != len(rows[0]) {
		t.Errorf("%d columns of %d are shown", len(target.Columns), len(rows[0]))
	}
}
