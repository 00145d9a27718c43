package export

import (
	"errors"
	"strconv"
	"strings"
)

var errRenderings = errors.New("the two renderings of a payload do not fit each other")

// markFloats appends the JSON of a payload with every float written as one: 5 as 5.0.
// bare and quoted are its renderings, which differ only in that floats stand in
// quotation marks in the second.
func markFloats(dst []byte, bare, quoted string) ([]byte, error) {
	i, j := 0, 0
	for i < len(bare) {
		if j >= len(quoted) {
			return dst, errRenderings
		}
		c := bare[i]
		switch {
		case c == '"':
			end := stringEnd(bare, i)
			if end < 0 || !strings.HasPrefix(quoted[j:], bare[i:end]) {
				return dst, errRenderings
			}
			dst = append(dst, bare[i:end]...)
			i, j = end, j+end-i
		case c != quoted[j]: // a float
			end := i
			for end < len(bare) && !strings.ContainsRune(",]} ", rune(bare[end])) {
				end++
			}
			number := bare[i:end]
			if quoted[j] != '"' || !strings.HasPrefix(quoted[j+1:], number+`"`) {
				return dst, errRenderings
			}
			dst = appendFloat(dst, number)
			i, j = end, j+len(number)+2
		default:
			dst = append(dst, c)
			i, j = i+1, j+1
		}
	}
	if j != len(quoted) {
		return dst, errRenderings
	}
	return dst, nil
}

// stringEnd returns the index behind the string that begins at i, or -1.
func stringEnd(text string, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// appendFloat writes a float so that nobody takes it for an integer. A long row of
// zeros is written with an exponent, since 1e20 may not grow to 21 digits: an event has
// room for 300 kB.
func appendFloat(dst []byte, number string) []byte {
	if strings.ContainsAny(number, ".eE") {
		return append(dst, number...)
	}
	if len(number) > 7 {
		if f, err := strconv.ParseFloat(number, 64); err == nil {
			short := strconv.FormatFloat(f, 'e', -1, 64)
			short = strings.NewReplacer("e+0", "e", "e+", "e").Replace(short)
			if len(short) < len(number) {
				return append(dst, short...)
			}
		}
	}
	return append(append(dst, number...), ".0"...)
}
