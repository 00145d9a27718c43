package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a server without time zones must compile the same reports

	"github.com/tributary-events/tributary/query/define"
)

// The granularities.
const (
	Minute  = "minute"
	Hour    = "hour"
	Day     = "day"
	Week    = "week"
	Month   = "month"
	Quarter = "quarter"
	Year    = "year"
)

// Range is a range of time: Start is included, End is not. A zero time leaves that
// side open.
type Range struct {
	Start, End time.Time
}

// What event_timestamp can be (CONTRACT section 2).
var (
	minTime = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)
)

var relative = regexp.MustCompile(`^([+-])(\d{1,5})(min|h|d|w|mo|q|y)$`)

// parseZone returns the time zone of a name of the IANA database.
func parseZone(name string) (*time.Location, bool) {
	if name == "" {
		return time.UTC, true
	}
	// "Local" is Go's word for the server's zone; ClickHouse has no such.
	if name == "Local" || len(name) > 64 {
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}

// parseTime reads a date, a date-time or a relative time. Dates and date-times
// without offset are of the zone. "-30d" and longer units begin at midnight, so
// that days are whole; "-6h" and "-90min" are exact.
func parseTime(text string, loc *time.Location, now time.Time) (time.Time, bool) {
	local := now.In(loc)
	switch text {
	case "now":
		return now, true
	case "today":
		return startOfDay(local.Year(), local.Month(), local.Day(), loc), true
	}
	if m := relative.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			return time.Time{}, false
		}
		if m[1] == "-" {
			n = -n
		}
		y, mo, d := local.Date()
		switch m[3] {
		case "min":
			return now.Add(time.Duration(n) * time.Minute), true
		case "h":
			return now.Add(time.Duration(n) * time.Hour), true
		case "d":
			return startOfDay(y, mo, d+n, loc), true
		case "w":
			return startOfDay(y, mo, d+7*n, loc), true
		case "mo":
			return startOfDay(y, mo+time.Month(n), d, loc), true
		case "q":
			return startOfDay(y, mo+time.Month(3*n), d, loc), true
		default:
			return startOfDay(y+n, mo, d, loc), true
		}
	}
	if t, err := time.Parse("2006-01-02", text); err == nil {
		return startOfDay(t.Year(), t.Month(), t.Day(), loc), true
	}
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// startOfDay returns the first instant of a local day. That is not always
// midnight: some zones change their clocks there, so that it occurs twice or
// not at all.
func startOfDay(y int, m time.Month, d int, loc *time.Location) time.Time {
	noon := time.Date(y, m, d, 12, 0, 0, 0, loc)
	y, m, d = noon.Date() // normalised
	same := func(t time.Time) bool {
		ty, tm, td := t.Date()
		return ty == y && tm == m && td == d
	}
	// The day began within the 26 hours before its noon; search to the second.
	before, in := noon.Add(-26*time.Hour), noon
	if same(before) {
		return before
	}
	for in.Sub(before) > time.Second {
		middle := before.Add(in.Sub(before) / 2).Truncate(time.Second)
		if !middle.After(before) {
			middle = before.Add(time.Second)
		}
		if same(middle) {
			in = middle
		} else {
			before = middle
		}
	}
	return in
}

// resolve reads the range; each fault becomes an issue.
func (t *Time) resolve(now time.Time, issues *define.Issues) (Range, *time.Location) {
	loc, ok := parseZone(t.Timezone)
	if !ok {
		issues.Add("/time/timezone", "timezone", "%q is no time zone: use a name like Europe/Berlin or UTC", clip(t.Timezone))
		loc = time.UTC
	}
	var r Range
	faulty := false
	read := func(text, pointer string) time.Time {
		if text == "" {
			return time.Time{}
		}
		at, ok := parseTime(text, loc, now)
		switch {
		case !ok:
			issues.Add(pointer, "date", "%q is no date: use 2025-12-31, 2025-12-31T23:59:59Z, now, today or -30d (min, h, d, w, mo, q, y)", clip(text))
		case at.Before(minTime.AddDate(0, 0, -2)) || at.After(maxTime.AddDate(0, 0, 2)):
			issues.Add(pointer, "range", "must be between 1900 and 2299")
			ok = false
		}
		faulty = faulty || !ok
		return at
	}
	r.Start = read(t.From, "/time/from")
	r.End = read(t.To, "/time/to")
	if !faulty && t.From != "" && t.To != "" && !r.Start.Before(r.End) {
		issues.Add("/time/to", "range", "must be after from, which is %s", r.Start.In(loc).Format(time.RFC3339))
	}
	switch t.Granularity {
	case "", Minute, Hour, Day, Week, Month, Quarter, Year:
	default:
		issues.Add("/time/granularity", "granularity", "%q is no granularity: use minute, hour, day, week, month, quarter or year", clip(t.Granularity))
	}
	return r, loc
}

// buckets knows the buckets of one granularity in one zone. A bucket is named by
// its key, as SQL computes it: milliseconds since 1970 for minutes and hours, days
// since 1970 for the others.
type buckets struct {
	granularity string
	loc         *time.Location
}

func (b buckets) fine() bool { return b.granularity == Minute || b.granularity == Hour }

// of returns the key of the bucket that holds an instant.
func (b buckets) of(t time.Time) int64 {
	t = t.In(b.loc)
	if b.fine() {
		size := int64(60_000)
		if b.granularity == Hour {
			size = 3_600_000
		}
		_, offset := t.Zone()
		ms := t.UnixMilli()
		local := ms + int64(offset)*1000
		return ms - ((local%size)+size)%size
	}
	y, m, d := t.Date()
	switch b.granularity {
	case Week:
		// ISO 8601: weeks begin on Monday.
		d -= (int(t.Weekday()) + 6) % 7
	case Month:
		d = 1
	case Quarter:
		m, d = m-(m-1)%3, 1
	case Year:
		m, d = 1, 1
	}
	return floorDiv(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix(), 86_400)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// text returns a bucket as it is shown: the local date for days and longer, the
// local time with its offset for hours and minutes, so that the hour which occurs
// twice when clocks go back is two buckets.
func (b buckets) text(key int64) string {
	if b.fine() {
		return time.UnixMilli(key).In(b.loc).Format(time.RFC3339)
	}
	return time.Unix(key*86_400, 0).UTC().Format("2006-01-02")
}

// list returns the keys of all buckets of a range in order; ok is false if there
// are more than MaxBuckets.
func (b buckets) list(r Range) (keys []int64, ok bool) {
	next := b.of(r.Start)
	last := b.of(r.End.Add(-time.Millisecond))
	add := func(key int64) bool {
		if len(keys) == 0 || keys[len(keys)-1] < key {
			keys = append(keys, key)
		}
		return len(keys) <= MaxBuckets
	}
	if b.fine() {
		step := int64(60_000)
		if b.granularity == Hour {
			// Clocks change by less than an hour too, and hours begin anew then.
			step = 900_000
		}
		if (last-next)/step > 4*MaxBuckets {
			return nil, false
		}
		for ms := r.Start.UnixMilli(); ms < r.End.UnixMilli(); ms += step {
			if !add(b.of(time.UnixMilli(ms))) {
				return nil, false
			}
		}
		return keys, add(last)
	}
	for next <= last {
		if !add(next) {
			return nil, false
		}
		t := time.Unix(next*86_400, 0).UTC()
		switch b.granularity {
		case Day:
			next++
		case Week:
			next += 7
		case Month:
			next = floorDiv(t.AddDate(0, 1, 0).Unix(), 86_400)
		case Quarter:
			next = floorDiv(t.AddDate(0, 3, 0).Unix(), 86_400)
		default:
			next = floorDiv(t.AddDate(1, 0, 0).Unix(), 86_400)
		}
	}
	return keys, true
}

// previous returns the period of the same length right before r. A range of whole
// days moves by days, one of whole months under a granularity of months or longer
// by months, so that it is compared with what people mean.
func previous(r Range, granularity string, loc *time.Location) Range {
	from, to := r.Start.In(loc), r.End.In(loc)
	whole := func(t time.Time) bool { return t.Equal(startOfDay(t.Year(), t.Month(), t.Day(), loc)) }
	if !whole(from) || !whole(to) {
		return Range{r.Start.Add(-r.End.Sub(r.Start)), r.Start}
	}
	if from.Day() == 1 && to.Day() == 1 && (granularity == Month || granularity == Quarter || granularity == Year) {
		months := (to.Year()-from.Year())*12 + int(to.Month()) - int(from.Month())
		return Range{startOfDay(from.Year(), from.Month()-time.Month(months), 1, loc), r.Start}
	}
	date := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	days := int(date(to).Sub(date(from)).Hours() / 24)
	return Range{startOfDay(from.Year(), from.Month(), from.Day()-days, loc), r.Start}
}

// clip shortens what is repeated in an error.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
