package block

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/tributary-events/tributary/event"
)

// shapes are payloads of every kind; the fuzzer's seeds too.
var shapes = []string{
	`{}`, `null`, `{"a":null}`, `{"a":{}}`, `{"a":1,"b":"x","c":1.5,"d":true,"e":18446744073709551615}`,
	`{"a":[]}`, `{"a":[null]}`, `{"a":[1,null,2]}`, `{"a":[1,2.5]}`, `{"a":[true,1,"x",null,[1],{"b":1}]}`,
	`{"a":[9007199254740993,1.5]}`, `{"a":[{"b":1,"c":[{"d":"x"}]},{"b":"y"}]}`, `{"a":[{"b":1},null]}`,
	`{"a":[[1],[2.5],[]]}`, `{"a":[[1],["x"]]}`, `{"a":[[{"b":1}],[null]]}`, `{"a":[[1],null]}`,
	`{"":1,"a.b":{"":2,"c.d":3}}`, `{"":{"":{"":[{"":{"":[]}}]}}}`, `{"a":{"b":{"c":{"d":[{"e":{"f":[[[{"g":1}]]]}}]}}}}`,
	`{"a":1e400,"b":123456789012345678901234567890,"c":-0.0,"d":5e-324}`,
	`{"é\n\"":"\u00e9\ud83d\ude00","\t":[""]}`,
}

// FuzzBuilder feeds one payload, repeated and mixed with others, to builders
// with few and with many columns, and reads their blocks back.
func FuzzBuilder(f *testing.F) {
	for _, s := range shapes {
		f.Add(s, uint8(3))
	}
	f.Add(`{"a":{"b":[{"x":1},{"y":[1,"x"]}]},"c":[[[]]],"d":1}`, uint8(0))
	decoder := event.NewDecoder()
	f.Fuzz(func(t *testing.T, payload string, columns uint8) {
		batch, err := decoder.Decode(body(payload, `{"a":1,"b":{"c":"x"}}`, payload), event.Options{})
		if err != nil {
			return
		}
		b := New(Options{MaxDynamicPaths: max(1, int(columns))})
		for round := range 3 {
			b.Append(connectionA, baseTime, batch, 0, 3)
			b.Append(connectionB, baseTime, batch, 1, 3)
			if err := readsBack(b, batch, [][2]int{{0, 3}, {1, 3}}); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			b.Reset()
		}
	})
}

// readsBack tells whether b's block holds these ranges of the batch.
func readsBack(b *Builder, batch *event.Batch, ranges [][2]int) (err error) {
	var buf bytes.Buffer
	n, err := b.WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		return fmt.Errorf("WriteTo = %d, %w; wrote %d", n, err, buf.Len())
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not a block: %v", p)
		}
	}()
	rows, _ := readBlock(buf.Bytes())
	if len(rows) != b.Rows() {
		return fmt.Errorf("%d rows, want %d", len(rows), b.Rows())
	}
	for _, r := range ranges {
		for i := r[0]; i < r[1]; i++ {
			row := rows[0]
			rows = rows[1:]
			e := batch.Events[i]
			if row.id != string(batch.Text(e.ID)) || row.email != string(batch.Text(e.Email)) || row.cdt != string(batch.Text(e.CDT)) ||
				row.timestamp != e.Timestamp || row.receivedAt != baseTime+int64(i) {
				return fmt.Errorf("event %d came back as %+v", i, row)
			}
			want := map[string]any{}
			if e.Payload != 0 {
				v, _ := value(batch, e.Payload)
				want = v.(map[string]any)
			}
			if !same(want, any(row.payload)) {
				return fmt.Errorf("event %d: payload\n%v\ncame back as\n%v", i, want, row.payload)
			}
		}
	}
	if len(rows) > 0 {
		return fmt.Errorf("%d rows too many", len(rows))
	}
	return nil
}
