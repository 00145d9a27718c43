package dedup

import (
	"math/bits"
	"sync"
)

// filter is a Bloom filter of ids that grows: what it does not know was never added.
// It is in layers, each twice as large as the one before, because a Bloom filter
// cannot be enlarged. A block of one cache line holds all bits of an id, so that a
// look costs one cache miss a layer.
//
// Safe for concurrent use.
type filter struct {
	mu     sync.Mutex
	layers []layer
}

type layer struct {
	blocks   []block
	room     int // ids that it still takes
	capacity int
}

type block [8]uint64

const (
	// 16 bits an id: of the ids never seen, about two in a thousand are looked up in
	// vain, and 20 million ids take 50 MB.
	bitsPerID  = 16
	hashes     = 7
	blockBits  = 512
	firstLayer = 1 << 20 // ids
)

// reserve makes room for n ids at once, where it is known how many will come.
func (f *filter) reserve(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(n)
}

func (f *filter) grow(n int) {
	n = max(n, firstLayer)
	if len(f.layers) > 0 {
		n = max(n, 2*f.layers[len(f.layers)-1].capacity)
	}
	f.layers = append(f.layers, layer{blocks: make([]block, n*bitsPerID/blockBits+1), room: n, capacity: n})
}

// add adds ids by their hashes. seen, of the same length, is set to whether an id
// may have been there before, an earlier one of the same call included.
func (f *filter) add(ids []uint64, seen []bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, h := range ids {
		seen[i] = f.addOne(h)
	}
}

func (f *filter) addOne(h uint64) bool {
	for i := range f.layers {
		if f.layers[i].has(h) {
			return true
		}
	}
	if len(f.layers) == 0 || f.layers[len(f.layers)-1].room == 0 {
		f.grow(0)
	}
	f.layers[len(f.layers)-1].set(h)
	return false
}

func (l *layer) block(h uint64) *block {
	i, _ := bits.Mul64(h, uint64(len(l.blocks)))
	return &l.blocks[i]
}

// spread makes the bit numbers of an id: the hash's upper bits have chosen the block,
// so that they are mixed once more.
func spread(h uint64) uint64 { return h * 0x9E3779B97F4A7C15 }

func (l *layer) has(h uint64) bool {
	b, s := l.block(h), spread(h)
	for range hashes {
		if b[s>>61]&(1<<(s>>55&63)) == 0 {
			return false
		}
		s = bits.RotateLeft64(s, 9)
	}
	return true
}

func (l *layer) set(h uint64) {
	b, s := l.block(h), spread(h)
	for range hashes {
		b[s>>61] |= 1 << (s >> 55 & 63)
		s = bits.RotateLeft64(s, 9)
	}
	l.room--
}
