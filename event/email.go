package event

import "unicode/utf8"

// Sizes of an address beside MaxEmail and MaxEmailUser. A domain's own limit of
// 255 bytes (RFC 5321 4.5.3.1.2) follows from MaxEmail.
const (
	maxLabel = 63 // RFC 1035 2.3.4, in bytes
	// A label outside ASCII travels in the DNS as "xn--" and at least one letter
	// for each character (RFC 5890 2.3.2.1).
	maxLabelRunes = maxLabel - len("xn--")
)

// Classes of the bytes of an address.
const (
	atext  = 1 << iota // RFC 5322 3.2.3
	letter             // of a domain's label
	digit
	hyphen
	dot
	qtext // between quotes: printable, a space, but no quote or backslash
)

var emailClass = func() (class [256]uint8) {
	for c := 0x20; c < 0x7F; c++ {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			class[c] = atext | letter | qtext
		case c >= '0' && c <= '9':
			class[c] = atext | digit | qtext
		case c == '-':
			class[c] = atext | hyphen | qtext
		case c == '.':
			class[c] = dot | qtext
		case c != '"' && c != '\\':
			class[c] = qtext
		}
	}
	for _, c := range "!#$%&'*+/=?^_`{|}~" {
		class[c] |= atext
	}
	return class
}()

// plainEmail tells whether an address is valid at a glance: a dot-atom or a
// quoted string, "@", and a domain of at least two labels. It accepts nothing
// that the rules of Fields.Email would refuse; of what it does not accept those
// rules are the judge. They take microseconds, so as little as possible that is
// valid should be left to them.
func plainEmail(t []byte) bool {
	if len(t) > MaxEmail {
		return false
	}
	var at int
	if len(t) > 0 && t[0] == '"' {
		at = quotedUser(t)
	} else {
		at = dotAtom(t)
	}
	if at < 1 || at > MaxEmailUser || at == len(t) || t[at] != '@' {
		return false
	}
	return plainDomain(t[at+1:])
}

// dotAtom returns the length of the dot-atom that t begins with, 0 if a dot is
// out of place.
func dotAtom(t []byte) int {
	dotted := true // a dot must not come next
	for i := 0; i < len(t); {
		c := emailClass[t[i]]
		switch {
		case c&atext != 0:
			dotted = false
			i++
		case c&dot != 0:
			if dotted {
				return 0
			}
			dotted = true
			i++
		case t[i] >= utf8.RuneSelf:
			n := plainRune(t[i:])
			if n == 0 {
				return 0
			}
			dotted = false
			i += n
		case dotted:
			return 0
		default:
			return i
		}
	}
	return len(t)
}

// quotedUser returns the length of the quoted string that t begins with, 0 if it
// is empty or not right.
func quotedUser(t []byte) int {
	for i := 1; i < len(t); {
		if t[i] == '"' {
			if i == 1 {
				return 0
			}
			return i + 1
		}
		escaped := t[i] == '\\'
		if escaped {
			if i++; i == len(t) {
				return 0
			}
		}
		switch c := t[i]; {
		case emailClass[c]&qtext != 0, escaped && (c == '"' || c == '\\'):
			i++
		case c >= utf8.RuneSelf:
			n := plainRune(t[i:])
			if n == 0 {
				return 0
			}
			i += n
		default:
			return 0
		}
	}
	return 0
}

// plainDomain tells whether t consists of two labels or more that begin and end
// with a letter or digit, the last with letters only.
func plainDomain(t []byte) bool {
	labels, start, runes := 0, 0, 0
	wide := false                     // the label has a character outside ASCII
	first, last := uint8(0), uint8(0) // classes of the label's ends
	for i := 0; ; {
		if i == len(t) || t[i] == '.' {
			if i == start || first&(letter|digit) == 0 || last&(letter|digit) == 0 ||
				wide && runes > maxLabelRunes || !wide && i-start > maxLabel {
				return false
			}
			labels++
			if i == len(t) {
				return labels > 1 && first == letter && last == letter
			}
			i++
			start, runes, wide, first = i, 0, false, 0
			continue
		}
		n, c := 1, emailClass[t[i]]&(letter|digit|hyphen)
		if t[i] >= utf8.RuneSelf {
			n, c, wide = plainRune(t[i:]), letter, true
		}
		if n == 0 || c == 0 {
			return false
		}
		if i == start {
			first = c
		}
		last = c
		runes++
		i += n
	}
}

// plainRune returns the length of the character outside ASCII that t begins
// with, 0 if the rules refuse it: white space, and what the validator's e-mail
// rule leaves out.
func plainRune(t []byte) int {
	r, n := utf8.DecodeRune(t)
	ok := false
	switch {
	case r <= 0xA0:
	case r < 0x2000:
		ok = r != 0x1680
	case r < 0x2060:
		ok = r > 0x200A && r != 0x2028 && r != 0x2029 && r != 0x202F && r != 0x205F
	case r < 0xD800:
		ok = r != 0x3000
	default:
		ok = r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFEF
	}
	if !ok {
		return 0
	}
	return n
}
