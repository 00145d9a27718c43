package export

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// go test ./query/export -run TestEventsSQL -update
var update = flag.Bool("update", false, "write the golden files")

func TestEventsSQL(t *testing.T) {
	for name, q := range map[string]Query{"all": {}, "window": {From: time.UnixMilli(1), To: time.UnixMilli(2)}} {
		path := filepath.Join("testdata", "events_"+name+".sql")
		got := eventsSQL(q) + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMarkFloats(t *testing.T) {
	for _, test := range []struct{ bare, quoted, want string }{
		{`{}`, `{}`, `{}`},
		{`{"a":5,"b":6}`, `{"a":"5","b":6}`, `{"a":5.0,"b":6}`},
		{`{"a":[1,2.5,"3"]}`, `{"a":["1","2.5","3"]}`, `{"a":[1.0,2.5,"3"]}`},
		{`{"a":-0,"b":-1}`, `{"a":"-0","b":-1}`, `{"a":-0.0,"b":-1}`},
		{`{"a":1e22}`, `{"a":"1e22"}`, `{"a":1e22}`},
		{`{"a":100000000000000000000}`, `{"a":"100000000000000000000"}`, `{"a":1e20}`},
		{`{"a":123456789}`, `{"a":"123456789"}`, `{"a":123456789.0}`},
		{`{"5":"5","a\"":"\\"}`, `{"5":"5","a\"":"\\"}`, `{"5":"5","a\"":"\\"}`},
	} {
		got, err := markFloats(nil, test.bare, test.quoted)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v, want %s", test.bare, got, err, test.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is not JSON", got)
		}
	}
	for _, test := range [][2]string{
		{`{"a":5}`, `{"a":6}`},
		{`{"a":5}`, `{"a":"6"}`},
		{`{"a":5}`, `{"b":5}`},
		{`{"a":5}`, `{"a":5`},
		{`{"a":5`, `{"a":5}`},
		{`{"a`, `{"a`},
	} {
		if got, err := markFloats(nil, test[0], test[1]); err == nil {
			t.Errorf("%v: %s", test, got)
		}
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	table := NewTable(&b, []Column{{"time", "date"}, {"n", "integer"}, {"avg", "number"}, {"a", "string"}, {"paid", "boolean"}, {"a", "string"}})
	for _, row := range [][]any{
		{"2025-01-01", int64(1), 2.5, "x", true, []any{"y", 1}},
		{nil, json.Number("2"), int64(3), nil, nil, "\xff"},
		{"2025-01-02", 4.0, json.Number("5.5"), json.Number("6"), "no boolean", time.UnixMilli(0).UTC()},
		{"short"},
	} {
		if err := table.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range f.Schema().Columns() {
		names = append(names, path[0])
	}
	if diff := cmp.Diff([]string{"time", "n", "avg", "a", "paid", "a (2)"}, names); diff != "" {
		t.Error(diff)
	}
	rows := f.RowGroups()[0].Rows()
	defer rows.Close()
	read := make([]parquet.Row, 10)
	n, err := rows.ReadRows(read)
	if n != 4 || err != nil && err != io.EOF {
		t.Fatalf("%d rows, %v", n, err)
	}
	var got [][]string
	for _, row := range read[:n] {
		var cells []string
		for _, v := range row {
			cells = append(cells, v.String())
		}
		got = append(got, cells)
	}
	want := [][]string{
		{"2025-01-01", "1", "2.5", "x", "true", `["y",1]`},
		{"<null>", "2", "3", "<null>", "<null>", "\ufffd"},
		{"2025-01-02", "4", "5.5", "6", "<null>", "1970-01-01T00:00:00Z"},
		{"short", "<null>", "<null>", "<null>", "<null>", "<null>"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
