package event

import (
	"bytes"
	"math/bits"
)

// bigReader decides where two neighbouring floats are equally likely after 128
// bits. It holds the limbs of both sides, least significant first, for reuse.
type bigReader struct{ left, right []uint64 }

// maxDigits is how many significant digits can matter: a midpoint of two
// float64 has at most 767, and one more tells whether it is passed.
const maxDigits = 768

// nearest returns the float64 nearest to |n|, given a lower bound so close that
// only the bound's float (cut, not rounded) and the next one come into question.
func (r *bigReader) nearest(n *decimal, low binary128) float64 {
	mantissa, unit, _ := low.split()
	switch c := r.compare(n, 2*mantissa+1, unit-1); {
	case c > 0, c == 0 && mantissa&1 != 0:
		mantissa++
	}
	return compose(mantissa, unit)
}

// compare returns the sign of |n| - m × 2^e.
func (r *bigReader) compare(n *decimal, m uint64, e int) int {
	q := r.setDigits(n) // |n| = left × 10^q
	r.right = append(r.right[:0], m)
	// Both sides in integers: powers of five to where they make none smaller
	// than 1, powers of two by one shift.
	if q >= 0 {
		r.left = mulFive(r.left, q)
	} else {
		r.right = mulFive(r.right, -q)
	}
	if shift := q - e; shift >= 0 {
		r.left = shiftLeft(r.left, shift)
	} else {
		r.right = shiftLeft(r.right, -shift)
	}
	return compareLimbs(r.left, r.right)
}

// setDigits makes left the significant digits of n and returns their power of
// ten. Digits beyond maxDigits become a single 1 unless they are all 0.
func (r *bigReader) setDigits(n *decimal) (q int) {
	r.left = r.left[:0]
	q = n.exponent - len(n.fraction)
	room, rest := maxDigits, false
	for _, part := range [2][]byte{n.digits, n.fraction} {
		if room == maxDigits { // leading zeros are not significant
			part = bytes.TrimLeft(part, "0")
		}
		for len(part) > 0 && room > 0 {
			size := min(len(part), room, 19)
			chunk, scale := uint64(0), uint64(1)
			for _, c := range part[:size] {
				chunk = chunk*10 + uint64(c-'0')
				scale *= 10
			}
			r.left = mulAdd(r.left, scale, chunk)
			part, room = part[size:], room-size
		}
		q += len(part)
		rest = rest || len(bytes.TrimLeft(part, "0")) > 0
	}
	if rest {
		r.left = mulAdd(r.left, 10, 1)
		q--
	}
	return q
}

// mulAdd returns x × factor + add, in x where it has room.
func mulAdd(x []uint64, factor, add uint64) []uint64 {
	for i, limb := range x {
		hi, lo := bits.Mul64(limb, factor)
		lo, c := bits.Add64(lo, add, 0)
		x[i], add = lo, hi+c
	}
	if add != 0 {
		x = append(x, add)
	}
	return x
}

// mulFive returns x × 5^q.
func mulFive(x []uint64, q int) []uint64 {
	const step, five27 = 27, 7450580596923828125 // the largest power in 64 bits
	for ; q >= step; q -= step {
		x = mulAdd(x, five27, 0)
	}
	factor := uint64(1)
	for ; q > 0; q-- {
		factor *= 5
	}
	return mulAdd(x, factor, 0)
}

// shiftLeft returns x × 2^n.
func shiftLeft(x []uint64, n int) []uint64 {
	x = mulAdd(x, 1<<(n%64), 0)
	if words := n / 64; words > 0 {
		size := len(x)
		for range words {
			x = append(x, 0)
		}
		copy(x[words:], x[:size])
		clear(x[:words])
	}
	return x
}

// compareLimbs returns the sign of x - y; neither has a zero on top.
func compareLimbs(x, y []uint64) int {
	if len(x) != len(y) {
		if len(x) < len(y) {
			return -1
		}
		return 1
	}
	for i := len(x) - 1; i >= 0; i-- {
		if x[i] != y[i] {
			if x[i] < y[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}
