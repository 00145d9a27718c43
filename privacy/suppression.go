package privacy

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// Suppression tells whether an address is an erased person's. It is what the hot path
// asks: without erasures one atomic load, with some a few nanoseconds for an address
// whose prefilter no erased one has. It is safe for concurrent use.
type Suppression struct {
	refuse bool

	known atomic.Pointer[known] // nil: nobody was erased
	mu    sync.Mutex            // one change at a time
	run   map[hash]int          // erasures that run in this process
}

// known is what readers see: never changed once it is published.
type known struct {
	hasher  hasher
	refuse  bool
	bits    []uint64 // a bit for each prefilter's lower half
	hashes  map[hash]struct{}
	running map[hash]int
	lookup  func([]byte) (erased, refuse bool) // contains, bound once
}

// prefilterBits is the size of the bitmap: 128 kB, in which 10,000 erasures let one in
// a hundred other addresses through to the HMAC.
const prefilterBits = 1 << 20

// NewSuppression returns one that knows nobody yet. refuse says what Lookup says of
// people whose erasure is finished.
func NewSuppression(refuse bool) *Suppression {
	return &Suppression{refuse: refuse, run: map[hash]int{}}
}

// Lookup returns what tells of an address whether it is an erased person's and whether
// its events are to be refused; nil while there is nobody.
func (s *Suppression) Lookup() func(address []byte) (erased, refuse bool) {
	k := s.known.Load()
	if k == nil {
		return nil
	}
	return k.lookup
}

// Mentioned tells whether a text, such as a refused request, holds the address of an
// erased person.
func (s *Suppression) Mentioned(text []byte) bool {
	k := s.known.Load()
	if k == nil {
		return false
	}
	return anyForm(text, func(form []byte) bool {
		return eachAddress(form, func(address []byte) bool {
			erased, _ := k.contains(address)
			return erased
		})
	})
}

func (k *known) contains(address []byte) (erased, refuse bool) {
	var buf [256]byte
	small := lower(address, buf[:])
	p := k.hasher.prefilter(small) % prefilterBits
	if k.bits[p/64]&(1<<(p%64)) == 0 {
		return false, false
	}
	h := k.hasher.sum(bytes.Clone(small)) // or buf would be allocated for all
	if _, erased = k.hashes[h]; !erased {
		return false, false
	}
	return true, k.refuse || k.running[h] > 0
}

// entry is one erased person.
type entry struct {
	hash      hash
	prefilter uint32
}

// set makes these people, and those whose erasure runs here, the ones that are known.
func (s *Suppression) set(h hasher, people []entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(people) == 0 {
		s.known.Store(nil)
		return
	}
	k := &known{
		hasher: h, refuse: s.refuse, bits: make([]uint64, prefilterBits/64),
		hashes: make(map[hash]struct{}, len(people)), running: map[hash]int{},
	}
	for _, e := range people {
		p := e.prefilter % prefilterBits
		k.bits[p/64] |= 1 << (p % 64)
		k.hashes[e.hash] = struct{}{}
	}
	for h, n := range s.run {
		k.running[h] = n
	}
	k.lookup = k.contains
	s.known.Store(k)
}

// running notes that an erasure begins (1) or ends (-1); set makes it known.
func (s *Suppression) running(h hash, change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run[h] += change; s.run[h] <= 0 {
		delete(s.run, h)
	}
}
