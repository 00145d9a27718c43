package block

import (
	"slices"
	"testing"
)

// TestShapes inserts payloads of every kind. Those without a want are stored as
// ClickHouse would store them if it had parsed them; the others on purpose not,
// see the package comment.
func TestShapes(t *testing.T) {
	type shape struct{ payload, want, types string }
	tests := []shape{
		// Scalars.
		{payload: `{}`},
		{payload: `null`},
		{payload: `{"a":null,"b":{},"c":{"d":null}}`},
		{payload: `{"a":1,"b":-9223372036854775808,"c":9223372036854775807}`},
		{payload: `{"a":9223372036854775808,"b":18446744073709551615}`},
		{payload: `{"a":1.0,"b":1e0,"c":-0.0,"d":0.1,"e":1e308,"f":5e-324,"g":-1e-310,"h":123456789.123456789}`},
		{payload: `{"a":-0}`},
		{payload: `{"a":true,"b":false}`},
		{payload: `{"a":"x","b":"","c":"2024-01-01","d":"2024-01-01T00:00:00Z","e":"3.25","f":"é\n\"\\\u0001\ud83d\ude00/"}`},
		{payload: `{"a":123456789012345678901234567890,"b":1e400}`},
		// Keys.
		{payload: `{"":1}`},
		{payload: `{"":{"":1},"b":2}`},
		{payload: `{"a":{"":1},"b.":2}`},
		{payload: `{"a.b":1,"a":{"b":2,"c.d":{"e":3}}}`},
		{payload: `{"a` + "`" + `b":1,"a b":2,"é":3,"a\nb":4,"a\"b":5,"\ud83d\ude00":6}`},
		{payload: `{"a":{"b":{"c":{"d":{"e":1}}}},"a2":{"b":1}}`},
		// Arrays of scalars.
		{payload: `{"a":[]}`},
		{payload: `{"a":[null,null]}`},
		{payload: `{"a":[1,2,null]}`},
		{payload: `{"a":[1,2.5,null]}`},
		{payload: `{"a":[true,null,false]}`},
		{payload: `{"a":["x",null,""]}`},
		{payload: `{"a":[18446744073709551615,1,null]}`},
		{payload: `{"a":[18446744073709551615,-1]}`},
		{payload: `{"a":[1,"x",null,2.5]}`},
		// Arrays of arrays.
		{payload: `{"a":[[]]}`},
		{payload: `{"a":[[],[null],[1]]}`},
		{payload: `{"a":[[1],[2.5],[]]}`},
		{payload: `{"a":[[["x"]]]}`},
		{payload: `{"a":[[1,"x"],[2]]}`},
		{payload: `{"a":[[1],2,null]}`},
		{payload: `{"a":[[[[[[[[[[1,"x"]]]]]]]]]]}`},
		// Objects in arrays.
		{payload: `{"a":[{}]}`},
		{payload: `{"a":[{"b":null},{"b":{}}]}`},
		{payload: `{"a":[{"b":1},{"b":"x","c.d":2}]}`},
		{payload: `{"a":[{"b":1},null]}`},
		{payload: `{"a":[[{"b":1}],[]]}`},
		{payload: `{"a":[[{"b":1}],[null]]}`},
		{payload: `{"a":[{"b":1},1,"x",[1],[{"c":[{"d":1}]}],{"":{"":[{"":{"":[]}}]}}]}`},
		{payload: `{"a":[{"b":[{"c":[{"d":[{"e":[{"f":[{"g":[1,"x"],"h":2.5,"i":[{}]}]}]}]}]}]}]}`},

		// Not as ClickHouse: what was sent is kept.
		{`{"a":[true,1]}`, `{"a":[true,1]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[1.5,false]}`, `{"a":[1.5,false]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[true,"x"]}`, `{"a":[true,"x"]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[9007199254740993,1.5]}`, `{"a":[9007199254740993,1.5]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[18446744073709551615,1.5]}`, `{"a":[18446744073709551615,1.5]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[[1],null]}`, `{"a":[[1],null]}`, `{'a':'Array(Dynamic)'}`},
		{`{"a":[[{"b":1}],null]}`, `{"a":[[{"b":1}],null]}`, `{'a':'Array(Dynamic)'}`},
		// Not as ClickHouse: the nesting is kept in the type.
		{`{"a":[[1],["x"]]}`, `{"a":[[1],["x"]]}`, `{'a':'Array(Array(Dynamic))'}`},
		{`{"a":[[[1]],[["x"]]]}`, `{"a":[[[1]],[["x"]]]}`, `{'a':'Array(Array(Array(Dynamic)))'}`},
		{`{"a":[[],[[]],[[1]]]}`, `{"a":[[],[[]],[[1]]]}`, `{'a':'Array(Array(Array(Nullable(Int64))))'}`},
	}
	s := newStore(t)
	for _, columns := range []int{1024, DefaultMaxDynamicPaths, 1} {
		var payloads []string
		for _, test := range tests {
			payloads = append(payloads, test.payload)
		}
		batch := decode(t, body(payloads...))
		s.create("block", columns)
		s.insert("block", blockOf(connectionA, batch, columns))
		s.create("text", columns)
		s.insertText("text", connectionA, batch)
		texts := func(table string) []string {
			return s.query("SELECT toString(event_payload) FROM " + table + " ORDER BY event_id")
		}
		types := func(table string) []string {
			return s.query("SELECT toString(JSONAllPathsWithTypes(event_payload)) FROM " + table + " ORDER BY event_id")
		}
		gotTexts, gotTypes, wantTexts, wantTypes := texts("block"), types("block"), texts("text"), types("text")
		if len(gotTexts) != len(tests) || len(wantTexts) != len(tests) {
			t.Fatalf("%d and %d rows, want %d", len(gotTexts), len(wantTexts), len(tests))
		}
		for i, test := range tests {
			if test.want != "" {
				if wantTexts[i] == test.want && wantTypes[i] == test.types {
					t.Errorf("%d columns: %s: ClickHouse does the same", columns, test.payload)
				}
				wantTexts[i], wantTypes[i] = test.want, test.types
			}
			if gotTexts[i] != wantTexts[i] || gotTypes[i] != wantTypes[i] {
				t.Errorf("%d columns: %s\n got %s %s\nwant %s %s", columns, test.payload, gotTexts[i], gotTypes[i], wantTexts[i], wantTypes[i])
			}
		}
		rest := func(table string) []string {
			return s.query(`SELECT toString(groupArray(tuple(connection_id, event_id, event_timestamp, event_email, event_adb_cdt, received_at)))
				FROM (SELECT * FROM ` + table + " ORDER BY event_id)")
		}
		if got, want := rest("block"), rest("text"); !slices.Equal(got, want) {
			t.Errorf("other columns:\n got %s\nwant %s", got, want)
		}
		s.exec("DROP TABLE block")
		s.exec("DROP TABLE text")
	}
}

// TestElementTypes looks at what JSONAllPathsWithTypes does not show: the types
// inside arrays.
func TestElementTypes(t *testing.T) {
	s := newStore(t)
	const mixed = `{"a":[1,[1],["x"],[],[null],[{"b":1}],[{"b":1},null],{"c":[{"d":1}]},[1,2.5],null,[[1]],true]}`
	nested := `{"n":[` + mixed + `]}`
	batch := decode(t, body(mixed, nested))
	want := "['Int64','Array(Nullable(Int64))','Array(Nullable(String))','Array(Nullable(String))','Array(Nullable(String))'," +
		"'Array(JSON)','Array(Nullable(JSON))','JSON','Array(Nullable(Float64))','None','Array(Array(Nullable(Int64)))','Bool']"
	for _, columns := range []int{DefaultMaxDynamicPaths, 1} {
		s.create("e", columns)
		s.insert("e", blockOf(connectionA, batch, columns))
		for _, query := range []string{
			"SELECT toString(arrayMap(x -> dynamicType(x), event_payload.a.:`Array(Dynamic)`)) FROM e WHERE event_id = 'e0000'",
			"SELECT toString(arrayMap(x -> dynamicType(x), event_payload.n[].a.:`Array(Dynamic)`[1])) FROM e WHERE event_id = 'e0001'",
		} {
			if got := s.query(query); len(got) != 1 || got[0] != want {
				t.Errorf("%d columns: %s\n got %s\nwant %s", columns, query, got, want)
			}
		}
		s.exec("DROP TABLE e")
	}
}
