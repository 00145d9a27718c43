package event

import "encoding/binary"

// ParseTimestamp returns the milliseconds since 1970 UTC of an ISO 8601
// date-time or date in the forms of CONTRACT section 2:
//
//   - a date, YYYY-MM-DD or YYYYMMDD, which alone is its midnight in UTC;
//   - "T" or one space; hh, hh:mm or hh:mm:ss after an extended date, hh, hhmm
//     or hhmmss after a basic one;
//   - after seconds "." or "," and 1 to 9 digits, cut to the millisecond
//     (towards the past, before 1970 too);
//   - "Z", ±hh, ±hhmm, ±hh:mm or nothing, which is UTC.
//
// The year must lie in MinYear to MaxYear as written and in UTC. Leap seconds,
// hour 24 and white space around are refused. The error is a *TimestampError; no
// memory is allocated without one.
func ParseTimestamp(text []byte) (ms int64, err error) {
	if ms, ok := rfc3339(text); ok {
		return ms, nil
	}
	return parseTimestamp(text)
}

// Words of "2025-12-08T15:21:11.804Z" and "2025-12-08T15:21:11Z" as rfc3339 loads
// them. XOR with the zero form leaves digits as their values and separators as
// 0; adding the check form then carries every other byte into its top bit.
const (
	dateZero  = '0' | '0'<<8 | '0'<<16 | '0'<<24 | '-'<<32 | '0'<<40 | '0'<<48 | '-'<<56
	dateCheck = 0x7F7676_7F_76767676
	hourZero  = '0' | '0'<<8 | 'T'<<16 | '0'<<24 | '0'<<32 | ':'<<40 | '0'<<48 | '0'<<56
	hourCheck = 0x7676_7F_7676_7F_7676
	fracZero  = ':' | '0'<<8 | '0'<<16 | '.'<<24 | '0'<<32 | '0'<<40 | '0'<<48 | 'Z'<<56
	fracCheck = 0x7F_767676_7F_7676_7F
	secsZero  = '0' | ':'<<8 | '0'<<16 | '0'<<24 | ':'<<32 | '0'<<40 | '0'<<48 | 'Z'<<56
	secsCheck = 0x7F_7676_7F_7676_7F_76
)

// rfc3339 reads the two forms that nearly all senders use. It may leave any text
// to parseTimestamp, but accepts none that parseTimestamp would not.
func rfc3339(t []byte) (ms int64, ok bool) {
	if len(t) != 24 && len(t) != 20 {
		return 0, false
	}
	date := binary.LittleEndian.Uint64(t) ^ dateZero
	hour := binary.LittleEndian.Uint64(t[8:]) ^ hourZero
	bad := date | (date + dateCheck) | hour | (hour + hourCheck)
	second := 0
	if len(t) == 24 {
		frac := binary.LittleEndian.Uint64(t[16:]) ^ fracZero
		bad |= frac | (frac + fracCheck)
		second = pair(frac >> 8)
		ms = int64(frac>>32&15)*100 + int64(pair(frac>>40))
	} else {
		secs := binary.LittleEndian.Uint64(t[12:]) ^ secsZero
		bad |= secs | (secs + secsCheck)
		second = pair(secs >> 40)
	}
	year := pair(date)*100 + pair(date>>16)
	month, day := pair(date>>40), pair(hour)
	h, m := pair(hour>>24), pair(hour>>48)
	if bad&highs != 0 || year < MinYear || year > MaxYear || month-1 > 11 || month == 0 ||
		day == 0 || day > daysIn(year, month) || h > 23 || m > 59 || second > 59 {
		return 0, false
	}
	return ms + millis(year, month, day, h, m, second), true
}

// pair returns the number that the two lowest bytes, digits' values, make.
func pair(x uint64) int { return int(x&15*10 + x>>8&15) }

// daysIn returns the number of days of a month of 1 to 12.
func daysIn(year, month int) int {
	switch {
	case month != 2:
		return 30 + (month+month>>3)&1
	case year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	}
	return 28
}

// millis returns the milliseconds since 1970 of a date and time after the year 0
// in the Gregorian calendar.
func millis(year, month, day, h, m, s int) int64 {
	// Counting years from March puts the leap day at the end of a year.
	if month < 3 {
		year--
		month += 12
	}
	const to1970 = 719_469 // days from 1 March 0 to 1 January 1970, and 1 as days count from 1
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - to1970
	return ((int64(days)*24+int64(h))*60+int64(m))*60_000 + int64(s)*1000
}
