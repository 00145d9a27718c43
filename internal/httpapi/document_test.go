package httpapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/tributary-events/tributary/internal/httpapi"
)

func TestMergeOpenAPI(t *testing.T) {
	const first = `
openapi: 3.1.1
info: {title: First}
security: [{bearer: []}]
tags: [{name: a}]
paths:
  /x: {get: {operationId: getX}}
components:
  schemas: {A: {type: object}}
`
	tests := map[string]struct {
		more []string
		want string // "" = an error
		err  string
	}{
		"new paths, operations, components and tags": {
			more: []string{`
info: {title: Second}
security: [{basic: []}]
tags: [{name: a, description: another}, {name: b}]
paths:
  /x: {put: {operationId: putX, security: []}}
  /y: {parameters: [], get: {operationId: getY}}
components:
  schemas: {B: {type: string}}
  responses: {R: {description: r}}
`, `{paths: {/z: {get: {operationId: getZ}}}}`},
			want: `
openapi: 3.1.1
info: {title: First}
security: [{bearer: []}]
tags: [{name: a}, {name: b}]
paths:
  /x: {get: {operationId: getX}, put: {operationId: putX, security: []}}
  /y: {parameters: [], get: {operationId: getY, security: [{basic: []}]}}
  /z: {get: {operationId: getZ}}
components:
  schemas: {A: {type: object}, B: {type: string}}
  responses: {R: {description: r}}
`,
		},
		"the same component": {more: []string{`components: {schemas: {A: {"type": "object"}}}`}, want: first},
		"another component":  {more: []string{`components: {schemas: {A: {type: string}}}`}, err: "A of schemas is there twice"},
		"an operation twice": {more: []string{`paths: {/x: {get: {operationId: other}}}`}, err: "get of /x is there twice"},
		"no YAML":            {more: []string{"a: [b"}, err: "read OpenAPI document"},
		"no object":          {more: []string{"- a"}, err: "it is no object"},
		"nothing":            {more: []string{""}, err: "it is no object"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var more [][]byte
			for _, text := range tt.more {
				more = append(more, []byte(text))
			}
			merged, err := httpapi.MergeOpenAPI([]byte(first), more...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := yaml.Unmarshal(merged, &got); err != nil {
				t.Fatal(err)
			}
			if err := yaml.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	// A document that cannot be merged is told at the start, not at the first reading.
	if _, err := httpapi.New(stub(func(c *httpapi.Config) { c.Documents = [][]byte{[]byte("- a")} })); err == nil {
		t.Error("a wrong document was taken")
	}
}
