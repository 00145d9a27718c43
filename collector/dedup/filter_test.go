package dedup

import (
	"math/rand/v2"
	"testing"
)

// What was added is known for ever, through every growth; what was not is rarely
// taken for known.
func TestFilter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var f filter
	const batch = 10_000
	total := 3*firstLayer + firstLayer/2 // three layers
	var added []uint64
	hashes, seen := make([]uint64, batch), make([]bool, batch)
	wrong := 0
	for len(added) < total {
		for i := range hashes {
			hashes[i] = random.Uint64()
		}
		f.add(hashes, seen)
		for _, s := range seen {
			if s {
				wrong++
			}
		}
		added = append(added, hashes...)
	}
	if len(f.layers) < 2 {
		t.Errorf("%d layers: the filter did not grow", len(f.layers))
	}
	if share := float64(wrong) / float64(len(added)); share > 0.02 {
		t.Errorf("%.2f %% of new ids are taken for known", 100*share)
	}
	for i := 0; i+batch <= len(added); i += batch {
		f.add(added[i:i+batch], seen)
		for j, s := range seen {
			if !s {
				t.Fatalf("id %d of %d is forgotten", i+j, len(added))
			}
		}
	}
}

// Two ids of one call that are the same: the second has been there before.
func TestFilterWithinACall(t *testing.T) {
	var f filter
	f.reserve(10)
	seen := make([]bool, 3)
	f.add([]uint64{7, 9, 7}, seen)
	if seen[0] || seen[1] || !seen[2] {
		t.Errorf("seen %v, want [false false true]", seen)
	}
}

func BenchmarkFilter(b *testing.B) {
	var f filter
	f.reserve(20_000_000)
	const batch = 100_000
	hashes, seen := make([]uint64, batch), make([]bool, batch)
	for b.Loop() {
		for i := range hashes {
			hashes[i] = rand.Uint64()
		}
		f.add(hashes, seen)
		f.layers[0].room += batch // or it would grow for ever
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/id")
}
