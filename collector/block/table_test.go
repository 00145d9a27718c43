package block

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReads reads paths in every way that reports do, with columns and without,
// before and after merges.
func TestReads(t *testing.T) {
	payloads := []string{
		`{"a":{"b":1,"c":"x"},"items":[{"qty":1,"sku":"s1"},{"qty":2.5}],"tags":["x",null],"key.dot":"d","n":null}`,
		`{"a":{"b":"two"},"items":[],"tags":["y"],"nested":[[1,2],[3]],"mixed":[1,"x"]}`,
		`{"a":{"b":3.5},"items":[{"qty":"3"},null],"n":7}`,
		`{"a":5,"items":[{"qty":4,"options":[{"k":"size"},{"k":"color"}]}]}`,
	}
	tests := []struct{ expr, want string }{
		{"event_payload.a.b", `[1] ["two"] [3.5] [null]`},
		{"event_payload.a.b.:Int64", `[1] [null] [null] [null]`},
		{"event_payload.a.b.:String", `[null] ["two"] [null] [null]`},
		{"event_payload.a.b.:Float64", `[null] [null] [3.5] [null]`},
		{"accurateCastOrNull(event_payload.a.b, 'Float64')", `[1] [null] [3.5] [null]`},
		{"event_payload.a", `[null] [null] [null] [5]`},
		{"event_payload.^a", `[{"b":1,"c":"x"}] [{"b":"two"}] [{"b":3.5}] [{}]`},
		{"event_payload.n", `[null] [null] [7] [null]`},
		{"event_payload.`key%2Edot`.:String", `["d"] [null] [null] [null]`},
		{"event_payload.tags.:`Array(Nullable(String))`", `[["x",null]] [["y"]] [[]] [[]]`},
		{"event_payload.mixed.:`Array(Dynamic)`", `[[]] [[1,"x"]] [[]] [[]]`},
		{"event_payload.nested.:`Array(Array(Nullable(Int64)))`", `[[]] [[[1,2],[3]]] [[]] [[]]`},
		{"event_payload.items[].qty.:Int64", `[[1,null]] [[]] [[]] [[4]]`},
		{"event_payload.items[].sku.:String", `[["s1",null]] [[]] [[]] [[null]]`},
		{"event_payload.items[].options[].k.:String", `[[[],[]]] [[]] [[]] [[["size","color"]]]`},
		{"JSONAllPaths(event_payload)", `[["a.b","a.c","items","key%2Edot","tags"]] [["a.b","items","mixed","nested","tags"]] [["a.b","items","n"]] [["a","items"]]`},
	}
	s := newStore(t)
	batch := decode(t, body(payloads...))
	read := func(state string) {
		for _, test := range tests {
			got := strings.Join(s.query(fmt.Sprintf("SELECT toJSONString(tuple(%s)) FROM e FINAL WHERE connection_id = '%s' ORDER BY event_id",
				test.expr, connectionA)), " ")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: %s (-want +got)\n%s", state, test.expr, diff)
			}
		}
	}
	for _, columns := range []int{DefaultMaxDynamicPaths, 2} {
		s.create("e", columns)
		b := New(Options{MaxDynamicPaths: columns})
		insert := func(from, to int, receivedAt int64) {
			b.Reset()
			b.Append(connectionA, receivedAt, batch, from, to)
			b.Append(connectionB, receivedAt, batch, 0, 4)
			s.insert("e", b)
		}
		// In several parts, of which the earlier hold other events under the same IDs.
		old := decode(t, body(payloads[3], payloads[2], payloads[1], payloads[0]))
		b.Append(connectionA, baseTime-1000, old, 0, 4)
		s.insert("e", b)
		insert(0, 2, baseTime)
		insert(2, 4, baseTime)
		insert(1, 3, baseTime) // again
		read(fmt.Sprintf("%d columns, parts", columns))
		s.exec("OPTIMIZE TABLE e FINAL")
		if got := s.query("SELECT toString(tuple(count(), uniqExact(connection_id), max(_part_index))) FROM e"); got[0] != "(8,2,0)" {
			t.Errorf("after merging: %s rows, connections, last part", got)
		}
		read(fmt.Sprintf("%d columns, merged", columns))
		// A wide part, whose paths are files.
		s.exec("ALTER TABLE e MODIFY SETTING min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0")
		s.exec("OPTIMIZE TABLE e FINAL SETTINGS optimize_skip_merged_partitions = 0")
		read(fmt.Sprintf("%d columns, wide", columns))
		s.exec("DROP TABLE e")
	}
}

// TestMergesKeepValues merges many random parts and compares each event with
// what was inserted.
func TestMergesKeepValues(t *testing.T) {
	s := newStore(t)
	s.create("e", 8)
	s.exec("SYSTEM STOP MERGES e")
	b := New(Options{MaxDynamicPaths: 8})
	for part := range 12 {
		b.Reset()
		var payloads []string
		for i := range 50 {
			payloads = append(payloads, fmt.Sprintf(`{"same":%d,"p%d":%d,"q%d":{"r":["x",%d],"s":[{"t":%d,"u%d":[]}]},"m":%s}`,
				i, (part*7+i)%40, i, i%5, i, i, i%11, []string{`1`, `"x"`, `[1.5]`, `[[1],"y"]`}[i%4]))
		}
		batch := decode(t, body(payloads...))
		b.Append(connectionA, baseTime+int64(part), batch, 0, 50-part) // later parts replace fewer
		s.insert("e", b)
	}
	const all = `SELECT event_id || toString(event_payload) || toString(JSONAllPathsWithTypes(event_payload)) || toString(received_at)
		FROM e %s ORDER BY event_id`
	before := s.query(fmt.Sprintf(all, "FINAL"))
	if len(before) != 50 {
		t.Fatalf("%d rows, want 50", len(before))
	}
	s.exec("SYSTEM START MERGES e")
	s.exec("OPTIMIZE TABLE e FINAL")
	if diff := cmp.Diff(before, s.query(fmt.Sprintf(all, ""))); diff != "" {
		t.Errorf("the merge changed rows (-before +after)\n%s", diff)
	}
}
