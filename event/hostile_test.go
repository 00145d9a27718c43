package event

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// inEvent puts a payload into an event that is otherwise good.
func inEvent(payload string) string {
	return `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"a@b.de","event_payload":` + payload + `}`
}

// fill repeats part, with %d as a running number, up to the largest body.
func fill(open, part, sep, end string) string {
	var b strings.Builder
	b.WriteString(open)
	for i := 0; ; i++ {
		p := part
		if strings.Contains(part, "%") {
			p = fmt.Sprintf(part, i)
		}
		if b.Len()+len(sep)+len(p)+len(end) > MaxBody {
			break
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(p)
	}
	return b.String() + end
}

// hostileBodies are bodies of the largest size that ask for as much work as
// possible, each in its own way.
func hostileBodies() []struct{ name, body string } {
	minimal := inEvent("{}")
	long := strings.Repeat("k", 100)
	open, end := `[`+strings.TrimSuffix(minimal, "{}}")+`{"a":[`, `]}}]`
	object := strings.TrimSuffix(open, `"a":[`)
	return []struct{ name, body string }{
		{"open brackets", strings.Repeat("[", MaxBody)},
		{"open braces", fill("[", `{"a":`, "", "")},
		{"nested arrays", strings.Repeat("[", MaxBody/2) + strings.Repeat("]", MaxBody/2)},
		{"nested in the payload", open + strings.Repeat("[", MaxBody/2-100) + strings.Repeat("]", MaxBody/2-100) + end},
		{"commas", "[" + strings.Repeat(",", MaxBody-1)},
		{"white space", "[" + strings.Repeat(" ", MaxBody-2) + "]"},
		{"lines", "[" + strings.Repeat("\n", MaxBody-2) + "x"},
		{"no events", fill("[", "{}", ",", "]")},
		{"numbers for events", fill("[", "1", ",", "]")},
		{"nulls for events", fill("[", "null", ",", "]")},
		{"least events", fill("[", minimal, ",", "]")},
		{"events with bad fields", fill("[", `{"event_id":1,"event_timestamp":"x","event_email":"x","event_payload":1}`, ",", "]")},
		{"events with unknown fields", fill("[", strings.TrimSuffix(minimal, "}")+`,"a":1,"b":2,"c":3,"d":4}`, ",", "]")},
		{"small integers", fill(open, "1", ",", end)},
		{"small floats", fill(open, "1.5", ",", end)},
		{"long floats", fill(open, "123.45678901234567", ",", end)},
		{"floats with exponents", fill(open, "1.2345e-200", ",", end)},
		{"subnormal floats", fill(open, "5e-324", ",", end)},
		{"floats on midpoints", fill(open, "9007199254740993e0", ",", end)},
		{"floats next to midpoints", fill(open, "1.00000000000000011102230246251565404236316680908203126", ",", end)},
		{"small floats next to midpoints", fill(open, "8.0085662595372944372e-308", ",", end)},
		{"large floats next to midpoints", fill(open, "8.9884656743115804e307", ",", end)},
		{"digits of the smallest float", fill(open, midpoint(4.9e-324), ",", end)},
		{"one float", open + "0." + strings.Repeat("3", MaxBody-200) + end},
		{"integers out of range", fill(open, "99999999999999999999", ",", end)},
		{"floats out of range", fill(open, "1e999", ",", end)},
		{"empty texts", fill(open, `""`, ",", end)},
		{"control escapes", open + `"` + fill("", `\n`, "", "")[:MaxBody-200] + `"` + end},
		{"unicode escapes", fill(open+`"`, `\u00e9`, "", `"`+end)},
		{"surrogate escapes", fill(open+`"`, `\ud83d\ude00`, "", `"`+end)},
		{"one escape a text", fill(open, `"a\n"`, ",", end)},
		{"NUL escapes", fill(open, `"\u0000"`, ",", end)},
		{"lone surrogates", fill(open, `"\ud800"`, ",", end)},
		{"two-byte characters", fill(open+`"`, "é", "", `"`+end)},
		{"three-byte characters", fill(open+`"`, "日", "", `"`+end)},
		{"four-byte characters", fill(open+`"`, "😀", "", `"`+end)},
		{"mixed characters", fill(open+`"`, "aé", "", `"`+end)},
		{"many keys", fill(object, `"%d":1`, ",", "}}]")},
		{"many keys with dots", fill(object, `"a.%d":1`, ",", "}}]")},
		{"one key again and again", fill(object, `"a":1`, ",", "}}]")},
		{"one long key again and again", fill(object, `"`+long+`":1`, ",", "}}]")},
		{"keys alike in part", fill(object, `"aaaaaaaa%012daaaaaaaa":1`, ",", "}}]")},
		{"objects of 16 keys alike in part", fill(open, `{"aaaaaaaa00aaaaaaaa":1,"aaaaaaaa01aaaaaaaa":1,"aaaaaaaa02aaaaaaaa":1,`+
			`"aaaaaaaa03aaaaaaaa":1,"aaaaaaaa04aaaaaaaa":1,"aaaaaaaa05aaaaaaaa":1,"aaaaaaaa06aaaaaaaa":1,"aaaaaaaa07aaaaaaaa":1,`+
			`"aaaaaaaa08aaaaaaaa":1,"aaaaaaaa09aaaaaaaa":1,"aaaaaaaa10aaaaaaaa":1,"aaaaaaaa11aaaaaaaa":1,"aaaaaaaa12aaaaaaaa":1,`+
			`"aaaaaaaa13aaaaaaaa":1,"aaaaaaaa14aaaaaaaa":1,"aaaaaaaa15aaaaaaaa":1}`, ",", end)},
		{"objects of 16 keys", fill(open, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1}`, ",", end)},
		{"objects of 17 keys", fill(open, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1}`, ",", end)},
		{"empty objects", fill(open, "{}", ",", end)},
		{"errors below a long key", object + `"` + strings.Repeat("~", MaxBody/2) + `":{` + strings.TrimPrefix(fill("", `"a":1`, ",", "")[:MaxBody/3], "") + `":1}}}]`},
		{"too deep again and again", fill(open+strings.Repeat("[", 62), "[[]]", ",", strings.Repeat("]", 62)+end)},
		{"addresses in UTF-8", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"é@b.co"}`, ",", "]")},
		{"quoted addresses", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"\"a b\"@b.co"}`, ",", "]")},
		{"long addresses", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"`+long[:60]+`@`+long[:60]+`.`+long[:60]+`.co"}`, ",", "]")},
		{"bad addresses", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"`+long+long+`"}`, ",", "]")},
		{"addresses with quoted pairs", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"\"\\a\\é\\\\\"@b.co"}`, ",", "]")},
		{"long addresses that only the validator refuses", fill("[", `{"event_id":"1","event_timestamp":"2025-12-08","event_email":"`+long[:60]+
			`@`+long[:60]+`.`+long[:60]+`.`+long[:60]+`.1"}`, ",", "]")},
		{"odd times", fill("[", `{"event_id":"1","event_timestamp":"20251208 152111,123456789-2359","event_email":"a@b.co"}`, ",", "]")},
		{"escaped field names", fill("[", `{"\u0065vent_id":"1","event\u005ftimestamp":"2025-12-08","event_emai\u006c":"a@b.co"}`, ",", "]")},
	}
}

// BenchmarkHostile reports as "x-good" how much longer a body takes than one of
// its size with the usual events. Both run in turn and the fastest run of each
// counts, since other load on a machine only adds.
func BenchmarkHostile(b *testing.B) {
	d := NewDecoder()
	good := goodBody(MaxBody / len(goodBody(1)))
	run := func(body []byte) time.Duration {
		start := time.Now()
		d.Decode(body, Options{})
		return time.Since(start)
	}
	for _, h := range hostileBodies() {
		b.Run(strings.ReplaceAll(h.name, " ", "_"), func(b *testing.B) {
			body := []byte(h.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			least, leastGood := time.Hour, time.Hour
			for b.Loop() {
				least = min(least, run(body))
				b.StopTimer()
				leastGood = min(leastGood, run(good))
				b.StartTimer()
			}
			ratio := float64(least) / float64(MaxBody) / (float64(leastGood) / float64(len(good)))
			b.ReportMetric(ratio, "x-good")
		})
	}
}
