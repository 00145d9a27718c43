package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// nasty makes events that are hard to write down: every kind of value, keys that are
// empty, dotted or escaped, texts that look like formulas, dates and quotes.
type nasty struct{ r *rand.Rand }

var (
	nastyTexts = []string{
		"", " ", "=1+1", "'=1+1", "''", "'", "@x", "+49 123", "-5", "\t=x", "\r\n", "a\nb", "a\r\nb", `"`, `""`, `\`, `a,b;c|d`, "2025-01-01", "2025-01-01T00:00:00Z",
		"null", "true", "1e5", "é€😀", "\u2028", "\ufeff", "\ufffd", "\x01\x1f\x7f", "/", "</script>", "%2E", "a.b", "ends ", " starts", "｜＝１", strings.Repeat("x", 3000),
	}
	nastyNumbers = []string{
		"0", "-0", "0.0", "-0.0", "1", "-1", "5.0", "1e5", "1e20", "123456789.0", "0.1", "-9223372036854775808", "9223372036854775807", "18446744073709551615",
		"18446744073709551616", "1e400", "1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "9007199254740993", "9007199254740993.0", "3.14", "1e-7", "100000000000000000000000",
	}
	nastyKeys = []string{"", ".", "a", "b", "a.b", "a..b", ".a", "a.", `"`, `\`, "é", "😀", " ", "=x", "'", "x y", "event_id", "import_row", "\n", "0", "very" + strings.Repeat("long", 50)}
)

func (n nasty) pick(from []string) string { return from[n.r.IntN(len(from))] }

func quoted(text string) string {
	out, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

func (n nasty) value(depth int) string {
	kinds := 7
	if depth > 3 {
		kinds = 5
	}
	switch n.r.IntN(kinds) {
	case 0, 1:
		return quoted(n.pick(nastyTexts))
	case 2, 3:
		return n.pick(nastyNumbers)
	case 4:
		return n.pick([]string{"true", "false", "null"})
	case 5:
		return n.object(depth + 1)
	default:
		var parts []string
		for range n.r.IntN(4) {
			parts = append(parts, n.value(depth+1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
}

// object keeps keys apart that ClickHouse has in one path.
func (n nasty) object(depth int) string {
	var parts []string
	used := map[string]bool{}
	for range n.r.IntN(5) {
		key := n.pick(nastyKeys)
		if used[key] {
			continue
		}
		used[key] = true
		parts = append(parts, quoted(key)+":"+n.value(depth))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (n nasty) event(i int) string {
	at := time.UnixMilli(int64(n.r.Uint64N(12_000_000_000_000)) - 2_000_000_000_000).UTC()
	text := `{"event_id":` + quoted(n.pick(nastyTexts[:len(nastyTexts)-1])+strconv.Itoa(i)) + `,"event_timestamp":"` + at.Format("2006-01-02T15:04:05.000Z") + `"`
	text += `,"event_email":` + quoted(n.pick([]string{"a@example.com", "A.B+c@example.com", "'=x@example.com", "=x@example.com", "-@example.com", "ü@exämple.de"}))
	if n.r.IntN(2) == 0 {
		text += `,"event_adb_cdt":` + quoted(n.pick(nastyTexts[:len(nastyTexts)-1]))
	}
	if n.r.IntN(20) > 0 {
		text += `,"event_payload":` + n.object(0)
	}
	return text + "}"
}

func TestExportIsImportedAsTheSameEvents(t *testing.T) {
	const events = 5000
	p := serve(t, t.TempDir())
	dir := t.TempDir()
	n := nasty{rand.New(rand.NewPCG(7, 8))}
	var file strings.Builder
	for i := range events {
		file.WriteString(n.event(i) + "\n")
	}
	source := filepath.Join(dir, "nasty.ndjson")
	if err := os.WriteFile(source, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	id := p.connection("Source")
	if code, out, log := p.tool("import", source, "--connection", id, "--yes"); code != 0 || !strings.Contains(out, "5000 accepted, 0 refused") {
		t.Fatalf("exit code %d\n%s%s", code, out, log)
	}
	// The types of values too: a float in quotation marks is one, wherever it stands.
	fingerprint := func(connection string) string {
		return "SELECT count(), groupBitXor(sipHash64(event_id, event_timestamp, event_email, event_adb_cdt, toJSONString(event_payload), toString(JSONAllPathsWithTypes(event_payload)))) FROM events WHERE connection = '" + connection + "' SETTINGS output_format_json_quote_64bit_floats = 1"
	}
	p.becomes(30*time.Second, "SELECT count() FROM events WHERE connection = 'Source'", strconv.Itoa(events))
	want, err := p.ask(fingerprint("Source"))
	if err != nil || !strings.HasPrefix(want, "5000\t") {
		t.Fatalf("%s, %v", want, err)
	}
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		t.Run(format, func(t *testing.T) {
			path := filepath.Join(dir, "out."+format)
			if code, out, log := p.tool("export", "--connection", "Source", "-o", path); code != 0 {
				t.Fatalf("export: exit code %d\n%s%s", code, out, log)
			}
			copied := "Copy " + format
			p.connection(copied)
			if code, out, log := p.tool("import", path, "--connection", copied, "--yes"); code != 0 || !strings.Contains(out, "5000 accepted, 0 refused") {
				t.Fatalf("import: exit code %d\n%s%s", code, out, log)
			}
			p.becomes(30*time.Second, "SELECT count() FROM events WHERE connection = '"+copied+"'", strconv.Itoa(events))
			if got, err := p.ask(fingerprint(copied)); err != nil || got != want {
				t.Errorf("%v: %s, want %s", err, got, want)
				diff, err := p.ask(fmt.Sprintf("SELECT a.event_id, a.event_email, b.event_email, a.event_adb_cdt, b.event_adb_cdt, a.event_payload, b.event_payload FROM (SELECT * FROM events WHERE connection = 'Source') AS a INNER JOIN (SELECT * FROM events WHERE connection = '%s') AS b ON a.event_id = b.event_id WHERE (a.event_timestamp, a.event_email, a.event_adb_cdt, toJSONString(a.event_payload), toString(JSONAllPathsWithTypes(a.event_payload))) != (b.event_timestamp, b.event_email, b.event_adb_cdt, toJSONString(b.event_payload), toString(JSONAllPathsWithTypes(b.event_payload))) LIMIT 3 SETTINGS output_format_json_quote_64bit_floats = 1", copied))
				t.Logf("%s %v", diff, err)
			}
		})
	}
	t.Run("a part of the time", func(t *testing.T) {
		code, out, log := p.tool("export", "--connection", "Source", "--from", "2000-01-01", "--to", "2010-01-01T00:00:00Z", "--format", "ndjson")
		n, err := p.ask("SELECT count() FROM events WHERE connection = 'Source' AND event_timestamp >= '2000-01-01' AND event_timestamp < '2010-01-01'")
		if got := strconv.Itoa(strings.Count(out, "\n")); code != 0 || err != nil || got != n || n == "0" {
			t.Errorf("exit code %d, %v, %s lines, want %s\n%s", code, err, got, n, log)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		for want, args := range map[string][]string{
			"must be a date or date-time": {"export", "--connection", "Source", "--from", "yesterday"},
			"no connection is named":      {"export", "--connection", "Nobody"},
			"404":                         {"export", "--report", "none"},
			"is not one of csv":           {"export", "--connection", "Source", "--format", "xlsx"},
		} {
			if code, _, log := p.tool(args...); code != 1 || !strings.Contains(log, want) {
				t.Errorf("%v: exit code %d\n%s", args, code, log)
			}
		}
	})
}
