package event

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// TimestampError says what is wrong with a timestamp.
type TimestampError struct {
	// Reason is a clause such as "30 February does not exist".
	Reason string
}

func (e *TimestampError) Error() string { return "timestamp: " + e.Reason }

func badTimestamp(format string, args ...any) error {
	return &TimestampError{Reason: fmt.Sprintf(format, args...)}
}

// The first and the last millisecond of the years MinYear to MaxYear.
const (
	firstMilli = -2_208_988_800_000
	lastMilli  = 10_413_792_000_000 - 1
)

// timestampParser reads a timestamp from left to right.
type timestampParser struct {
	rest     []byte // what is yet to be read
	extended bool   // the date has hyphens, so the time must have colons
}

func parseTimestamp(text []byte) (int64, error) {
	if err := looksForeign(text); err != nil {
		return 0, err
	}
	p := timestampParser{rest: text}
	year, month, day, err := p.date()
	if err != nil {
		return 0, err
	}
	if len(p.rest) == 0 {
		return millis(year, month, day, 0, 0, 0), nil
	}
	if err := p.separator(); err != nil {
		return 0, err
	}
	h, m, s, fraction, err := p.time()
	if err != nil {
		return 0, err
	}
	offset, err := p.offset()
	if err != nil {
		return 0, err
	}
	if len(p.rest) > 0 {
		return 0, badTimestamp("%s does not belong after the time", quoteStart(p.rest))
	}
	ms := millis(year, month, day, h, m, s) + fraction - int64(offset)*60_000
	if ms < firstMilli || ms > lastMilli {
		return 0, badTimestamp("in UTC it lies outside the years %d to %d", MinYear, MaxYear)
	}
	return ms, nil
}

// looksForeign refuses texts of which something better can be said than where
// they leave ISO 8601.
func looksForeign(text []byte) error {
	switch {
	case len(text) == 0:
		return badTimestamp("it is empty")
	case len(bytes.TrimSpace(text)) != len(text):
		return badTimestamp("it has white space around it")
	case len(text) != 8 && len(bytes.Trim(text, "0123456789")) == 0:
		return badTimestamp("a bare number, perhaps a Unix time, is not ISO 8601")
	}
	return nil
}

func (p *timestampParser) date() (year, month, day int, err error) {
	const form = "it must begin with a date, YYYY-MM-DD or YYYYMMDD"
	century, ok1 := p.two()
	years, ok2 := p.two()
	p.extended = p.take('-')
	month, ok3 := p.two()
	if !ok1 || !ok2 || !ok3 || p.extended != p.take('-') {
		return 0, 0, 0, badTimestamp(form)
	}
	day, ok := p.two()
	if !ok {
		return 0, 0, 0, badTimestamp(form)
	}
	year = century*100 + years
	switch {
	case year < MinYear || year > MaxYear:
		return 0, 0, 0, badTimestamp("the year %04d lies outside %d to %d", year, MinYear, MaxYear)
	case month < 1 || month > 12:
		return 0, 0, 0, badTimestamp("month %02d does not exist", month)
	case day == 29 && month == 2 && daysIn(year, 2) == 28:
		return 0, 0, 0, badTimestamp("29 February %d does not exist", year)
	case day < 1 || day > 31:
		return 0, 0, 0, badTimestamp("day %02d does not exist", day)
	case day > daysIn(year, month):
		return 0, 0, 0, badTimestamp("%d %s does not exist", day, monthName(month))
	}
	return year, month, day, nil
}

// monthName names the months that lack a day other months have.
func monthName(month int) string {
	switch month {
	case 2:
		return "February"
	case 4:
		return "April"
	case 6:
		return "June"
	case 9:
		return "September"
	default:
		return "November"
	}
}

func (p *timestampParser) separator() error {
	switch c := p.rest[0]; {
	case c == 'T' || c == ' ':
		p.rest = p.rest[1:]
		return nil
	case c == 'Z' || c == '+' || c == '-':
		return badTimestamp("a date without a time takes no offset")
	case c == 't':
		return badTimestamp("the 'T' between date and time must be upper-case")
	}
	return badTimestamp("%s stands where 'T' or a space must part date and time", quoteStart(p.rest))
}

func (p *timestampParser) time() (h, m, s int, fraction int64, err error) {
	h, ok := p.two()
	if !ok {
		return 0, 0, 0, 0, badTimestamp("the hour must have two digits")
	}
	if h > 23 {
		return 0, 0, 0, 0, badTimestamp("hour %02d does not exist", h)
	}
	parts := 1
	for ; parts < 3 && len(p.rest) > 0 && (p.rest[0] == ':' || isDigit(p.rest[0])); parts++ {
		if p.take(':') != p.extended {
			return 0, 0, 0, 0, badTimestamp("it mixes the extended form (2025-12-08T15:21:11) and the basic one (20251208T152111)")
		}
		n, ok := p.two()
		name, to := "minute", &m
		if parts == 2 {
			name, to = "second", &s
		}
		if !ok {
			return 0, 0, 0, 0, badTimestamp("the %s must have two digits", name)
		}
		if n > 59 {
			return 0, 0, 0, 0, badTimestamp("%s %02d does not exist", name, n)
		}
		*to = n
	}
	if !p.take('.') && !p.take(',') {
		return h, m, s, 0, nil
	}
	if parts < 3 {
		return 0, 0, 0, 0, badTimestamp("only seconds may have a fraction")
	}
	if fraction, err = p.fraction(); err != nil {
		return 0, 0, 0, 0, err
	}
	return h, m, s, fraction, nil
}

// fraction reads the digits behind the decimal mark and returns whole milliseconds.
func (p *timestampParser) fraction() (ms int64, err error) {
	n := 0
	for ; n < len(p.rest) && isDigit(p.rest[n]); n++ {
		if n < 3 {
			ms = ms*10 + int64(p.rest[n]-'0')
		}
	}
	switch {
	case n == 0:
		return 0, badTimestamp("a digit must follow the decimal mark of the seconds")
	case n > 9:
		return 0, badTimestamp("the fraction of the seconds has more than 9 digits")
	case n == 1:
		ms *= 100
	case n == 2:
		ms *= 10
	}
	p.rest = p.rest[n:]
	return ms, nil
}

// offset reads what may follow the time and returns minutes east of UTC.
func (p *timestampParser) offset() (int, error) {
	if len(p.rest) == 0 || p.take('Z') {
		return 0, nil
	}
	minus := p.take('-')
	if !minus && !p.take('+') {
		if p.rest[0] == 'z' {
			return 0, badTimestamp("the 'Z' for UTC must be upper-case")
		}
		return 0, nil // whoever called complains about the rest
	}
	h, ok := p.two()
	if !ok {
		return 0, badTimestamp("the hour of the offset must have two digits")
	}
	m := 0
	if p.take(':') || len(p.rest) > 0 {
		if m, ok = p.two(); !ok {
			return 0, badTimestamp("the minute of the offset must have two digits")
		}
	}
	if h > 23 || m > 59 {
		return 0, badTimestamp("the offset %02d:%02d does not exist", h, m)
	}
	if minus {
		return -(h*60 + m), nil
	}
	return h*60 + m, nil
}

// two reads two digits.
func (p *timestampParser) two() (int, bool) {
	if len(p.rest) < 2 || !isDigit(p.rest[0]) || !isDigit(p.rest[1]) {
		return 0, false
	}
	n := int(p.rest[0]-'0')*10 + int(p.rest[1]-'0')
	p.rest = p.rest[2:]
	return n, true
}

// take reads c if it comes next.
func (p *timestampParser) take(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// quoteStart quotes the first character of a text.
func quoteStart(text []byte) string {
	r, _ := utf8.DecodeRune(text)
	return fmt.Sprintf("%q", r)
}
