package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// readCSV returns header and rows, faults as "!message".
func readCSV(r io.Reader, delimiter byte) (out [][]string, err error) {
	s, err := newCSV(r, &Plan{Delimiter: string(delimiter)})
	if err != nil {
		return nil, err
	}
	out = append(out, s.Columns())
	var row Row
	for {
		if err := s.Next(&row); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return out, err
		}
		if row.Fault != nil {
			out = append(out, []string{"!" + row.Fault.String()})
			continue
		}
		cells := []string{}
		for _, c := range row.Cells {
			cells = append(cells, string(c.Text))
		}
		out = append(out, cells)
	}
}

func TestCSV(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want [][]string
	}{
		"plain":                {"a,b\n1,2\n", [][]string{{"a", "b"}, {"1", "2"}}},
		"no last line break":   {"a,b\n1,2", [][]string{{"a", "b"}, {"1", "2"}}},
		"CRLF, empty lines":    {"a,b\r\n\r\n1,2\r\n\r\n", [][]string{{"a", "b"}, {"1", "2"}}},
		"quotes":               {"a,b\n\"x,\"\"y\"\"\",\"\"\n", [][]string{{"a", "b"}, {`x,"y"`, ""}}},
		"line breaks inside":   {"a,b\n\"1\r\n2\n3\",z\r\n", [][]string{{"a", "b"}, {"1\r\n2\n3", "z"}}},
		"a quote in the midst": {"a,b\n5\" tall,x\n", [][]string{{"a", "b"}, {`5" tall`, "x"}}},
		"spaces behind quotes": {"a,b\n\"1\" ,2\n", [][]string{{"a", "b"}, {"1", "2"}}},
		"ragged":               {"a,b\n1\n1,2,3\n4,5\n", [][]string{{"a", "b"}, {"!has 1 cells, and the file has 2 columns"}, {"!has 3 cells, and the file has 2 columns"}, {"4", "5"}}},
		"NUL":                  {"a,b\n1,x\x00\n4,5\n", [][]string{{"a", "b"}, {"!b: has a NUL byte"}, {"4", "5"}}},
		"not UTF-8":            {"a,b\n\xe4,1\n4,5\n", [][]string{{"a", "b"}, {"!a: is not UTF-8: give the file's encoding"}, {"4", "5"}}},
		"behind quotes":        {"a,b\n\"1\"x,2\n4,5\n", [][]string{{"a", "b"}, {"!a: text stands behind the closing quotation mark; inside of quotation marks they are doubled"}, {"4", "5"}}},
		"never closed":         {"a,b\n1,\"2\n3,4\n", [][]string{{"a", "b"}, {"!b: a quotation mark opens that is never closed"}}},
		"headers":              {"a,,a, b \n1,2,3,4\n", [][]string{{"a", "column_2", "a (2)", "b"}, {"1", "2", "3", "4"}}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(test.text), "byte by byte": iotest.OneByteReader(strings.NewReader(test.text))} {
				got, err := readCSV(r, ',')
				if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
					t.Errorf("%s: %v %s", how, err, diff)
				}
			}
		})
	}
}

func TestCSVSaysWhereARowIs(t *testing.T) {
	s, err := newCSV(strings.NewReader("a,b\n1,\"x\ny\"\n\n2,z\n"), &Plan{Delimiter: ","})
	if err != nil {
		t.Fatal(err)
	}
	var row Row
	var got []string
	for s.Next(&row) == nil {
		got = append(got, fmt.Sprintf("%d at %d: %q", row.Number, row.Line, row.Raw))
	}
	want := []string{`1 at 2: "1,\"x\ny\""`, `2 at 5: "2,z"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What encoding/csv writes is read back, whatever it is.
func TestCSVReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delimiter := rapid.SampledFrom([]byte(",;\t|")).Draw(t, "delimiter")
		columns := rapid.IntRange(2, 4).Draw(t, "columns")
		cell := rapid.StringOf(rapid.RuneFrom([]rune("ab\",;\t|\n\r 'é€")))
		header := []string{"c0", "c1", "c2", "c3"}[:columns]
		want := [][]string{header}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = rune(delimiter)
		_ = w.Write(header)
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := rapid.SliceOfN(cell, columns, columns).Draw(t, "row")
			want = append(want, row)
			_ = w.Write(row)
		}
		w.Flush()
		got, err := readCSV(iotest.HalfReader(&b), delimiter)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// endless is a file of one line.
type endless struct {
	begin string
	left  int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.begin != "" {
		n := copy(p, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.left))
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= int64(n)
	return n, nil
}

func TestALineOfTwoGigabytesTakesNoMemory(t *testing.T) {
	const size = 2 << 30
	for name, test := range map[string]struct {
		plan  *Plan
		begin string
		want  string
	}{
		"CSV":        {csvPlan(), orderHeader + "1,2025-01-02,a@example.com,5\n2,", "row 2 (line 3): is longer than 1048576 bytes, which no event is. The rows"},
		"CSV quotes": {csvPlan(), orderHeader + "1,2025-01-02,a@example.com,5\n2,\"", "a quotation mark opens in created and is perhaps never closed"},
		"CSV header": {csvPlan(), "", "is longer than 1048576 bytes"},
		"NDJSON": {
			&Plan{Format: NDJSON, Columns: []Column{{Name: TargetID, Target: TargetID}, {Name: TargetTimestamp, Target: TargetTimestamp}, {Name: TargetEmail, Target: TargetEmail}}},
			`{"event_id":"1","event_timestamp":"2025-01-02","event_email":"a@example.com"}` + "\n{\"", "row 2 (line 2): is longer than 1048576 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			s := newService(t, m)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			x := imported(t, s, test.plan, &endless{test.begin, size})
			runtime.ReadMemStats(&after)
			if x.State != Failed || !strings.Contains(x.Message, test.want) {
				t.Errorf("%s: %s", x.State, x.Message)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d bytes were allocated", grown)
			}
			if test.begin != "" && (x.Accepted != 1 || x.Rows != 1) {
				t.Errorf("the row before it: %d accepted of %d", x.Accepted, x.Rows)
			}
		})
	}
}

const orderHeader = "order_id,created,email,amount\n"

func csvPlan() *Plan {
	return &Plan{Format: CSV, Delimiter: ",", Columns: []Column{
		{Name: "order_id", Target: TargetID},
		{Name: "created", Target: TargetTimestamp, Date: DateISO},
		{Name: "email", Target: TargetEmail},
		{Name: "amount", Target: PayloadPrefix + "amount", Type: TypeNumber},
	}}
}
