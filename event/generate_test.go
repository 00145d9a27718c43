package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// The generators draw bodies that are mostly acceptable, with every oddity that
// the decoder has a rule for now and then.

// rarely is true about once in n draws. Plain ranges will not do, rapid prefers
// their ends.
func rarely(t *rapid.T, n int) bool {
	x := rapid.Uint64().Draw(t, "odds")
	x = (x ^ x>>31) * 0x9E3779B97F4A7C15
	return (x>>32)%uint64(n) == 1
}

var oddTexts = []string{
	"", " ", "a.b", "a%2Eb", "a%2eb", ".", "%2E", "%", "x/y~z", "ключ", "日本語", "😀", "é", "é", "\u007f", "\u2028",
	"plain text of more than eight bytes", "event_id", "event_email", "event_payload", "customer_name", "customer_date",
	"0123456", "01234567", "012345678", "0123456789abcde", "0123456789abcdef", "0123456789abcdefg", "2025-12-08", "true",
	"\"quoted\"", "back\\slash", "line\nbreak", "tab\t", "\u0001", "\ufffd", "\ufffe", "a", "b", "aa", "ab",
}

var textGen = rapid.OneOf(
	rapid.SampledFrom(oddTexts),
	rapid.StringMatching(`[a-z_]{1,12}`),
	rapid.StringN(0, 12, 60).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }),
)

// quoted draws one of the ways to write a text in JSON.
func quoted(t *rapid.T, text string) string {
	if rarely(t, 300) {
		return rapid.SampledFrom([]string{
			`"\ud800"`, `"x\udfff"`, `"\u0000"`, `"\ud800\ud800\udc00"`, `"\ud83d\ude00"`, `"\ud83dx\ude00"`, `"\\ud800"`, `"\\\ud800"`,
		}).Draw(t, "odd escape")
	}
	var b strings.Builder
	b.WriteByte('"')
	all := rarely(t, 20)
	for _, r := range text {
		switch {
		case all && r < 0x10000 || r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '/' && rarely(t, 2):
			b.WriteString(`\/`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var numberGen = rapid.OneOf(
	rapid.SampledFrom([]string{
		"0", "-0", "-0.0", "0e0", "1e5", "1E+2", "1e-400", "1e400", "-1e400", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999",
		"100000000000000000000", "5e-324", "2.4703282292062328e-324", "2.4703282292062327e-324", "1.7976931348623157e308",
		"1.7976931348623158e308", "1.7976931348623159e308", "2.2250738585072011e-308", "9007199254740993.0",
		"9007199254740993.00000000000000000000001", "0.1", "123456789012345678901234567890.5e-10",
	}),
	rapid.Map(rapid.Int64(), func(i int64) string { return strconv.FormatInt(i, 10) }),
	rapid.Map(rapid.Uint64(), func(i uint64) string { return strconv.FormatUint(i, 10) }),
	rapid.Map(rapid.Float64(), func(f float64) string { s, _ := json.Marshal(f); return string(s) }),
	rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?`),
)

// gap draws white space, mostly none.
func gap(t *rapid.T) string {
	if rarely(t, 20) {
		return rapid.StringMatching(`[ \t\r\n]{1,4}`).Draw(t, "gap")
	}
	return ""
}

func drawValue(t *rapid.T, depth int) string {
	kinds := 10
	if depth <= 0 {
		kinds = 7
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	case 1, 2, 3:
		return numberGen.Draw(t, "number")
	case 4, 5, 6:
		return quoted(t, textGen.Draw(t, "text"))
	case 7:
		var parts []string
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			parts = append(parts, gap(t)+drawValue(t, depth-1)+gap(t))
		}
		return "[" + gap(t) + strings.Join(parts, ",") + "]"
	}
	return drawObject(t, depth)
}

func drawObject(t *rapid.T, depth int) string {
	most := 5
	if rarely(t, 10) {
		most = 40 // past pairwise
	}
	var parts []string
	for i := range rapid.IntRange(0, most).Draw(t, "members") {
		key := textGen.Draw(t, "key")
		if !rarely(t, 100) {
			key += strconv.Itoa(i) // no duplicate
		}
		parts = append(parts, gap(t)+quoted(t, key)+gap(t)+":"+gap(t)+drawValue(t, depth-1)+gap(t))
	}
	return "{" + gap(t) + strings.Join(parts, ",") + "}"
}

// deep draws a value in n containers.
func deep(t *rapid.T, n int) string {
	open, end := "", ""
	for range n {
		if rapid.Bool().Draw(t, "object") {
			open, end = open+`{"a":`, "}"+end
		} else {
			open, end = open+"[", "]"+end
		}
	}
	return open + drawValue(t, 1) + end
}

var timestampGen = rapid.OneOf(
	rapid.StringMatching(`(19|20|21|22)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{3})?Z`),
	rapid.StringMatching(`(1899|1900|2000|2023|2024|2299|2300)-(0[0-3]|1[0-3])-(0[0-2]|2[89]|3[0-2])([T ](00|23|24)(:(00|59|60)(:(00|59|60)([.,][0-9]{1,10})?)?)?(Z|[+-](00|01|23|24)(:?(00|59|60))?)?)?`),
	rapid.StringMatching(`(1900|2024|2299)(0[1-3]|1[0-2])(0[1-2]|2[89]|3[01])([T ](00|23)((00|59)((00|59)([.,][0-9]{1,10})?)?)?(Z|[+-](00|01|23)(:?(00|59))?)?)?`),
	rapid.SampledFrom([]string{
		"", "2025", "2025-12", "2025-12-08t00:00:00z", " 2025-12-08", "2025-12-08 ", "2025-12-08T", "2025-12-08Z", "2025-W50-1", "1733671271",
		"2025-12-08T10:11:12.", "20251208T10:11:12", "2025-12-08T101112", "2025-12-08T10:1112", "2025-12-08  10:11:12", "2025-12-08T10:11.5",
		"2025-12-08T10:11:12+1", "2025-12-08T10:11:12+01:", "2025-12-08T10:11:12Zx", "２025-12-08", "2025-12-08T10:11:12,123456789-23:59",
	}),
)

var emailGen = rapid.OneOf(
	rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{1,8})?@[a-z]{1,10}\.(com|de|co\.uk)`),
	rapid.StringMatching(`[a-zA-Z0-9.!#$%&'*+/=?^_{|}~é"@ \\-]{0,5}@?[a-zA-Z0-9.~_é日\-]{0,8}\.?[a-zA-Z0-9.é\-]{0,4}`),
	rapid.StringMatching(`"[a-z \\"@é\t]{0,6}"@[a-z]{1,5}\.[a-z]{2}`),
	rapid.StringMatching(`[aé]{60,66}@[b日]{1,3}\.[a-z]{2}`),
	rapid.StringMatching(`a@[bé]{50,66}(\.[c日]{58,64}){0,3}\.[a-z]{2}`),
	rapid.SampledFrom([]string{
		"", "@", "a@b", "a@b.c", "a@b.c.", "a@.b.c", ".a@b.co", "a.@b.co", "a..b@c.de", "a@-b.co", "a@b-.co", "a@b.co-", "a@b.1", "a@[127.0.0.1]",
		"Name <a@b.co>", "<a@b.co>", "a@b.co, c@d.de", "(c)a@b.co", "a@b.co(c)", `""@b.co`, `"a"@b.co`, `"a\"b"@c.de`, "a@xn--p1ai.xn--p1ai",
		"имя@почта.рф", "用户@例子.公司", "a@b\u00a0c.de", "a\u3000b@c.de", "😀@b.co", "a@😀.co", "=?utf-8?q?a?=@b.co", "a@b.c~d", "a@~.co", "a@b_c.de",
	}),
)

// drawField draws a member of an event that has the given value in most cases.
func drawField(t *rapid.T, name string, usual *rapid.Generator[string]) string {
	if rarely(t, 60) {
		return quoted(t, name) + ":" + gap(t) + drawValue(t, 2)
	}
	return quoted(t, name) + gap(t) + ":" + gap(t) + quoted(t, usual.Draw(t, name))
}

func drawEvent(t *rapid.T) string {
	if rarely(t, 60) {
		return drawValue(t, 2)
	}
	var parts []string
	add := func(odds int, part func() string) {
		if !rarely(t, odds) {
			parts = append(parts, gap(t)+part()+gap(t))
		}
	}
	timestamp, email := timestampGen, emailGen
	if !rarely(t, 8) {
		timestamp = rapid.Just("2025-12-08T15:21:11.804Z")
	}
	if !rarely(t, 8) {
		email = rapid.Just("name@example.com")
	}
	ids := rapid.OneOf(rapid.StringMatching(`order_[0-9]{1,9}`), textGen, rapid.Just(strings.Repeat("x", MaxID)))
	add(60, func() string { return drawField(t, "event_id", ids) })
	add(60, func() string { return drawField(t, "event_timestamp", timestamp) })
	add(30, func() string { return drawField(t, "event_email", email) })
	add(3, func() string { return drawField(t, "event_adb_cdt", ids) })
	add(4, func() string {
		value := drawObject(t, 4)
		if rarely(t, 20) {
			value = `{"d":` + deep(t, rapid.IntRange(60, 66).Draw(t, "depth")) + `}`
		}
		return `"event_payload":` + value
	})
	for rarely(t, 8) {
		add(2, func() string { return quoted(t, textGen.Draw(t, "unknown")) + ":" + drawValue(t, 2) })
	}
	if rarely(t, 30) && len(parts) > 0 {
		parts = append(parts, parts[0])
	}
	order := rapid.Permutation(parts).Draw(t, "order")
	return "{" + gap(t) + strings.Join(order, ",") + "}"
}

// bodyGen draws request bodies.
var bodyGen = rapid.Custom(func(t *rapid.T) []byte {
	var parts []string
	if !rarely(t, 20) {
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			parts = append(parts, gap(t)+drawEvent(t)+gap(t))
		}
	}
	return []byte(gap(t) + "[" + gap(t) + strings.Join(parts, ",") + "]" + gap(t))
})

// brokenGen draws bodies with a few bytes changed, taken away or put in.
var brokenGen = rapid.Custom(func(t *rapid.T) []byte {
	body := bytes.Clone(bodyGen.Draw(t, "body"))
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		at := rapid.IntRange(0, len(body)).Draw(t, "at")
		piece := rapid.SampledFrom([]string{
			"", "", "{", "}", "[", "]", ",", ":", `"`, `\`, "0", "1", "-", ".", "e", " ", "\n", "\x00", "\x1f", "\x80", "\xff", "\xed\xa0\x80", "é", "null",
			"/", "'", "NaN", "u", `\u`, `\u00`, "\xef\xbb\xbf", "\xf4\x90\x80\x80", "\xc0\x80", "tru", "t",
		}).Draw(t, "piece")
		end := min(len(body), at+rapid.IntRange(0, 3).Draw(t, "gone"))
		body = append(body[:at:at], append([]byte(piece), body[end:]...)...)
	}
	return body
})
