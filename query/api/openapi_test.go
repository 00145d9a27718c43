package api_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/query/api"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
)

func TestEveryEndpointIsDocumented(t *testing.T) {
	var doc struct {
		Paths      map[string]map[string]any            `yaml:"paths"`
		Components map[string]map[string]map[string]any `yaml:"components"`
	}
	if err := yaml.Unmarshal(api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "parameters" {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	pass := func(*gin.Context) {}
	if err := api.Register(engine.Group("/api/v1"), api.Config{
		Definitions: &define.Service{}, Connections: func(context.Context) ([]report.Connection, error) { return nil, nil },
		Reports: &report.Runner{}, SQL: &sqlrun.Runner{}, Catalogue: &catalogue.Store{}, Analyst: pass, Viewer: pass,
	}); err != nil {
		t.Fatal(err)
	}
	var registered []string
	for _, r := range engine.Routes() {
		if r.Method != "HEAD" {
			registered = append(registered, r.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(documented)
	slices.Sort(registered)
	if diff := cmp.Diff(registered, documented); diff != "" {
		t.Errorf("(-registered +documented):\n%s", diff)
	}
	for _, m := range regexp.MustCompile(`"#/components/(\w+)/(\w+)"`).FindAllStringSubmatch(string(api.OpenAPI()), -1) {
		if doc.Components[m[1]][m[2]] == nil {
			t.Errorf("%s refers to nothing", m[0])
		}
	}
}
