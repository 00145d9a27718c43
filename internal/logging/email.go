package logging

import "strings"

// redactEmails replaces whatever could be an e-mail address, also with its @ as
// %40. It rather takes too much than too little: a user and host of a URL are
// taken too, and with them the password between.
func redactEmails(s string) string {
	at, width := nextAt(s, 0)
	if at < 0 {
		return s
	}
	var b strings.Builder
	done := 0
	for at >= 0 {
		start, end := localStart(s, done, at), domainEnd(s, at+width)
		if start < at && end > at+width {
			b.WriteString(s[done:start])
			b.WriteString(hiddenEmail)
			done = end
			at, width = nextAt(s, end)
			continue
		}
		at, width = nextAt(s, at+width)
	}
	b.WriteString(s[done:])
	return b.String()
}

// nextAt finds the next @ or %40 at or after from.
func nextAt(s string, from int) (at, width int) {
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '@':
			return i, 1
		case s[i] == '%' && strings.HasPrefix(s[i:], "%40"):
			return i, len("%40")
		}
	}
	return -1, 0
}

// localStart returns where the part before an @ begins, not before floor.
func localStart(s string, floor, at int) int {
	i := at
	if i > floor && s[i-1] == '"' { // a quoted local part, RFC 5321 4.1.2
		if open := strings.LastIndexByte(s[floor:i-1], '"'); open >= 0 {
			return floor + open
		}
	}
	for i > floor && isLocal(s[i-1]) {
		i--
	}
	return i
}

// domainEnd returns where the part behind an @ ends.
func domainEnd(s string, from int) int {
	if strings.HasPrefix(s[from:], "[") { // an address literal, RFC 5321 4.1.3
		if end := strings.IndexByte(s[from:], ']'); end >= 0 {
			return from + end + 1
		}
	}
	i := from
	for i < len(s) && isDomain(s[i]) {
		i++
	}
	for i > from && s[i-1] == '.' { // the full stop of a sentence
		i--
	}
	return i
}

// isLocal holds for RFC 5322 atext, dots and what is not ASCII, but not for the
// characters that part a URL's query.
func isLocal(c byte) bool {
	switch c {
	case '"', '\'', '`', '(', ')', '<', '>', '[', ']', ',', ';', ':', '/', '?', '&', '=', '\\', '{', '}', '|':
		return false
	}
	return c > ' ' && c != 0x7f
}

func isDomain(c byte) bool {
	return c == '-' || c == '.' || c == '%' || c >= 0x80 || (c >= '0' && c <= '9') || (c|0x20 >= 'a' && c|0x20 <= 'z')
}
