package importer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-events/tributary/event"
)

// The forms of dates. A time may follow each of the first five: hh:mm, hh:mm:ss or
// with a fraction, AM or PM, an offset.
const (
	DateISO   = "iso"   // what the webhook takes: 2025-12-08T15:21:11Z, 2025-12-08 15:21
	DateYMD   = "ymd"   // 2025/12/8
	DateDMY   = "dmy"   // 8.12.2025, 08/12/25
	DateMDY   = "mdy"   // 12/8/2025
	DateNamed = "named" // 8 Dec 2025, December 8, 2025
	DateExcel = "excel" // days since 30 December 1899: 45999.64
	DateUnix  = "unix_s"
	DateMilli = "unix_ms"
)

// Dates lists the forms of dates in the order in which they are tried.
func Dates() []string {
	return []string{DateISO, DateYMD, DateDMY, DateMDY, DateNamed, DateExcel, DateUnix, DateMilli}
}

// A number is taken for a date only where it can hardly be anything else.
const (
	minSerial = 18_000 // 1949
	maxSerial = 80_000 // 2119
	minUnix   = 300_000_000
	maxUnix   = 5_000_000_000
)

var errNoDate = errors.New("it is not in this form")

// parseDate returns the milliseconds since 1970 UTC of a text in a form. A time
// without an offset is a local time of loc; one that a change of clocks leaves out is
// an error, of one that occurs twice the first is meant. Years of two digits are
// 1969 to 2068.
func parseDate(form, text string, loc *time.Location) (int64, error) {
	text = strings.TrimSpace(text)
	switch form {
	case DateISO:
		return parseISO(text, loc)
	case DateExcel, DateUnix, DateMilli:
		return parseNumberDate(form, text, loc)
	case DateNamed:
		return parseNamed(text, loc)
	default:
		return parseNumeric(form, text, loc)
	}
}

func parseISO(text string, loc *time.Location) (int64, error) {
	ms, err := event.ParseTimestamp([]byte(text))
	if err != nil || loc == time.UTC || hasOffset(text) {
		return ms, err
	}
	t := time.UnixMilli(ms).UTC()
	return local(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), int(ms-t.Unix()*1000), loc)
}

// hasOffset tells whether an ISO 8601 text that is well-formed says its offset.
func hasOffset(text string) bool {
	_, clock, found := strings.Cut(text, "T")
	if !found {
		_, clock, found = strings.Cut(text, " ")
	}
	return found && strings.ContainsAny(clock, "Z+-")
}

// local returns the instant of a local time.
func local(year int, month time.Month, day, h, m, s, ms int, loc *time.Location) (int64, error) {
	if month < 1 || month > 12 || day < 1 || day > time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return 0, fmt.Errorf("it names a day that does not exist: %04d-%02d-%02d", year, month, day)
	}
	if h > 23 || m > 59 || s > 59 {
		return 0, fmt.Errorf("it names a time that does not exist: %02d:%02d:%02d", h, m, s)
	}
	if year < event.MinYear || year > event.MaxYear {
		return 0, fmt.Errorf("it lies outside the years %d to %d", event.MinYear, event.MaxYear)
	}
	t := time.Date(year, month, day, h, m, s, ms*int(time.Millisecond), loc)
	if t.Hour() != h || t.Minute() != m {
		return 0, fmt.Errorf("it names a time that the change of clocks of %s leaves out", loc)
	}
	// Where the clocks go back an hour occurs twice; time.Date does not say which it takes.
	if earlier := t.Add(-time.Hour); earlier.Hour() == h && earlier.Minute() == m {
		t = earlier
	}
	return t.UnixMilli(), nil
}

func parseNumberDate(form, text string, loc *time.Location) (int64, error) {
	n, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || text == "" || strings.ContainsAny(text, "eExXpP_") {
		return 0, errNoDate
	}
	switch form {
	case DateUnix:
		if n < minUnix || n > maxUnix {
			return 0, errNoDate
		}
		return int64(math.Floor(n * 1000)), nil
	case DateMilli:
		if n < minUnix*1000 || n > maxUnix*1000 {
			return 0, errNoDate
		}
		return int64(math.Floor(n)), nil
	}
	if n < minSerial || n > maxSerial {
		return 0, errNoDate
	}
	// A serial number is a local date and time, exact to the second at best.
	t := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(math.Round(n*86_400_000)) * time.Millisecond)
	if rounded := t.Round(time.Second); t.Sub(rounded).Abs() <= 5*time.Millisecond {
		t = rounded
	}
	return local(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6, loc)
}

// parseNumeric reads a date of three numbers.
func parseNumeric(form, text string, loc *time.Location) (int64, error) {
	first, sep, rest, ok := number(text)
	if !ok || !strings.ContainsRune("./-", sep) {
		return 0, errNoDate
	}
	second, sep2, rest, ok := number(rest)
	if !ok || sep2 != sep {
		return 0, errNoDate
	}
	third := rest
	if i := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		third, rest = rest[:i], rest[i:]
	} else {
		rest = ""
	}
	var year, month, day string
	switch form {
	case DateYMD:
		year, month, day = first, second, third
		if len(year) != 4 {
			return 0, errNoDate
		}
	case DateDMY:
		day, month, year = first, second, third
	default:
		// Nobody writes 12.31.2025; taking it would leave every German date in question.
		if sep == '.' {
			return 0, errNoDate
		}
		month, day, year = first, second, third
	}
	y, err := fullYear(year)
	if err != nil || len(month) > 2 || len(day) > 2 || month == "" || day == "" {
		return 0, errNoDate
	}
	m, _ := strconv.Atoi(month) // digits only
	d, _ := strconv.Atoi(day)
	return withTime(y, time.Month(m), d, rest, loc)
}

// number splits off the digits at the start of text and the character behind them.
func number(text string) (digits string, sep rune, rest string, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == 0 || i > 4 || i == len(text) {
		return "", 0, "", false
	}
	return text[:i], rune(text[i]), text[i+1:], true
}

func fullYear(text string) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, errNoDate
	case len(text) == 4:
		return n, nil
	case len(text) == 2 && n < 69:
		return 2000 + n, nil
	case len(text) == 2:
		return 1900 + n, nil
	default:
		return 0, errNoDate
	}
}

// parseNamed reads "8 Dec 2025 15:21", "8-Dec-25", "December 8, 2025 3:21 PM", with or
// without the day of the week before it.
func parseNamed(text string, loc *time.Location) (int64, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	if len(words) > 0 && strings.Count(words[0], "-") == 2 {
		words = append(strings.Split(words[0], "-"), words[1:]...)
	}
	if len(words) > 3 && monthOf(words[0]) == 0 && !digit(words[0]) { // the day of the week
		words = words[1:]
	}
	if len(words) < 3 {
		return 0, errNoDate
	}
	day, name := words[0], words[1]
	if !digit(day) {
		day, name = name, day
	}
	month := monthOf(name)
	day = strings.TrimRight(strings.ToLower(day), "sthnrd.")
	d, err := strconv.Atoi(day)
	y, err2 := fullYear(words[2])
	if err != nil || err2 != nil || month == 0 {
		return 0, errNoDate
	}
	return withTime(y, month, d, strings.Join(words[3:], " "), loc)
}

func digit(text string) bool { return text != "" && text[0] >= '0' && text[0] <= '9' }

func monthOf(name string) time.Month {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if len(name) < 3 {
		return 0
	}
	for m := time.January; m <= time.December; m++ {
		if strings.HasPrefix(strings.ToLower(m.String()), name) {
			return m
		}
	}
	return 0
}

// clocks are what may stand behind a date, once AM or PM stands apart and is upper case.
var clocks = []string{"15:04", "15:04:05", "15.04", "3:04 PM", "3:04:05 PM"}

// withTime reads the time behind a date; none is midnight.
func withTime(year int, month time.Month, day int, rest string, loc *time.Location) (int64, error) {
	rest = strings.ToUpper(strings.TrimSpace(strings.TrimLeft(rest, " ,T")))
	if rest == "" {
		return local(year, month, day, 0, 0, 0, 0, loc)
	}
	for _, half := range []string{"AM", "PM"} {
		if before, ok := strings.CutSuffix(rest, half); ok {
			rest = strings.TrimSpace(before) + " " + half
		}
	}
	rest = strings.NewReplacer("\u202f", " ", "\u00a0", " ", "UHR", "", "UTC", "Z", "GMT", "Z").Replace(rest)
	rest = strings.TrimSpace(rest)
	for _, clock := range clocks {
		t, err := time.Parse(clock, rest)
		if err == nil {
			return local(year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6, loc)
		}
		for _, zone := range []string{"Z07:00", "Z0700", " Z07:00", " Z0700"} {
			t, err := time.Parse(clock+zone, rest)
			if err != nil {
				continue
			}
			_, offset := t.Zone()
			return local(year, month, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1e6, time.FixedZone("", offset))
		}
	}
	return 0, fmt.Errorf("it has no time behind its date: %s", shorten(rest))
}

// formsOf returns the forms in which every one of the texts is a date. None, if there are no texts.
func formsOf(texts []string, loc *time.Location) []string {
	if len(texts) == 0 {
		return nil
	}
	var forms []string
	for _, form := range Dates() {
		fits := true
		for _, text := range texts {
			if _, err := parseDate(form, text, loc); err != nil {
				fits = false
				break
			}
		}
		if fits {
			forms = append(forms, form)
		}
	}
	return forms
}
