package connection

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func genCounts(t *rapid.T) []Count {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) Count {
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		first := rapid.Int64Range(1, 1<<52).Draw(t, "first")
		last := rapid.Int64Range(first, 1<<53).Draw(t, "last")
		return Count{id, Stats{rapid.Uint64Min(1).Draw(t, "n"), time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()}}
	})).Draw(t, "counts")
}

func TestMarshalCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := genCounts(t)
		data := MarshalCounts([]byte("before"), counts)
		if string(data[:6]) != "before" {
			t.Fatal("what was in the slice is gone")
		}
		data = data[6:]
		got, err := UnmarshalCounts(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(counts, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		// Neither a part of it nor more of it is taken for it.
		cut := rapid.IntRange(1, len(data)-1).Draw(t, "cut")
		if _, err := UnmarshalCounts(data[:cut]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d of %d bytes: %v", cut, len(data), err)
		}
		if _, err := UnmarshalCounts(append(data, 0)); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("with one byte more: %v", err)
		}
	})
}

func TestUnmarshalNothing(t *testing.T) {
	if counts, err := UnmarshalCounts(nil); len(counts) > 0 || err != nil {
		t.Errorf("%v, %v", counts, err)
	}
}

func FuzzUnmarshalCounts(f *testing.F) {
	f.Add(MarshalCounts(nil, nil))
	f.Add(MarshalCounts(nil, []Count{
		{uuid.Max, Stats{1, time.UnixMicro(1), time.UnixMicro(1)}},
		{uuid.Nil, Stats{1 << 63, time.UnixMicro(1 << 50), time.UnixMicro(1 << 51)}},
	}))
	f.Add([]byte{countsVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		counts, err := UnmarshalCounts(data)
		if err != nil {
			return
		}
		again, err := UnmarshalCounts(MarshalCounts(nil, counts))
		if err != nil || len(again) != len(counts) {
			t.Fatalf("%d counts became %d, %v", len(counts), len(again), err)
		}
	})
}
