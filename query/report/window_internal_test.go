package report

import (
	"testing"
	"time"

	"github.com/tributary-events/tributary/query/define"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestParseTime(t *testing.T) {
	now := time.Date(2025, 12, 31, 22, 30, 0, 0, time.UTC) // 23:30 in Berlin
	for _, c := range []struct{ text, zone, want string }{
		{"2025-12-01", "Europe/Berlin", "2025-11-30T23:00:00Z"},
		{"2025-12-01T10:00:00", "Europe/Berlin", "2025-12-01T09:00:00Z"},
		{"2025-12-01 10:00", "UTC", "2025-12-01T10:00:00Z"},
		{"2025-12-01T10:00:00.5+02:00", "Europe/Berlin", "2025-12-01T08:00:00.5Z"},
		{"now", "UTC", "2025-12-31T22:30:00Z"},
		{"today", "Asia/Kolkata", "2025-12-31T18:30:00Z"},
		{"-30d", "Europe/Berlin", "2025-11-30T23:00:00Z"},
		{"-90min", "UTC", "2025-12-31T21:00:00Z"},
		{"-1mo", "UTC", "2025-12-01T00:00:00Z"}, // there is no 31 November
		{"-1y", "UTC", "2024-12-31T00:00:00Z"},
		{"+1w", "UTC", "2026-01-07T00:00:00Z"},
		// The clocks went from midnight to one o'clock, so the day began at one.
		{"2017-10-15", "America/Sao_Paulo", "2017-10-15T03:00:00Z"},
		// They went back to midnight at one o'clock: the day began with the first midnight.
		{"2025-11-02", "America/Havana", "2025-11-02T04:00:00Z"},
		{"2025-02-30", "UTC", ""},
		{"-30", "UTC", ""},
		{"2025", "UTC", ""},
		{"-99999999d", "UTC", ""},
	} {
		got, ok := parseTime(c.text, zone(t, c.zone), now)
		if text := got.UTC().Format(time.RFC3339Nano); (c.want == "") == ok || (ok && text != c.want) {
			t.Errorf("%s in %s: got %s, %v; want %q", c.text, c.zone, text, ok, c.want)
		}
	}
}

func TestBucketsOfDaysWhenClocksChange(t *testing.T) {
	for _, c := range []struct {
		zone, from, to, granularity string
		want                        int
		first, last                 string
	}{
		{"Europe/Berlin", "2025-10-26", "2025-10-27", Hour, 25, "2025-10-26T00:00:00+02:00", "2025-10-26T23:00:00+01:00"},
		{"Europe/Berlin", "2025-03-30", "2025-03-31", Hour, 23, "2025-03-30T00:00:00+01:00", "2025-03-30T23:00:00+02:00"},
		// Half an hour is repeated: the hour from half past one has another offset.
		{"Australia/Lord_Howe", "2025-04-06", "2025-04-07", Hour, 25, "2025-04-06T00:00:00+11:00", "2025-04-06T23:00:00+10:30"},
		{"Europe/Berlin", "2025-01-01", "2026-01-01", Day, 365, "2025-01-01", "2025-12-31"},
		{"UTC", "2025-01-01", "2025-01-15", Week, 3, "2024-12-30", "2025-01-13"},
		{"UTC", "2025-01-15", "2026-01-15", Quarter, 5, "2025-01-01", "2026-01-01"},
		{"UTC", "1950-01-01", "1951-01-01", Month, 12, "1950-01-01", "1950-12-01"},
	} {
		loc := zone(t, c.zone)
		request := Time{From: c.from, To: c.to, Granularity: c.granularity, Timezone: c.zone}
		issues := &define.Issues{}
		r, _ := request.resolve(time.Now(), issues)
		b := buckets{c.granularity, loc}
		keys, ok := b.list(r)
		if err := issues.Err(); err != nil || !ok || len(keys) != c.want || b.text(keys[0]) != c.first || b.text(keys[len(keys)-1]) != c.last {
			t.Errorf("%+v: %v, %d buckets from %s to %s", c, err, len(keys), b.text(keys[0]), b.text(keys[len(keys)-1]))
		}
	}
}

func TestThePeriodBefore(t *testing.T) {
	for _, c := range []struct{ from, to, granularity, want string }{
		{"2025-12-01", "2026-01-01", Day, "2025-10-30T23:00:00Z"},
		{"2025-12-01", "2026-01-01", Month, "2025-10-31T23:00:00Z"},
		{"2025-10-26", "2025-10-27", Hour, "2025-10-24T22:00:00Z"}, // a day of 25 hours and one of 24
		{"2025-12-01T10:00:00", "2025-12-01T12:00:00", Hour, "2025-12-01T07:00:00Z"},
	} {
		request := Time{From: c.from, To: c.to, Granularity: c.granularity, Timezone: "Europe/Berlin"}
		issues := &define.Issues{}
		r, loc := request.resolve(time.Now(), issues)
		if got := previous(r, c.granularity, loc); got.Start.UTC().Format(time.RFC3339) != c.want || !got.End.Equal(r.Start) {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}
