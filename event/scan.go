package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// textFault is what makes a text unfit for storing although it is JSON.
type textFault uint8

const (
	faultNone textFault = iota
	faultNUL
	faultSurrogate
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of x that end the plain run of a string: quote,
// backslash, control characters and everything outside ASCII. The lowest mark
// is exact; marks above it may be false, since a borrow runs upwards.
func special(x uint64) uint64 {
	// XOR with 2 leaves control characters below 0x20, makes the quote 0x20 and
	// lets no other character of ASCII fall below 0x21.
	quote, slash := (x^ones*2)-ones*0x21, (x^ones*'\\')-ones
	return (quote | slash | x) & highs
}

// space returns the position of the first byte from i on that is not JSON white space.
func space(b []byte, i int) int {
	const mask = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'
	for i < len(b) && b[i] <= ' ' && mask>>b[i]&1 != 0 {
		i++
	}
	return i
}

// text reads the string whose opening quote is at i and returns its word. A zero
// word stands for a text that has a fault: fault and faultText say which.
func (d *Decoder) text(i int) (Word, int) {
	b := d.body
	start := i + 1
	i = start
	for i+8 <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] == '"' {
				return word(String, i-start, start), i + 1
			}
			break
		}
		i += 8
	}
	return d.textSlow(start, i)
}

// textSlow goes on with a string at i, of which start to i is plain ASCII.
func (d *Decoder) textSlow(start, i int) (Word, int) {
	b := d.body
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return word(String, i-start, start), i + 1
		case c == '\\':
			return d.textEscaped(start, i)
		case c < 0x20:
			return 0, d.failControl(i)
		case c < utf8.RuneSelf:
			i = plain(b, i)
		default:
			n := runeLen(b[i:])
			if n == 0 {
				return 0, d.failUTF8(i)
			}
			i += n
		}
	}
	return 0, d.failInString(i)
}

// plain returns the end of the run of plain ASCII that begins at i.
func plain(b []byte, i int) int {
	for i+8 <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= 0x20 && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// runeLen returns the length of the well-formed UTF-8 sequence outside ASCII at
// the start of b, 0 if there is none.
func runeLen(b []byte) int {
	// Two and three bytes without the special cases of the table in the Unicode
	// standard (3-7) are nearly all text.
	if len(b) >= 3 {
		switch c := b[0]; {
		case c >= 0xC2 && c <= 0xDF:
			if b[1]&0xC0 == 0x80 {
				return 2
			}
			return 0
		case c >= 0xE1 && c <= 0xEC:
			if b[1]&0xC0 == 0x80 && b[2]&0xC0 == 0x80 {
				return 3
			}
			return 0
		}
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

// textEscaped goes on with a string that has its first escape at i: from here
// on it is copied to Unescaped.
func (d *Decoder) textEscaped(start, i int) (Word, int) {
	b := d.body
	out := d.batch.Unescaped
	offset := len(out)
	fault := faultNone
	run := start // what lies between run and i is yet to be copied
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			out = append(out, b[run:i]...)
			d.batch.Unescaped = out
			w := word(String, len(out)-offset, offset) | unescapedBit
			if fault != faultNone {
				d.fault, d.faultText = fault, w
				w = 0
			}
			return w, i + 1
		case c == '\\':
			out = append(out, b[run:i]...)
			var f textFault
			if out, i, f = d.escape(out, i); i < 0 {
				return 0, i
			}
			if fault == faultNone {
				fault = f
			}
			run = i
		case c < 0x20:
			return 0, d.failControl(i)
		case c < utf8.RuneSelf:
			i = plain(b, i)
		default:
			n := runeLen(b[i:])
			if n == 0 {
				return 0, d.failUTF8(i)
			}
			i += n
		}
	}
	return 0, d.failInString(i)
}

// unescape maps the letter of a two-byte escape to its character. No escape
// stands for NUL, so zero means none.
var unescape = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads the escape sequence whose backslash is at i, a surrogate pair
// being one, and appends its character to out.
func (d *Decoder) escape(out []byte, i int) ([]byte, int, textFault) {
	b := d.body
	if i++; i == len(b) {
		return out, d.failInString(i), faultNone
	}
	if c := unescape[b[i]]; c != 0 {
		return append(out, c), i + 1, faultNone
	}
	if b[i] != 'u' {
		return out, d.failEscape(i), faultNone
	}
	r, i := d.hex4(i + 1)
	switch {
	case i < 0:
		return out, i, faultNone
	case r == 0:
		return append(out, 0), i, faultNUL
	case r < utf8.RuneSelf:
		return append(out, byte(r)), i, faultNone
	case r < 0xD800 || r > 0xDFFF:
		return utf8.AppendRune(out, r), i, faultNone
	case r < 0xDC00 && i+1 < len(b) && b[i] == '\\' && b[i+1] == 'u':
		low, next := d.hex4(i + 2)
		if next < 0 {
			return out, next, faultNone
		}
		if low >= 0xDC00 && low <= 0xDFFF {
			return utf8.AppendRune(out, (r-0xD800)<<10|(low-0xDC00)+0x10000), next, faultNone
		}
	}
	return utf8.AppendRune(out, utf8.RuneError), i, faultSurrogate
}

// hexDigit maps a hexadecimal digit to its value + 1.
var hexDigit = [256]uint8{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
	'A': 11, 'B': 12, 'C': 13, 'D': 14, 'E': 15, 'F': 16,
}

// hex4 reads the four digits of a \u escape at i.
func (d *Decoder) hex4(i int) (rune, int) {
	var r rune
	for end := i + 4; i < end; i++ {
		if i >= len(d.body) {
			return 0, d.failInString(len(d.body))
		}
		h := hexDigit[d.body[i]]
		if h == 0 {
			return 0, d.fail(i, `\u must be followed by four hexadecimal digits`)
		}
		r = r<<4 | rune(h-1)
	}
	return r, i
}
