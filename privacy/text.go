package privacy

import (
	"bytes"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// maxInflated bounds what is read of a compressed text: bodies of requests are smaller.
const maxInflated = 4 << 20

// mentions returns what tells whether a text holds a normalised address, in any of the
// forms that texts are looked at in.
func mentions(address string) func(text []byte) bool {
	wanted := []byte(address)
	return func(text []byte) bool {
		return anyForm(text, func(form []byte) bool { return bytes.Contains(form, wanted) })
	}
}

// anyForm calls found with a text in lower case, as it is and as JSON, a URL, UTF-16
// or gzip would be read, until it says true. A text is what somebody sent that was
// refused, perhaps cut off: nothing about it is certain.
func anyForm(text []byte, found func(form []byte) bool) bool {
	if plainForms(text, found) {
		return true
	}
	if i := bytes.Index(text, []byte{0x1f, 0x8b}); i >= 0 {
		if z, err := gzip.NewReader(bytes.NewReader(text[i:])); err == nil {
			// What comes before an error is text all the same.
			inflated, _ := io.ReadAll(io.LimitReader(z, maxInflated))
			return len(inflated) > 0 && plainForms(inflated, found)
		}
	}
	return false
}

func plainForms(text []byte, found func([]byte) bool) bool {
	// Broken UTF-8 comes out as a character that is no letter.
	small := bytes.ReplaceAll(bytes.ToLower(text), []byte("\uFFFD"), []byte(" "))
	if found(small) {
		return true
	}
	if bytes.IndexByte(small, '\\') >= 0 && found(bytes.ToLower(unescape(small))) {
		return true
	}
	if bytes.Contains(small, []byte("%40")) && found(bytes.ReplaceAll(small, []byte("%40"), []byte("@"))) {
		return true
	}
	if bytes.IndexByte(text, 0) >= 0 {
		// ASCII in UTF-16 and UTF-32 is itself between zeros.
		return found(bytes.ToLower(bytes.ReplaceAll(text, []byte{0}, nil)))
	}
	return false
}

// unescape resolves JSON's escapes, as far as they are any.
func unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' || i+1 == len(text) {
			out = append(out, c)
			continue
		}
		i++
		switch c = text[i]; c {
		case 'u':
			if i+5 <= len(text) {
				if n, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16); err == nil {
					out = utf8.AppendRune(out, rune(n))
					i += 4
				}
			}
		case '"', '\\', '/':
			out = append(out, c)
		default: // a control character: no part of an address
			out = append(out, ' ')
		}
	}
	return out
}

// eachAddress calls found with every part of a text that may be an address, until it
// says true. A long run of characters around an @ is given in its shorter beginnings
// and ends too, because texts write signs right before and behind addresses.
func eachAddress(text []byte, found func(address []byte) bool) bool {
	for at := 0; ; at++ {
		next := bytes.IndexByte(text[at:], '@')
		if next < 0 {
			return false
		}
		at += next
		start, end := at, at+1
		for start > 0 && partOfAddress(text[start-1]) && at-start < 64 {
			start--
		}
		for end < len(text) && partOfDomain(text[end]) && end-at < 255 {
			end++
		}
		for end > at+1 && (text[end-1] == '.' || text[end-1] == '-') {
			end--
		}
		for ; start < at; start++ {
			if found(text[start:end]) {
				return true
			}
			for start+1 < at && isWord(text[start]) && isWord(text[start+1]) {
				start++
			}
		}
	}
}

func isWord(c byte) bool {
	return c >= utf8.RuneSelf || unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c))
}

func partOfAddress(c byte) bool {
	return isWord(c) || bytes.IndexByte([]byte("!#$%&'*+/=?^_`{|}~.-"), c) >= 0
}

func partOfDomain(c byte) bool { return isWord(c) || c == '.' || c == '-' }
