package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func open(t testing.TB, opts Options) *Spool {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t testing.TB, s *Spool, texts ...string) {
	t.Helper()
	for _, x := range texts {
		if _, _, err := s.Append([][]byte{[]byte(x)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
}

func all(t testing.TB, s *Spool) []string {
	t.Helper()
	r := s.NewReader(s.Start())
	defer func() { _ = r.Close() }()
	var out []string
	for {
		rec, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(rec.Payload))
	}
}

func TestReadsBackInOrderAfterReopening(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for run := range 3 {
		s := open(t, Options{Dir: dir, SegmentSize: 100})
		for i := range 10 {
			want = append(want, fmt.Sprintf("run %d record %d", run, i))
			put(t, s, want[len(want)-1])
		}
		if diff := cmp.Diff(want, all(t, s)); diff != "" {
			t.Fatalf("run %d (-want +got):\n%s", run, diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPartsAreOneRecordAndAppendIsAllInOrder(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	start, end, err := s.Append([][]byte{[]byte("a"), []byte("b")}, [][]byte{[]byte("c")}, [][]byte{{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := all(t, s); got != nil {
		t.Fatalf("read %q before Sync", got)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ab", "c", ""}, all(t, s)); diff != "" {
		t.Fatal(diff)
	}
	r := s.NewReader(start)
	defer func() { _ = r.Close() }()
	var last Record
	for {
		rec, err := r.Next(context.Background())
		if err != nil {
			break
		}
		last = rec
	}
	if last.End != end || s.Durable() != end {
		t.Fatalf("the last record ends at %v, Append said %v, durable is %v", last.End, end, s.Durable())
	}
}

func TestReaderFollowsTheWriter(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), SegmentSize: 60})
	r := s.NewReader(s.Start())
	defer func() { _ = r.Close() }()
	for i := range 20 {
		if _, err := r.Next(context.Background()); !errors.Is(err, io.EOF) {
			t.Fatalf("before record %d: %v", i, err)
		}
		put(t, s, fmt.Sprint(i))
		rec, err := r.Next(context.Background())
		if err != nil || string(rec.Payload) != fmt.Sprint(i) {
			t.Fatalf("record %d: %q, %v", i, rec.Payload, err)
		}
		if err := s.Release(rec.End); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Segments; n != 1 {
		t.Fatalf("%d segments are left after everything was released", n)
	}
}

func TestReleaseKeepsWhatWasNotReleased(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir, SegmentSize: 1})
	put(t, s, "a")
	put(t, s, "b")
	put(t, s, "c")
	r := s.NewReader(s.Start())
	rec, err := r.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if err := s.Release(second.Start); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "c"}, all(t, s)); diff != "" {
		t.Fatalf("after releasing %v: %s", rec.End, diff)
	}
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(s.Durable()); err != nil {
		t.Fatal(err)
	}
	if got := all(t, s); got != nil {
		t.Fatalf("left: %q", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files left: %v, %v", files, err)
	}
}

func TestFull(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir(), SegmentSize: 200, MaxBytes: 1000})
	var n int
	for ; n < 100; n++ {
		_, _, err := s.Append([][]byte{make([]byte, 84)})
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if b := s.Stats().Bytes; b > 1000 || n < 7 {
		t.Fatalf("full after %d records, %d bytes", n, b)
	}
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(s.Durable()); err != nil {
		t.Fatal(err)
	}
	put(t, s, "room again")
}

func TestRecoverReplaysTheNewestSegmentOverItsMeta(t *testing.T) {
	dir := t.TempDir()
	meta := "counts after a and b"
	s := open(t, Options{Dir: dir, Meta: func() []byte { return []byte(meta) }})
	meta = "nothing yet"
	put(t, s, "a", "b")
	meta = "counts after a and b"
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	put(t, s, "c", "d")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	again := open(t, Options{Dir: dir})
	keep := func(b []byte) error { got = append(got, string(b)); return nil }
	if err := again.Recover(context.Background(), keep, keep); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"counts after a and b", "c", "d"}, got); diff != "" {
		t.Fatal(diff)
	}
}

// TestDamage is a table of faults that a disk or a crash can leave behind, and the records that must survive each.
func TestDamage(t *testing.T) {
	records := []string{"first record", "second record", "third record", strings.Repeat("fourth ", 50)}
	const second, third, fourth = 1, 2, 3
	type file struct {
		data  []byte
		start []int // of each record
	}
	tests := []struct {
		name    string
		fault   func(f *file)
		want    []string
		damaged uint64
	}{
		{"nothing", func(*file) {}, records, 0},
		{"a flipped bit in a payload", func(f *file) { f.data[f.start[second]+recordHeader+3] ^= 1 }, del(records, second), 1},
		{"a flipped bit in a length", func(f *file) { f.data[f.start[second]+5] ^= 1 }, del(records, second), 1},
		{"a flipped bit in a mark", func(f *file) { f.data[f.start[second]] ^= 1 }, del(records, second), 1},
		{"zeros over a record", func(f *file) { clear(f.data[f.start[second]:f.start[third]]) }, del(records, second), 1},
		{"two bad payloads", func(f *file) {
			f.data[f.start[0]+recordHeader] ^= 1
			f.data[f.start[third]+recordHeader] ^= 1
		}, []string{records[second], records[fourth]}, 2},
		{"a record cut out of the middle", func(f *file) {
			f.data = append(f.data[:f.start[second]:f.start[second]], f.data[f.start[third]:]...)
			// what follows stands at another offset than it was written for and is not believed
		}, records[:1], 1},
		{"a damaged segment header", func(f *file) { f.data[3] ^= 1 }, records, 1},
		{"a torn tail in the payload", func(f *file) { f.data = f.data[:len(f.data)-5] }, records[:fourth], 0},
		{"a torn tail in the header", func(f *file) { f.data = f.data[:f.start[fourth]+7] }, records[:fourth], 0},
		{"zeros behind the end", func(f *file) { f.data = append(f.data, make([]byte, 4096)...) }, records, 0},
		{"rubbish behind the end", func(f *file) { f.data = append(f.data, bytes.Repeat([]byte("rubbish"), 99)...) }, records, 1},
		{"an empty file", func(f *file) { f.data = nil }, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, Options{Dir: dir})
			f := file{}
			for _, x := range records {
				start, _, err := s.Append([][]byte{[]byte(x)})
				if err != nil {
					t.Fatal(err)
				}
				f.start = append(f.start, int(start.Offset))
			}
			path := s.path(s.active)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var err error
			if f.data, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
			tt.fault(&f)
			if err := os.WriteFile(path, f.data, 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, Options{Dir: dir})
			put(t, s, "appended later")
			if diff := cmp.Diff(append(append([]string(nil), tt.want...), "appended later"), all(t, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := s.Stats().Damaged; got != tt.damaged {
				t.Errorf("%d damaged records counted, want %d", got, tt.damaged)
			}
			copies, err := filepath.Glob(filepath.Join(dir, "damaged", "*"))
			if err != nil || uint64(len(copies)) != tt.damaged {
				t.Errorf("copies %v, %v", copies, err)
			}
		})
	}
}

func del(s []string, i int) []string {
	return append(append([]string(nil), s[:i]...), s[i+1:]...)
}

// A producer's payload may hold the very bytes of a record: even after damage
// the reader must not take them for one.
func TestAForgedRecordInsideAPayloadIsNotRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	put(t, s, "x")
	forged := appendRecord(nil, segment{seq: 1, salt: 0}, int64(segmentPrefix+4+recordHeader+1+recordHeader), [][]byte{[]byte("forged")})
	start, _, err := s.Append([][]byte{forged})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "y")
	path := s.path(s.active)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[start.Offset+5] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x", "y"}, all(t, open(t, Options{Dir: dir}))); diff != "" {
		t.Fatal(diff)
	}
}

// Whatever is cut off at whatever byte, the whole records before it are read.
func TestAnyCutKeepsWhatIsBeforeIt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		records := rapid.SliceOfN(rapid.StringN(0, 60, 200), 1, 20).Draw(rt, "records")
		s, err := Open(Options{Dir: dir})
		if err != nil {
			rt.Fatal(err)
		}
		var ends []int64
		for _, x := range records {
			_, end, err := s.Append([][]byte{[]byte(x)})
			if err != nil {
				rt.Fatal(err)
			}
			ends = append(ends, end.Offset)
		}
		path := s.path(s.active)
		if err := s.Close(); err != nil {
			rt.Fatal(err)
		}
		cut := rapid.Int64Range(0, ends[len(ends)-1]).Draw(rt, "cut")
		if err := os.Truncate(path, cut); err != nil {
			rt.Fatal(err)
		}
		var want []string
		for i, end := range ends {
			if end <= cut {
				want = append(want, records[i])
			}
		}
		s, err = Open(Options{Dir: dir})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, all(t, s)); diff != "" {
			rt.Fatalf("cut at %d: %s", cut, diff)
		}
		if n := s.Stats().Damaged; n != 0 {
			rt.Fatalf("a torn tail was counted as %d damaged records", n)
		}
	})
}
