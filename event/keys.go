package event

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// Two keys of one object are duplicates if their texts are equal. Inside
// event_payload two more are: ClickHouse stores a key's dot as "%2E"
// (json_type_escape_dots_in_keys), so "a.b" and "a%2Eb" become one path there.
// A key's path form is its text with every dot replaced so; it is what is
// compared. No other keys meet: only dots are escaped, paths are compared as
// bytes, and an object's own dot joins escaped keys.

// keyRef is a key of an open object.
type keyRef struct {
	sum  uint64 // of the path form; its lowest bit tells whether the key is in the set
	text Word
}

const inSet = 1

// pairwise is the number of keys up to which each new one is compared with all
// others of its object. Objects with more go through the hash set.
const pairwise = 16

// addKey notes a key of an object and reports it if the object has it already.
// The object's keys are those from base on; object is its number in the body.
func (d *Decoder) addKey(object uint32, base int, key Word, depth int) {
	sum, dot := d.keySum(key)
	if dot && d.inPayload {
		sum = d.set.seeds.sum(d.pathForm(key))
	}
	if len(d.keys)-base >= pairwise {
		d.addToSet(object, base, keyRef{sum, key}, depth)
		return
	}
	for j := base; j < len(d.keys); j++ {
		if k := &d.keys[j]; k.sum == sum && d.samePath(k.text, key) {
			d.reportDuplicate(depth, key, k.text)
			return
		}
	}
	d.keys = append(d.keys, keyRef{sum, key})
}

// dropKeys forgets the keys of an object that is closed.
func (d *Decoder) dropKeys(base int) {
	if n := len(d.large); n > 0 && d.large[n-1].base == base {
		d.large = d.large[:n-1]
	}
	d.keys = d.keys[:base]
}

// pathForm returns the path form of a key that has a dot, in scratch space.
func (d *Decoder) pathForm(key Word) []byte {
	text, out := d.batch.Text(key), d.scratch[:0]
	for dot := bytes.IndexByte(text, '.'); dot >= 0; dot = bytes.IndexByte(text, '.') {
		out = append(append(out, text[:dot]...), "%2E"...)
		text = text[dot+1:]
	}
	d.scratch = append(out, text...)
	return d.scratch
}

// samePath tells whether two keys have one path form.
func (d *Decoder) samePath(x, y Word) bool {
	a, b := d.batch.Text(x), d.batch.Text(y)
	if bytes.Equal(a, b) {
		return true
	}
	if !d.inPayload {
		return false
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
		case a[0] == '.' && bytes.HasPrefix(b, []byte("%2E")):
			b = b[2:]
		case b[0] == '.' && bytes.HasPrefix(a, []byte("%2E")):
			a = a[2:]
		default:
			return false
		}
		a, b = a[1:], b[1:]
	}
	return len(a) == len(b)
}

// keySum returns the sum of a key, and whether it has a dot. It is keySeeds.sum
// for the usual place of a key, where eight bytes can be read at once.
func (d *Decoder) keySum(key Word) (sum uint64, dot bool) {
	at, n := key.Offset(), key.Len()
	if n > 16 || key&unescapedBit != 0 || at+8 > len(d.body) {
		text := d.batch.Text(key)
		return d.set.seeds.sum(text), bytes.IndexByte(text, '.') >= 0
	}
	first := binary.LittleEndian.Uint64(d.body[at:])
	var last uint64
	if n < 8 {
		first &= 1<<(8*n) - 1
	} else {
		last = binary.LittleEndian.Uint64(d.body[at+n-8:])
	}
	f, l := first^ones*'.', last^ones*'.'
	dot = ((f-ones)&^f|(l-ones)&^l)&highs != 0
	return d.set.seeds.short(first, last, n), dot
}

// keySeeds make sums of keys that no sender can foresee.
type keySeeds struct {
	long        maphash.Seed
	first, last uint64
}

func newKeySeeds() keySeeds {
	s := keySeeds{long: maphash.MakeSeed()}
	s.first, s.last = maphash.String(s.long, "first"), maphash.String(s.long, "last")
	return s
}

// sum returns an even number that is equal for equal texts and for others hardly ever.
func (s *keySeeds) sum(text []byte) uint64 {
	n := len(text)
	switch {
	case n > 16:
		return maphash.Bytes(s.long, text) &^ inSet
	case n >= 8:
		return s.short(binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:]), n)
	}
	var first uint64
	for i, c := range text {
		first |= uint64(c) << (8 * i)
	}
	return s.short(first, 0, n)
}

// short is sum for up to 16 bytes: the first eight and the last eight, or 0 for
// the last if there are no eight. Multiplying to 128 bits with secrets is what
// the runtime's own hash does for short keys where it has no AES.
func (s *keySeeds) short(first, last uint64, n int) uint64 {
	hi, lo := bits.Mul64(first^s.first, last^s.last^uint64(n))
	return (hi ^ lo) &^ inSet
}
