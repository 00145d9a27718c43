package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

type funnelEvent struct {
	person, id, kinds, source string
	at                        int // minutes
}

// deepest is the definition of a funnel by trying everything: the deepest step that
// any chain of different events reaches within the window, in the order of the
// funnel, and of those chains the one that ends first and, of these, begins last.
func deepest(events []funnelEvent, steps []string, window int) []int {
	var best []int
	better := func(a, b []int) bool { // by places in events
		if len(a) != len(b) {
			return len(a) > len(b)
		}
		if a[len(a)-1] != b[len(b)-1] {
			return a[len(a)-1] < b[len(b)-1]
		}
		return a[0] > b[0]
	}
	var extend func(chain []int)
	extend = func(chain []int) {
		if len(chain) > 0 && (best == nil || better(chain, best)) {
			best = slices.Clone(chain)
		}
		if len(chain) == len(steps) {
			return
		}
		from := 0
		if len(chain) > 0 {
			from = chain[len(chain)-1] + 1
		}
		for i := from; i < len(events); i++ {
			if !strings.Contains(events[i].kinds, steps[len(chain)]) {
				continue
			}
			if len(chain) > 0 && events[i].at-events[chain[0]].at > window {
				continue
			}
			extend(append(chain, i))
		}
	}
	extend(nil)
	return best
}

// TestFunnelsAnswerWhatTryingEverythingSays compares how many people reach which
// step, by a dimension too, with an exhaustive search.
func TestFunnelsAnswerWhatTryingEverythingSays(t *testing.T) {
	conn := store(t)
	runner := report.Runner{Conn: conn}
	set := setOf(field("kinds", "kinds", define.String), field("source", "source", define.String))
	steps := []string{"a", "b", "c"}
	for _, s := range steps {
		set.Conversions[s] = &define.Conversion{Name: s, Filters: []define.Filter{{Field: "kinds", Op: define.OpContains, Values: []define.Scalar{define.Text(s)}}}}
	}
	start := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		connection := uuid.New()
		people := map[string][]funnelEvent{}
		var copies []stored
		for i := range rapid.IntRange(0, 25).Draw(rt, "events") {
			e := funnelEvent{
				person: rapid.SampledFrom([]string{"ann", "bob", "cid", ""}).Draw(rt, "person"), id: fmt.Sprintf("e%02d", i),
				kinds:  rapid.SampledFrom([]string{"a", "b", "c", "ab", "bc", "x"}).Draw(rt, "kinds"),
				source: rapid.SampledFrom([]string{"web", "app"}).Draw(rt, "source"), at: rapid.IntRange(0, 12).Draw(rt, "at"),
			}
			payload, err := json.Marshal(map[string]string{"kinds": e.kinds, "source": e.source})
			if err != nil {
				rt.Fatal(err)
			}
			email := e.person
			if i%2 == 0 {
				email = strings.ToUpper(email)
			}
			copies = append(copies, stored{
				Connection: connection, ID: e.id, Timestamp: at(start.Add(time.Duration(e.at) * time.Minute)), Email: email, Payload: payload, ReceivedAt: at(start),
			})
			if e.person != "" {
				people[e.person] = append(people[e.person], e)
			}
		}
		if len(copies) > 0 {
			insert(t, conn, copies...)
		}
		window := rapid.IntRange(1, 8).Draw(rt, "window")
		reached := map[string]*[3]int{}
		for _, events := range people {
			events = slices.DeleteFunc(events, func(e funnelEvent) bool { return e.kinds == "x" })
			first := func(e funnelEvent) int {
				return slices.IndexFunc(steps, func(s string) bool { return strings.Contains(e.kinds, s) })
			}
			sort.Slice(events, func(i, j int) bool {
				a, b := events[i], events[j]
				if a.at != b.at {
					return a.at < b.at
				}
				if first(a) != first(b) {
					return first(a) < first(b)
				}
				return a.id < b.id
			})
			chain := deepest(events, steps, window)
			if chain == nil {
				continue
			}
			// The dimension is that of the first event of step 1 at the chain's beginning.
			i := slices.IndexFunc(events, func(e funnelEvent) bool { return e.at == events[chain[0]].at && strings.Contains(e.kinds, "a") })
			source := events[i].source
			for _, group := range []string{source, "*"} {
				if reached[group] == nil {
					reached[group] = &[3]int{}
				}
				for step := range chain {
					reached[group][step]++
				}
			}
		}
		for _, dimension := range []string{"", "source"} {
			request := report.FunnelRequest{Steps: steps, Window: fmt.Sprintf("%dmin", window), Dimension: dimension}
			plan, err := report.CompileFunnel(request, report.Catalog{Set: set, Connections: []report.Connection{{ID: connection}}}, time.Now())
			if err != nil {
				rt.Fatal(err)
			}
			result, err := runner.RunFunnel(t.Context(), plan)
			if err != nil {
				rt.Fatalf("%v\n%s", err, plan.Statement().Text())
			}
			got := map[string]string{}
			for _, row := range result.Rows {
				group := "*"
				if dimension != "" {
					group, row = row[0].(string), row[1:]
				}
				got[group] += fmt.Sprint(row[2], " ")
			}
			want := map[string]string{}
			for group, people := range reached {
				if (group == "*") == (dimension == "") {
					want[group] = fmt.Sprint(people[0], " ", people[1], " ", people[2], " ")
				}
			}
			if dimension == "" && len(want) == 0 {
				want["*"] = "0 0 0 "
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				rt.Fatalf("%v window %d (-want +got):\n%s", people, window, diff)
			}
		}
	})
}

func TestFunnelTimes(t *testing.T) {
	conn := store(t)
	connection := uuid.New()
	start := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	for i, e := range []struct {
		person, kind string
		second       int
	}{{"ann", "a", 0}, {"ann", "a", 10}, {"ann", "b", 25}, {"bob", "a", 0}, {"bob", "b", 5}, {"cid", "a", 1}, {"dan", "b", 1}} {
		insert(t, conn, stored{
			Connection: connection, ID: fmt.Sprint(i), Timestamp: at(start.Add(time.Duration(e.second) * time.Second)), Email: e.person,
			Payload: json.RawMessage(`{"kind":"` + e.kind + `"}`), ReceivedAt: at(start),
		})
	}
	set := setOf(field("kind", "kind", define.String))
	for _, s := range []string{"a", "b"} {
		set.Conversions[s] = &define.Conversion{Name: s, Filters: []define.Filter{{Field: "kind", Op: define.OpEq, Values: []define.Scalar{define.Text(s)}}}}
	}
	plan, err := report.CompileFunnel(report.FunnelRequest{Steps: []string{"a", "b"}}, report.Catalog{Set: set, Connections: []report.Connection{{ID: connection}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	runner := report.Runner{Conn: conn}
	got, err := runner.RunFunnel(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	// Ann takes 15 s from her later first step, Bob 5 s.
	if rows, want := fmt.Sprint(got.Rows), "[[1 a 3 1 <nil> <nil>] [2 b 2 0.666666666666667 0.666666666666667 10]]"; rows != want {
		t.Errorf("got %s, want %s", rows, want)
	}
}
