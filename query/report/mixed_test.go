package report_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

func TestMixedTypesNeverFailAReport(t *testing.T) {
	conn := store(t)
	id := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	var events []stored
	for i, v := range []string{`1`, `"two"`, `null`, `[3]`, `{"x":4}`, `"99.90"`, `true`, `[{"q":1},{"q":"2"},5]`, `["a",null,1.5]`, `1.5e3`, `"2025-12-01T10:00:00Z"`, `[[1],[2]]`} {
		events = append(events, stored{
			Connection: id, ID: fmt.Sprint(i), Timestamp: at(time.Date(2025, 12, 1, i, 0, 0, 0, time.UTC)),
			Email: "A@x.example", Payload: json.RawMessage(`{"x":` + v + `}`), ReceivedAt: at(time.Date(2025, 12, 2, 0, 0, 0, 0, time.UTC)),
		})
	}
	insert(t, conn, events...)
	set := setOf(
		field("s", "x", define.String), field("n", "x", define.Numeric), field("i", "x", define.Integer), field("b", "x", define.Boolean),
		field("d", "x", define.Datetime), field("ss", "x", define.Strings), field("ns", "x", define.Numbers), field("q", "x[].q", define.Numeric),
	)
	runner := report.Runner{Conn: conn}
	// How many of the twelve events (or their elements) have which value.
	want := map[string]string{
		"s":  `[[null,6],["1",1],["1500",1],["2025-12-01T10:00:00Z",1],["99.90",1],["true",1],["two",1]] misfits 4`,
		"n":  `[[null,9],[1,1],[99.9,1],[1500,1]] misfits 7`,
		"i":  `[[null,10],[1,1],[1500,1]] misfits 8`,
		"b":  `[[null,10],[true,2]] misfits 8`,
		"d":  `[[null,11],["2025-12-01T10:00:00.000Z",1]] misfits 9`,
		"ss": `[[null,13],["1.5",1],["3",1],["5",1],["a",1]] misfits 6`,
		"ns": `[[null,14],[1.5,1],[3,1],[5,1]] misfits 6`,
		"q":  `[[null,15],[1,1],[2,1]] misfits 6`,
	}
	for name := range set.Fields {
		for i, body := range []string{
			`{"metrics":["count"],"dimensions":["` + name + `"]}`,
			`{"metrics":["uniq(` + name + `)"],"filters":[{"field":"` + name + `","op":"is_set"}],"time":{"granularity":"hour","timezone":"Europe/Berlin"}}`,
		} {
			plan, err := report.Compile(mustDecode(t, body), report.Catalog{Set: set, Connections: []report.Connection{{ID: id, Name: "c"}}}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			got, err := runner.Run(t.Context(), plan)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if i > 0 {
				continue
			}
			if text := fmt.Sprintf("%s misfits %d", report.Raw(got.Rows), got.Meta.Misfits[name]); text != want[name] {
				t.Errorf("%s: got %s, want %s", name, text, want[name])
			}
		}
	}
}
