package event

import "math"

// number reads the number at i, which begins with '-' or a digit. As ClickHouse
// does, it makes an Int of a literal without fraction and exponent that fits
// int64 ("-0" is Int 0), a Uint of one that fits only uint64, and a Float of any
// other that is finite ("-0.0" keeps its sign, 1e-400 is 0). What is left fits no
// 64-bit type and is kept as text, with a warning.
func (d *Decoder) number(i, depth int) int {
	b := d.body
	start := i
	if b[i] == '-' {
		i++
	}
	first := i
	var m uint64 // wraps around beyond 19 digits
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		m = m*10 + uint64(c)
	}
	digits := i - first
	if digits == 0 || digits > 1 && b[first] == '0' {
		return d.failDigits(start, first)
	}
	if i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') {
		return d.fraction(start, first, i, depth)
	}
	k := Int
	switch {
	case digits > 19 && !fitsUint64(b[first:i]):
		return d.keepAsText(start, i, depth)
	case first > start: // negative
		if m > 1<<63 || digits > 19 {
			return d.keepAsText(start, i, depth)
		}
		m = -m
	case m > math.MaxInt64:
		k = Uint
	}
	d.batch.Tape = append(d.batch.Tape, word(k, i-start, start), Word(m))
	return i
}

// fitsUint64 tells whether digits, more than 19 of them and the first not 0, fit uint64.
func fitsUint64(digits []byte) bool {
	return len(digits) == 20 && string(digits) <= "18446744073709551615"
}

// fraction goes on with a number at i, where its fraction or exponent begins.
// Its digits begin at first.
func (d *Decoder) fraction(start, first, i, depth int) int {
	b := d.body
	n := decimal{digits: b[first:i], negative: first > start}
	if b[i] == '.' {
		i++
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		if i == from {
			return d.failNumber(i, "a digit must follow the decimal point")
		}
		n.fraction = b[from:i]
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		minus := false
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			minus = b[i] == '-'
			i++
		}
		from := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			// No body is long enough for its digits to make up for such an exponent.
			if n.exponent < 1<<30 {
				n.exponent = n.exponent*10 + int(b[i]-'0')
			}
		}
		if i == from {
			return d.failNumber(i, "a digit must follow the exponent's 'e'")
		}
		if minus {
			n.exponent = -n.exponent
		}
	}
	f := n.float64(&d.big)
	if math.IsInf(f, 0) {
		return d.keepAsText(start, i, depth)
	}
	d.batch.Tape = append(d.batch.Tape, word(Float, i-start, start), Word(math.Float64bits(f)))
	return i
}

// keepAsText puts the number from start to end, which fits no 64-bit type, on
// the tape as a string.
func (d *Decoder) keepAsText(start, end, depth int) int {
	w := word(String, end-start, start)
	if d.inPayload {
		d.warnNumber(depth, w)
	}
	d.batch.Tape = append(d.batch.Tape, w)
	return end
}
