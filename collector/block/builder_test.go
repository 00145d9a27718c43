package block

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tributary-events/tributary/collector/dedup"
)

func TestBlock(t *testing.T) {
	batch := decode(t, body(`{"a":1}`, `null`, `{"b":["x"]}`, `{"a":"y"}`))
	b := New(Options{})
	if b.Rows() != 0 || b.Size() != 0 {
		t.Errorf("new: %d rows, %d bytes", b.Rows(), b.Size())
	}
	b.Append(connectionA, baseTime, batch, 0, 2)
	b.Append(connectionB, baseTime+50, batch, 2, 2)
	b.Append(connectionB, baseTime+100, batch, 1, 4)
	if b.Rows() != 5 {
		t.Errorf("Rows = %d, want 5", b.Rows())
	}
	var buf bytes.Buffer
	if n, err := b.WriteTo(&buf); err != nil || n != int64(buf.Len()) {
		t.Fatalf("WriteTo = %d, %v; wrote %d", n, err, buf.Len())
	}
	if !between(b.Size(), buf.Len()*8/10-500, buf.Len()) {
		t.Errorf("Size = %d, written %d", b.Size(), buf.Len())
	}
	rows, header := readBlock(buf.Bytes())
	want := []string{
		"connection_id UUID", "event_id String", "event_timestamp DateTime64(3, 'UTC')", "event_email String",
		"event_adb_cdt String", "event_payload JSON(max_dynamic_paths=128)", "received_at DateTime64(7, 'UTC')", "is_deleted UInt8",
	}
	if !slices.Equal(header, want) {
		t.Errorf("columns %q, want %q", header, want)
	}
	var names []string
	for _, h := range header {
		names = append(names, strings.Fields(h)[0])
	}
	if got := strings.Join(names, ", "); got != b.Columns() {
		t.Errorf("Columns = %q, the block has %q", b.Columns(), got)
	}
	for i, want := range []struct {
		connection [16]byte
		id         string
		receivedAt int64
	}{
		{connectionA, "e0000", baseTime},
		{connectionA, "e0001", baseTime + 1},
		{connectionB, "e0001", baseTime + 101},
		{connectionB, "e0002", baseTime + 102},
		{connectionB, "e0003", baseTime + 103},
	} {
		if r := rows[i]; r.connection != want.connection || r.id != want.id || r.receivedAt != want.receivedAt {
			t.Errorf("row %d: %+v, want %+v", i, r, want)
		}
	}
}

// Tombstones stand behind the events, without a payload, and do not stay for the next
// write or block; keys leave them out.
func TestTombstones(t *testing.T) {
	batch := decode(t, body(shapes...))
	b := blockOf(connectionA, batch, 0)
	events := b.Rows()
	write := func(write func(io.Writer) (int64, error)) []readRow {
		t.Helper()
		var buf bytes.Buffer
		if n, err := write(&buf); err != nil || n != int64(buf.Len()) {
			t.Fatalf("write = %d, %v; wrote %d", n, err, buf.Len())
		}
		rows, _ := readBlock(buf.Bytes())
		return rows
	}
	alone := write(b.WriteTo)
	b.Supersede([]dedup.Tombstone{
		{Connection: connectionB, ID: "moved", Timestamp: -5, Version: 10*(baseTime+7) + 5},
		{Connection: connectionA, ID: strings.Repeat("x", 512), Timestamp: 6, Version: 10*(baseTime+8) + 5},
	})
	got := write(b.WriteTo)
	want := append(slices.Clone(alone),
		readRow{connection: connectionB, id: "moved", timestamp: -5, receivedAt: baseTime + 7, deleted: true, payload: map[string]any{}},
		readRow{connection: connectionA, id: strings.Repeat("x", 512), timestamp: 6, receivedAt: baseTime + 8, deleted: true, payload: map[string]any{}})
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(readRow{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var keys, wantKeys []readRow
	var ids []dedup.ID
	b.Keys(func(k dedup.Key) {
		ids = append(ids, dedup.ID{byte(len(ids) + 1)})
		keys = append(keys, readRow{connection: k.Connection, id: string(k.ID), timestamp: k.Timestamp, receivedAt: k.ReceivedAt})
	})
	for _, r := range alone {
		r.email, r.cdt, r.payload = "", "", nil
		wantKeys = append(wantKeys, r)
	}
	if diff := cmp.Diff(wantKeys, keys, cmp.AllowUnexported(readRow{})); diff != "" || len(keys) != events {
		t.Errorf("%d keys, %d events (-want +got):\n%s", len(keys), events, diff)
	}
	for i := range keys {
		keys[i].connection, keys[i].id = [16]byte{}, string(ids[i][:])
	}
	written := write(func(w io.Writer) (int64, error) { return b.WriteKeys(w, ids) })
	if diff := cmp.Diff(keys, written, cmp.AllowUnexported(readRow{})); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	b.Supersede(nil)
	if diff := cmp.Diff(alone, write(b.WriteTo), cmp.AllowUnexported(readRow{})); diff != "" {
		t.Errorf("without them again (-want +got):\n%s", diff)
	}
	b.Supersede([]dedup.Tombstone{{ID: "gone with Reset"}})
	b.Reset()
	b.Append(connectionA, baseTime, batch, 0, 1)
	if rows := write(b.WriteTo); len(rows) != 1 {
		t.Errorf("%d rows after Reset, want 1", len(rows))
	}
}

func between(n, low, high int) bool { return n >= low && n <= high }

func TestEmptyBlock(t *testing.T) {
	b := New(Options{})
	var buf bytes.Buffer
	if n, err := b.WriteTo(&buf); n != 0 || err != nil || buf.Len() != 0 {
		t.Errorf("WriteTo = %d, %v, wrote %d", n, err, buf.Len())
	}
}

// TestWritesAgain: an insert that failed is tried again with the same block,
// and rows may follow.
func TestWritesAgain(t *testing.T) {
	batch := decode(t, body(shapes...))
	b := blockOf(connectionA, batch, 0)
	var first, second bytes.Buffer
	if _, err := b.WriteTo(&first); err != nil {
		t.Fatal(err)
	}
	if _, err := b.WriteTo(&second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the second time another block was written")
	}
	n := len(batch.Events)
	b.Append(connectionA, baseTime, batch, 0, n)
	if err := readsBack(b, batch, [][2]int{{0, n}, {0, n}}); err != nil {
		t.Error(err)
	}
}

// failing accepts n bytes.
type failing struct{ n int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > f.n {
		return f.n, errFull
	}
	f.n -= len(p)
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	b := blockOf(connectionA, decode(t, typicalBody(5000)), 0)
	for _, room := range []int{0, 1, 100_000, 500_000} {
		n, err := b.WriteTo(&failing{room})
		if !errors.Is(err, errFull) || n != int64(room) {
			t.Errorf("WriteTo a writer with room for %d = %d, %v", room, n, err)
		}
	}
	if err := readsBack(b, decode(t, typicalBody(5000)), [][2]int{{0, 5000}}); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

// TestReset uses one builder for blocks of every kind in turn.
func TestReset(t *testing.T) {
	b := New(Options{MaxDynamicPaths: 20})
	bodies := [][]byte{body(shapes...), typicalBody(300), wideBody(30, 60), itemsBody(50, 3), body(shapes[3:9]...)}
	for round := range 3 {
		for i, request := range bodies {
			batch := decode(t, request)
			n := len(batch.Events)
			b.Append(connectionA, baseTime, batch, 0, n)
			if err := readsBack(b, batch, [][2]int{{0, n}}); err != nil {
				t.Fatalf("round %d, body %d: %v", round, i, err)
			}
			b.Reset()
			if b.Rows() != 0 || b.Size() != 0 {
				t.Fatalf("after Reset: %d rows, %d bytes", b.Rows(), b.Size())
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, request := range map[string][]byte{"typical": typicalBody(900), "items": itemsBody(300, 4), "wide": wideBody(50, 300)} {
		batch := decode(t, request)
		b := New(Options{})
		n := len(batch.Events)
		round := func() {
			b.Append(connectionA, baseTime, batch, 0, n)
			if _, err := b.WriteTo(io.Discard); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
		for range 3 {
			round()
		}
		if allocs := testing.AllocsPerRun(20, round); allocs > 0 {
			t.Errorf("%s: %v allocations a block", name, allocs)
		}
	}
}
