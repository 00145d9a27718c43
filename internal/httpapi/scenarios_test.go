package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/access"
)

// scenario is one request and everything that must follow from it. {id} and {name}
// in path and body stand for a connection that setup makes.
type scenario struct {
	name   string
	role   access.Role // "" = no key
	method string
	path   string
	body   string
	header http.Header
	setup  func(*testing.T, *env, *connection.Detail)

	status     int
	want       fields // members of the answer's body, by path: "data.0.name"
	wantHeader map[string]string
	after      func(*testing.T, *env, connection.Detail, any)
}

type fields map[string]any

// anything is a value that has to be there, absent one that must not.
type (
	anything struct{}
	absent   struct{}
)

// matching is a text that has to contain another one.
type matching string

func TestScenarios(t *testing.T) {
	e := newEnv(t, nil)
	var all []scenario
	for _, group := range [][]scenario{
		accessScenarios(), creationScenarios(), bodyScenarios(), readingScenarios(), changeScenarios(), keyScenarios(), pathScenarios(), statusScenarios(), dashboardScenarios(),
	} {
		all = append(all, group...)
	}
	for i, s := range all {
		t.Run(s.name, func(t *testing.T) {
			d := e.create(t, fmt.Sprintf("scenario %d", i))
			if s.setup != nil {
				s.setup(t, e, &d)
			}
			fill := strings.NewReplacer("{id}", d.ID.String(), "{name}", d.Name, "{token}", d.Token)
			resp, body := e.do(t, e.secrets[s.role], s.method, fill.Replace(s.path), fill.Replace(s.body), s.header)
			if resp.StatusCode != s.status {
				t.Fatalf("status %d, want %d: %v", resp.StatusCode, s.status, body)
			}
			for path, want := range s.want {
				if text, ok := want.(string); ok {
					want = fill.Replace(text)
				}
				checkField(t, body, path, want)
			}
			for name, want := range s.wantHeader {
				if got := resp.Header.Get(name); !strings.Contains(got, fill.Replace(want)) {
					t.Errorf("%s: %q, want %q", name, got, fill.Replace(want))
				}
			}
			if s.after != nil {
				s.after(t, e, d, body)
			}
		})
	}
}

func checkField(t *testing.T, body any, path string, want any) {
	t.Helper()
	got, found := lookUp(body, path)
	switch want := want.(type) {
	case anything:
		if !found {
			t.Errorf("%s is not there in %v", path, body)
		}
		return
	case absent:
		if found {
			t.Errorf("%s is %v", path, got)
		}
		return
	case matching:
		if text, ok := got.(string); !ok || !strings.Contains(text, string(want)) {
			t.Errorf("%s is %v, want %q in it", path, got, want)
		}
		return
	case int:
		if n, ok := got.(json.Number); !ok || n.String() != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %d", path, got, want)
		}
		return
	}
	if !found || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v (there: %t), want %v", path, got, found, want)
	}
}

// lookUp follows a path such as "data.0.name"; "data.#" is a length.
func lookUp(v any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			if part == "#" {
				v = json.Number(fmt.Sprint(len(at)))
				continue
			}
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}
