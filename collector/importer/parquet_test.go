package importer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
)

type parquetRow struct {
	ID      int64            `parquet:"id"`
	Created time.Time        `parquet:"created,timestamp(microsecond)"`
	Email   string           `parquet:"email"`
	Score   *float64         `parquet:"score,optional"`
	Big     uint64           `parquet:"big"`
	Price   int64            `parquet:"price,decimal(2:18)"`
	Day     int32            `parquet:"day,date"`
	Key     uuid.UUID        `parquet:"key,uuid"`
	Tags    []string         `parquet:"tags,list"`
	Items   []parquetItem    `parquet:"items,list"`
	Plain   []int32          `parquet:"plain"`
	Nested  *parquetNested   `parquet:"nested,optional"`
	Labels  map[string]int64 `parquet:"labels"`
	Extra   string           `parquet:"extra,json"`
	Deep    [][]int64        `parquet:"deep,list"`
}

type parquetItem struct {
	SKU string  `parquet:"sku"`
	Qty []int32 `parquet:"qty,list"`
}

type parquetNested struct {
	A *int32 `parquet:"a,optional"`
	B struct {
		C bool `parquet:"c"`
	} `parquet:"b"`
}

func parquetFile(t testing.TB, rows ...parquetRow) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[parquetRow](&b, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(700))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	score, a := 5.0, int32(-1)
	at := time.Date(2025, 12, 8, 15, 21, 11, 804_000_000, time.UTC)
	file := parquetFile(t, parquetRow{
		ID: 1, Created: at, Email: "a@example.com", Score: &score, Big: 1<<64 - 1, Price: -5, Day: 20430,
		Key: crm, Tags: []string{"x", "ü\"\n"}, Items: []parquetItem{{"s", []int32{1, 2}}, {"t", nil}}, Plain: []int32{7, 8},
		Nested: &parquetNested{A: &a}, Labels: map[string]int64{"k": 9}, Extra: `{"a.b":[1,{"c":null}]}`, Deep: nil,
	}, parquetRow{ID: 2, Created: at, Email: "b@example.com", Extra: `[]`})
	m := newMemory()
	s := newService(t, m)
	g, err := s.Guess(Part{Head: bytes.NewReader(file), Whole: true}, nil, false)
	if err != nil || len(g.Questions) > 0 || *g.Total != 2 {
		t.Fatalf("%v %+v", err, g)
	}
	if x := imported(t, s, g.Plan, bytes.NewReader(file)); x.State != Done || x.Accepted != 2 {
		t.Fatalf("%+v", x)
	}
	want := map[string]string{
		"1": `{"score":5.0,"big":18446744073709551615,"price":-0.05,"day":"2025-12-08","key":"11111111-1111-4111-8111-111111111111",` +
			`"tags":["x","ü\"\n"],"items":[{"sku":"s","qty":[1,2]},{"sku":"t","qty":[]}],"plain":[7,8],"nested":{"a":-1,"b":{"c":false}},` +
			`"labels":{"k":9},"extra":{"a.b":[1,{"c":null}]},"deep":[]}`,
		"2": `{"big":0,"price":0.00,"day":"1970-01-01","key":"00000000-0000-0000-0000-000000000000","tags":[],"items":[],"plain":[],"labels":{},"extra":[],"deep":[]}`,
	}
	if diff := cmp.Diff(want, m.events); diff != "" {
		t.Error(diff)
	}
}

func manyRows(n int) []parquetRow {
	rows := make([]parquetRow, n)
	for i := range rows {
		rows[i] = parquetRow{
			ID: int64(i), Created: time.UnixMilli(1_700_000_000_000 + int64(i)), Email: "a@example.com", Extra: "{}",
			Tags: strings.Split(strings.Repeat("t ", i%5)+"u", " "),
		}
	}
	return rows
}

// Parquet goes on where it was cut off as other files do, and its preview needs but both ends.
func TestParquetInParts(t *testing.T) {
	file := parquetFile(t, manyRows(9000)...)
	m := newMemory()
	s := newService(t, m)
	g, err := s.Guess(Part{Head: bytes.NewReader(file[:len(file)/3]), Tail: file[len(file)-len(file)/3:], Size: int64(len(file))}, nil, false)
	if err != nil || len(g.Questions) > 0 || g.Rows == 0 || g.Refused > 0 || *g.Total != 9000 {
		t.Fatalf("%v %+v", err, g)
	}
	id := uuid.New()
	m.fault = func(batch int) error {
		if batch == 2 {
			return fmt.Errorf("read: %w", errNotSent)
		}
		return nil
	}
	job := func() Job { return Job{ID: id, Connection: crm, Plan: g.Plan, Body: bytes.NewReader(file)} }
	x, err := s.Run(t.Context(), job())
	if err != nil || x.State == Done || x.Rows == 0 || x.Rows == 9000 {
		t.Fatalf("%v %+v", err, x)
	}
	x.State = Interrupted
	if err := m.Save(t.Context(), &x); err != nil {
		t.Fatal(err)
	}
	m.fault = nil
	if x, err = s.Run(t.Context(), job()); err != nil || x.State != Done || x.Accepted != 9000 || len(m.order) != 9000 {
		t.Errorf("%v %+v; accepted %d times", err, x, len(m.order))
	}
}

// A file that is cut off or damaged anywhere ends in a message, never in a panic, and
// no event but those of the whole file comes of it … where its checksums tell; see below.
func TestParquetThatIsDamaged(t *testing.T) {
	file := parquetFile(t, manyRows(1500)...)
	m := newMemory()
	s := newService(t, m)
	g, err := s.Guess(Part{Head: bytes.NewReader(file), Whole: true}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{4, 11, 12, 100, len(file) / 2, len(file) - 9, len(file) - 1} {
		x := imported(t, s, g.Plan, bytes.NewReader(file[:n]))
		if x.State != Failed || !strings.Contains(x.Message, "cut off") && !strings.Contains(x.Message, "damaged") || x.Rows != 0 {
			t.Errorf("cut at %d of %d: %+v", n, len(file), x)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		bad := bytes.Clone(file)
		for range 1 + r.IntN(3) {
			bad[4+r.IntN(len(bad)-4)] ^= 1 << r.IntN(8)
		}
		x := imported(t, s, g.Plan, bytes.NewReader(bad))
		if x.State != Done && (x.State != Failed || x.Message == "") {
			t.Errorf("%+v", x)
		}
	}
}
