package event

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseTimestamp(t *testing.T) {
	at := func(y, mo, d, h, mi, s, ms int) int64 {
		return time.Date(y, time.Month(mo), d, h, mi, s, ms*1e6, time.UTC).UnixMilli()
	}
	for text, want := range map[string]int64{
		"2025-12-08T15:21:11.804Z":            at(2025, 12, 8, 15, 21, 11, 804),
		"2025-12-08T15:21:11Z":                at(2025, 12, 8, 15, 21, 11, 0),
		"2025-12-08 15:21:11.804":             at(2025, 12, 8, 15, 21, 11, 804),
		"20251208T152111.804Z":                at(2025, 12, 8, 15, 21, 11, 804),
		"20251208 152111":                     at(2025, 12, 8, 15, 21, 11, 0),
		"2025-12-08":                          at(2025, 12, 8, 0, 0, 0, 0),
		"20251208":                            at(2025, 12, 8, 0, 0, 0, 0),
		"2025-12-08T15":                       at(2025, 12, 8, 15, 0, 0, 0),
		"2025-12-08T15:21":                    at(2025, 12, 8, 15, 21, 0, 0),
		"20251208T1521":                       at(2025, 12, 8, 15, 21, 0, 0),
		"20251208T15Z":                        at(2025, 12, 8, 15, 0, 0, 0),
		"2025-12-08T15+01":                    at(2025, 12, 8, 14, 0, 0, 0),
		"2025-12-08T15:21:11.8Z":              at(2025, 12, 8, 15, 21, 11, 800),
		"2025-12-08T15:21:11.80Z":             at(2025, 12, 8, 15, 21, 11, 800),
		"2025-12-08T15:21:11,804Z":            at(2025, 12, 8, 15, 21, 11, 804),
		"2025-12-08T15:21:11.804999999Z":      at(2025, 12, 8, 15, 21, 11, 804),
		"2025-12-08T15:21:11.804+05:30":       at(2025, 12, 8, 9, 51, 11, 804),
		"2025-12-08T15:21:11.804+0530":        at(2025, 12, 8, 9, 51, 11, 804),
		"20251208T152111+05:30":               at(2025, 12, 8, 9, 51, 11, 0),
		"2025-12-08T15:21:11-08":              at(2025, 12, 8, 23, 21, 11, 0),
		"2025-12-08T15:21:11-00:00":           at(2025, 12, 8, 15, 21, 11, 0),
		"2025-12-08T23:59:59-23:59":           at(2025, 12, 9, 23, 58, 59, 0),
		"2024-02-29T00:00:00Z":                at(2024, 2, 29, 0, 0, 0, 0),
		"2000-02-29":                          at(2000, 2, 29, 0, 0, 0, 0),
		"1969-12-31T23:59:59.9999Z":           -1,
		"1900-01-01":                          firstMilli,
		"1900-01-01T01:00:00+01:00":           firstMilli,
		"2299-12-31T23:59:59.999Z":            lastMilli,
		"2299-12-31T22:59:59.999999999-01:00": lastMilli,
	} {
		got, err := ParseTimestamp([]byte(text))
		if err != nil || got != want {
			t.Errorf("ParseTimestamp(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestParseTimestampRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "it is empty",
		" 2025-12-08":                    "it has white space around it",
		"2025-12-08\n":                   "it has white space around it",
		"1733671271":                     "a bare number, perhaps a Unix time, is not ISO 8601",
		"1733671271804":                  "a bare number, perhaps a Unix time, is not ISO 8601",
		"2025":                           "a bare number, perhaps a Unix time, is not ISO 8601",
		"yesterday":                      "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"08.12.2025":                     "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"12/08/2025":                     "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"2025-12":                        "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"2025-12-8":                      "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"2025-1208":                      "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"202512-08":                      "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"2025-W50-1":                     "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"-2025-12-08":                    "it must begin with a date, YYYY-MM-DD or YYYYMMDD",
		"2025-02-30":                     "30 February does not exist",
		"2025-02-30T10:00:00Z":           "30 February does not exist",
		"2025-02-29":                     "29 February 2025 does not exist",
		"2100-02-29T10:00:00.000Z":       "29 February 2100 does not exist",
		"2025-04-31":                     "31 April does not exist",
		"2025-06-31":                     "31 June does not exist",
		"2025-09-31":                     "31 September does not exist",
		"20251131":                       "31 November does not exist",
		"2025-12-32":                     "day 32 does not exist",
		"2025-12-00":                     "day 00 does not exist",
		"2025-13-01":                     "month 13 does not exist",
		"2025-00-01T00:00:00Z":           "month 00 does not exist",
		"1899-12-31T23:59:59Z":           "the year 1899 lies outside 1900 to 2299",
		"2300-01-01":                     "the year 2300 lies outside 1900 to 2299",
		"0000-01-01T00:00:00Z":           "the year 0000 lies outside 1900 to 2299",
		"1900-01-01T00:59:59+01:00":      "in UTC it lies outside the years 1900 to 2299",
		"2299-12-31T23:59:59-00:01":      "in UTC it lies outside the years 1900 to 2299",
		"2025-12-08T24:00:00Z":           "hour 24 does not exist",
		"2025-12-08T23:60:00Z":           "minute 60 does not exist",
		"2025-12-08T23:59:60Z":           "second 60 does not exist",
		"20251208T235960Z":               "second 60 does not exist",
		"2025-12-08T":                    "the hour must have two digits",
		"2025-12-08T1:00:00Z":            "the hour must have two digits",
		"2025-12-08T10:1:00Z":            "the minute must have two digits",
		"2025-12-08T10:":                 "the minute must have two digits",
		"2025-12-08T10:11:1Z":            "the second must have two digits",
		"2025-12-08T101112Z":             "it mixes the extended form (2025-12-08T15:21:11) and the basic one (20251208T152111)",
		"2025-12-08T10:1112Z":            "it mixes the extended form (2025-12-08T15:21:11) and the basic one (20251208T152111)",
		"20251208T10:11:12Z":             "it mixes the extended form (2025-12-08T15:21:11) and the basic one (20251208T152111)",
		"2025-12-08T10:11.5Z":            "only seconds may have a fraction",
		"2025-12-08T10,5":                "only seconds may have a fraction",
		"2025-12-08T10:11:12.Z":          "a digit must follow the decimal mark of the seconds",
		"2025-12-08T10:11:12.1234567890": "the fraction of the seconds has more than 9 digits",
		"2025-12-08t10:11:12Z":           "the 'T' between date and time must be upper-case",
		"2025-12-08T10:11:12z":           "the 'Z' for UTC must be upper-case",
		"2025-12-08Z":                    "a date without a time takes no offset",
		"2025-12-08+01:00":               "a date without a time takes no offset",
		"2025-12-08  10:11:12":           "the hour must have two digits",
		"2025-12-08_10:11:12":            "'_' stands where 'T' or a space must part date and time",
		"2025-12-081":                    "'1' stands where 'T' or a space must part date and time",
		"2025-12-08T10:11:12 Z":          "' ' does not belong after the time",
		"2025-12-08T10:11:12 UTC":        "' ' does not belong after the time",
		"2025-12-08T10:11:12Zé":          "'é' does not belong after the time",
		"2025-12-08T10:11:12−01:00":      "'−' does not belong after the time",
		"2025-12-08T10:11:12+24:00":      "the offset 24:00 does not exist",
		"2025-12-08T10:11:12+01:60":      "the offset 01:60 does not exist",
		"2025-12-08T10:11:12+1":          "the hour of the offset must have two digits",
		"2025-12-08T10:11:12+01:":        "the minute of the offset must have two digits",
		"2025-12-08T10:11:12+01:0":       "the minute of the offset must have two digits",
		"2025-12-08T10:11:12+010000":     "'0' does not belong after the time",
	} {
		got, err := ParseTimestamp([]byte(text))
		var bad *TimestampError
		if !errors.As(err, &bad) {
			t.Errorf("ParseTimestamp(%q) = %d, %v, want an error", text, got, err)
		} else if bad.Reason != want {
			t.Errorf("ParseTimestamp(%q): %q, want %q", text, bad.Reason, want)
		}
	}
}

// strict3339 is what RFC 3339 and this package have in common.
var strict3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)

func checkTimestamp(t reporter, text string) {
	t.Helper()
	got, err := ParseTimestamp([]byte(text))
	want, ok := slowTimestamp(text)
	if ok != (err == nil) || ok && got != want {
		t.Fatalf("ParseTimestamp(%q) = %d, %v, want %d, %v", text, got, err, want, ok)
	}
	fast, ok := rfc3339([]byte(text))
	if ok && (err != nil || fast != got) {
		t.Fatalf("rfc3339(%q) = %d, but ParseTimestamp has %d, %v", text, fast, got, err)
	}
	if err == nil && strict3339.MatchString(text) {
		std, stdErr := time.Parse(time.RFC3339Nano, text)
		if stdErr != nil || std.UnixMilli() != got {
			t.Fatalf("ParseTimestamp(%q) = %d, but package time has %d, %v", text, got, std.UnixMilli(), stdErr)
		}
	}
	if err != nil && (!utf8.ValidString(err.Error()) || strings.Contains(err.Error(), "%!")) {
		t.Fatalf("ParseTimestamp(%q): message %q", text, err)
	}
}

func TestTimestampAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkTimestamp(t, timestampGen.Draw(t, "timestamp")) })
}

// TestTimestampEveryDay holds every day of the range against package time.
func TestTimestampEveryDay(t *testing.T) {
	day := time.Date(MinYear, 1, 1, 12, 34, 56, 789e6, time.UTC)
	for ; day.Year() <= MaxYear; day = day.AddDate(0, 0, 1) {
		text := day.Format("2006-01-02T15:04:05.000Z")
		got, ok := rfc3339([]byte(text))
		slow, err := parseTimestamp([]byte(text))
		if !ok || err != nil || got != day.UnixMilli() || slow != got {
			t.Fatalf("%s: %d, %v and %d, %v, want %d", text, got, ok, slow, err, day.UnixMilli())
		}
	}
}

func FuzzTimestamp(f *testing.F) {
	for i := range 60 {
		f.Add(timestampGen.Example(i))
	}
	f.Fuzz(func(t *testing.T, text string) { checkTimestamp(t, text) })
}
