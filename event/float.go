package event

import (
	"bytes"
	"math"
	"math/bits"
)

//go:generate go run ./internal/fives

// Reading a float takes three steps, each for what the one before leaves open:
//
//  1. up to 53 bits of digits and a power of ten that is exact as a float64: one
//     multiplication or division, rounded once (Clinger 1990);
//  2. 64 bits of digits times a 128-bit power of five. The product is a lower
//     bound with a known error; if lower and upper bound round alike, done;
//  3. all digits against the midpoint of the two candidates, in big integers.
//
// strconv.ParseFloat gives the same results, except for integers of more than
// 800 digits. It is not used because its last step costs microseconds, which a
// sender could ask for with every number of a body ("5e-324",
// "9007199254740993e0").

// decimal is a literal taken apart: digits.fraction × 10^exponent.
type decimal struct {
	digits, fraction []byte
	exponent         int
	negative         bool
}

// exactTens are the powers of ten that a float64 holds exactly.
var exactTens = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// float64 returns the float64 nearest to n, ties to even; an infinity if n
// overflows. big is scratch space.
func (n *decimal) float64(big *bigReader) float64 {
	m, q, truncated := n.leading()
	var f float64
	switch {
	case !truncated && m <= 1<<53 && q >= 0 && q < len(exactTens):
		f = float64(m) * exactTens[q]
	case !truncated && m <= 1<<53 && q < 0 && -q < len(exactTens):
		f = float64(m) / exactTens[-q]
	case m == 0 || q < minFive:
		f = 0
	case q > maxFive:
		f = math.Inf(1)
	default:
		low, high := bounds(m, q, truncated)
		f = low.round()
		if f != high.round() {
			f = big.nearest(n, low)
		}
	}
	if n.negative {
		f = math.Copysign(f, -1)
	}
	return f
}

// leading returns the first 19 significant digits of n as an integer and the
// power of ten that goes with them. It reports whether a digit other than 0 was
// left out.
func (n *decimal) leading() (m uint64, q int, truncated bool) {
	if len(n.digits)+len(n.fraction) <= 19 {
		for _, c := range n.digits {
			m = m*10 + uint64(c-'0')
		}
		for _, c := range n.fraction {
			m = m*10 + uint64(c-'0')
		}
		return m, n.exponent - len(n.fraction), false
	}
	q = n.exponent - len(n.fraction)
	for _, part := range [2][]byte{n.digits, n.fraction} {
		for i, c := range part {
			if m >= 1e18 { // 19 digits
				q += len(part) - i
				truncated = truncated || len(bytes.TrimLeft(part[i:], "0")) > 0
				break
			}
			m = m*10 + uint64(c-'0')
		}
	}
	return m, q, truncated
}

// binary128 is the number (hi<<64 | lo) × 2^exponent, hi having its top bit set.
type binary128 struct {
	hi, lo   uint64
	exponent int
}

// bounds returns a lower and an upper bound of m × 10^q, m not being 0; they are
// equal if the number is known exactly. If truncated, it is m with more digits
// behind it.
func bounds(m uint64, q int, truncated bool) (low, high binary128) {
	five := &fives[q-minFive]
	lz := bits.LeadingZeros64(m)
	m <<= lz
	// m × five has 192 bits, of which the lowest 64 are dropped.
	hi, mid := bits.Mul64(m, five[0])
	carry, rest := bits.Mul64(m, five[1])
	mid, c := bits.Add64(mid, carry, 0)
	hi += c
	exponent := 64 - lz + floorLog2Five(q) - 127 + q

	low = binary128{hi, mid, exponent}.normal()
	var errHi, errLo uint64
	if q < 0 || q > maxExactFive {
		errLo = 2 // one for the rest of m × five, one for m × what five lacks
	} else if rest != 0 {
		errLo = 1
	}
	if truncated {
		errHi = 1 << lz // m is less than 1 too small, before it was shifted
	}
	if errHi|errLo == 0 {
		return low, low
	}
	mid, c = bits.Add64(mid, errLo, 0)
	hi += errHi + c // never carries: m has less than 2^64 and no five is near 2^128
	return low, binary128{hi, mid, exponent}.normal()
}

// normal shifts b up by the one bit that a product may lack.
func (b binary128) normal() binary128 {
	if b.hi>>63 == 0 {
		return binary128{b.hi<<1 | b.lo>>63, b.lo << 1, b.exponent - 1}
	}
	return b
}

// split returns the bits of b that a float64 keeps, in units of 2^unit, and how
// the dropped ones compare with half a unit (-1, 0, +1).
func (b binary128) split() (mantissa uint64, unit, half int) {
	const minUnit = -1074 // of the smallest subnormal
	drop := max(128-53, minUnit-b.exponent)
	unit = b.exponent + drop
	var rest, mid uint64 // the dropped bits less what lies in lo where more than 64 are dropped
	sticky := false
	switch {
	case drop > 128:
		return 0, unit, -1
	case drop == 128:
		rest, mid, sticky = b.hi, 1<<63, b.lo != 0
	default: // 75 to 127
		n := drop - 64
		mantissa = b.hi >> n
		rest, mid, sticky = b.hi&(1<<n-1), 1<<(n-1), b.lo != 0
	}
	switch {
	case rest < mid:
		half = -1
	case rest > mid || sticky:
		half = 1
	}
	return mantissa, unit, half
}

// round returns the float64 nearest to b.
func (b binary128) round() float64 {
	mantissa, unit, half := b.split()
	if half > 0 || half == 0 && mantissa&1 != 0 {
		mantissa++
	}
	return compose(mantissa, unit)
}

// compose returns mantissa × 2^unit, which is a float64 or overflows:
// mantissa ≤ 2^53, unit ≥ -1074, and 2^52 ≤ mantissa unless unit is -1074.
func compose(mantissa uint64, unit int) float64 {
	if mantissa >= 1<<53 {
		mantissa >>= 1
		unit++
	}
	if mantissa < 1<<52 { // subnormal: the exponent field is 0
		return math.Float64frombits(mantissa)
	}
	if unit > 971 {
		return math.Inf(1)
	}
	return math.Float64frombits(uint64(unit+1075)<<52 | mantissa&(1<<52-1))
}

// floorLog2Five returns the integer below log2(5^q), right for every q in the table.
func floorLog2Five(q int) int { return (217706*q)>>16 - q }
