package event

// keySet is one hash set for the keys of all large objects that are open at one
// time. Entries are indices into Decoder.keys. They stay in the table when their
// object is closed, and their place in keys may then hold another key; but among
// the places of the object that is being read an entry with the right text is
// right whoever put it there.
type keySet struct {
	seeds keySeeds
	slots []uint64 // epoch<<48 | tag<<32 | index into Decoder.keys; of another epoch = free
	used  int
	epoch uint64 // 1 to 65535
}

// largeObject is an open object whose keys are in the set.
type largeObject struct {
	base   int
	object uint32
}

// reset forgets all entries without touching the table, but for once in a while
// when the epochs have been used up.
func (s *keySet) reset() {
	s.used = 0
	if s.epoch++; s.epoch == 1<<16 {
		clear(s.slots)
		s.epoch = 1
	}
}

// place returns the slot to begin with for a key of an object. Objects have
// places of their own, or entries of closed ones with the same keys would be in
// the way.
func (s *keySet) place(object uint32, sum uint64) int {
	const golden = 0x9E3779B97F4A7C15 // 2^64 / golden ratio: spreads small numbers
	return int(((sum>>1)^uint64(object)*golden)>>8) & (len(s.slots) - 1)
}

// next returns the slot to go on with after j.
func (s *keySet) next(j int) int { return (j + 1) & (len(s.slots) - 1) }

// taken tells whether slot j has an entry.
func (s *keySet) taken(j int) bool { return s.slots[j]>>48 == s.epoch }

// mark returns what a slot has in its upper half for a key of this sum.
func (s *keySet) mark(sum uint64) uint64 { return s.epoch<<16 | sum>>48 }

// insert adds the entry of keys[at], a key of an object; there must be a free slot.
func (s *keySet) insert(object uint32, sum uint64, at int) {
	j := s.place(object, sum)
	for s.taken(j) {
		j = s.next(j)
	}
	s.slots[j] = s.mark(sum)<<32 | uint64(at)
	s.used++
}

// addToSet is addKey for an object that has pairwise keys or more.
func (d *Decoder) addToSet(object uint32, base int, key keyRef, depth int) {
	s := &d.set
	if len(d.keys)-base == pairwise {
		d.enlarge(object, base)
	}
	d.growSet(1)
	mark := s.mark(key.sum)
	j := s.place(object, key.sum)
	for ; s.taken(j); j = s.next(j) {
		if s.slots[j]>>32 != mark {
			continue
		}
		if at := int(uint32(s.slots[j])); at >= base && at < len(d.keys) && d.samePath(d.keys[at].text, key.text) {
			d.reportDuplicate(depth, key.text, d.keys[at].text)
			return
		}
	}
	s.slots[j] = mark<<32 | uint64(len(d.keys))
	s.used++
	d.keys = append(d.keys, keyRef{key.sum | inSet, key.text})
}

// enlarge puts the keys that an object has so far into the set, if they are not there.
func (d *Decoder) enlarge(object uint32, base int) {
	if d.keys[base].sum&inSet != 0 {
		return
	}
	if len(d.large) == 0 {
		d.set.reset() // nothing in it is needed any more: keep it small, within reach of the caches
	}
	d.large = append(d.large, largeObject{base, object})
	d.growSet(pairwise)
	for at := base; at < len(d.keys); at++ {
		k := &d.keys[at]
		d.set.insert(object, k.sum, at)
		k.sum |= inSet
	}
}

// growSet makes room for n more entries at a load of at most one half.
func (d *Decoder) growSet(n int) {
	s := &d.set
	if (s.used+n)*2 <= len(s.slots) {
		return
	}
	s.slots = make([]uint64, max(1024, 2*len(s.slots)))
	s.used = 0
	// Only keys of objects that are still open need their entries again. A key in
	// the set belongs to the innermost large object that begins at it or before.
	owner := -1
	for at, k := range d.keys {
		for owner+1 < len(d.large) && d.large[owner+1].base <= at {
			owner++
		}
		if k.sum&inSet != 0 {
			s.insert(d.large[owner].object, k.sum, at)
		}
	}
}
