package event

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// broken returns the broken rules of a body that must have some.
func broken(t *testing.T, body string, opts Options) []FieldError {
	t.Helper()
	_, err := NewDecoder().Decode([]byte(body), opts)
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("Decode(%.300q): %v, want an InvalidError", body, err)
	}
	return invalid.Errors
}

const (
	okID    = `"event_id":"1"`
	okTime  = `"event_timestamp":"2025-12-08T15:21:11.804Z"`
	okEmail = `"event_email":"a@b.de"`
	okEvent = `{` + okID + `,` + okTime + `,` + okEmail + `}`
)

// with returns a body of one good event with further members.
func with(members string) string {
	return `[{` + okID + `,` + okTime + `,` + okEmail + `,` + members + `}]`
}

func TestRules(t *testing.T) {
	long := strings.Repeat("x", 1025)
	nested := strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64)
	for _, c := range []struct {
		name, body string
		opts       Options
		want       []FieldError
	}{
		{name: "nothing", body: `[{}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "required", "event_id is required"},
			{0, "event_timestamp", "/0/event_timestamp", "required", "event_timestamp is required"},
			{0, "event_email", "/0/event_email", "required", "event_email is required"},
		}},
		{name: "null is missing", body: `[{"event_id":null,"event_timestamp":null,"event_email":null,"event_adb_cdt":null,"event_payload":null}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "required", "event_id is required"},
			{0, "event_timestamp", "/0/event_timestamp", "required", "event_timestamp is required"},
			{0, "event_email", "/0/event_email", "required", "event_email is required"},
		}},
		{name: "empty", body: `[{"event_id":"","event_timestamp":"","event_email":"","event_adb_cdt":""}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "empty", "event_id must not be empty"},
			{0, "event_timestamp", "/0/event_timestamp", "empty", "event_timestamp must not be empty"},
			{0, "event_email", "/0/event_email", "empty", "event_email must not be empty"},
		}},
		{name: "wrong types", body: `[{"event_id":12345,"event_timestamp":1733671271,"event_email":["a@b.de"],"event_adb_cdt":{},"event_payload":"{}"}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "type", "event_id must be a string, not a number: put it in double quotes"},
			{0, "event_timestamp", "/0/event_timestamp", "type", `event_timestamp must be a string with an ISO 8601 date-time such as "2025-12-08T15:21:11.804Z", not a number`},
			{0, "event_email", "/0/event_email", "type", "event_email must be a string, not an array"},
			{0, "event_adb_cdt", "/0/event_adb_cdt", "type", "event_adb_cdt must be a string, not an object"},
			{0, "event_payload", "/0/event_payload", "type", "event_payload must be an object, not a string: send the object itself, not its JSON text"},
		}},
		{name: "more wrong types", body: `[{"event_id":true,"event_timestamp":false,"event_email":-1,"event_payload":[]}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "type", "event_id must be a string, not a boolean"},
			{0, "event_timestamp", "/0/event_timestamp", "type", `event_timestamp must be a string with an ISO 8601 date-time such as "2025-12-08T15:21:11.804Z", not a boolean`},
			{0, "event_email", "/0/event_email", "type", "event_email must be a string, not a number: put it in double quotes"},
			{0, "event_payload", "/0/event_payload", "type", "event_payload must be an object, not an array"},
		}},
		{name: "too long", body: `[{"event_id":"` + long[:513] + `",` + okTime + `,` + okEmail + `,"event_adb_cdt":"` + long + `"}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "max", "event_id has 513 bytes, of at most 512"},
			{0, "event_adb_cdt", "/0/event_adb_cdt", "max", "event_adb_cdt has 1025 bytes, of at most 1024"},
		}},
		{name: "too long in bytes", body: `[{"event_id":"` + strings.Repeat("é", 257) + `",` + okTime + `,` + okEmail + `}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "max", "event_id has 514 bytes, of at most 512"},
		}},
		{name: "times", body: `[{` + okID + `,"event_timestamp":"2025-02-30T10:00:00Z",` + okEmail + `},{` + okID + `,"event_timestamp":"yesterday",` + okEmail + `}]`, want: []FieldError{
			{0, "event_timestamp", "/0/event_timestamp", "timestamp", `event_timestamp is not an ISO 8601 date-time: 30 February does not exist; a right one is "2025-12-08T15:21:11.804Z"`},
			{1, "event_timestamp", "/1/event_timestamp", "timestamp", `event_timestamp is not an ISO 8601 date-time: it must begin with a date, YYYY-MM-DD or YYYYMMDD; a right one is "2025-12-08T15:21:11.804Z"`},
		}},
		{name: "addresses", body: `[{` + okID + `,` + okTime + `,"event_email":"nobody"},{` + okID + `,` + okTime + `,"event_email":"a b@c.de"},{` +
			okID + `,` + okTime + `,"event_email":"` + long[:65] + `@b.de"},{` + okID + `,` + okTime + `,"event_email":"` + long[:250] + `@b.de"}]`, want: []FieldError{
			{0, "event_email", "/0/event_email", "email", "event_email is not a valid address: it has no @"},
			{1, "event_email", "/1/event_email", "email", `event_email is not a valid address; a right one is "name@example.com"`},
			{2, "event_email", "/2/event_email", "email", "event_email is not a valid address: the part before the @ has 65 bytes, of at most 64"},
			{3, "event_email", "/3/event_email", "email", "event_email is not a valid address: it has 255 bytes, of at most 254"},
		}},
		{name: "not an object", body: `[` + okEvent + `,1,"x",null,true,[{}]]`, want: []FieldError{
			{1, "", "/1", "object", "an event must be an object, not a number"},
			{2, "", "/2", "object", "an event must be an object, not a string"},
			{3, "", "/3", "object", "an event must be an object, not null"},
			{4, "", "/4", "object", "an event must be an object, not a boolean"},
			{5, "", "/5", "object", "an event must be an object, not an array"},
		}},
		{name: "rules inside what is no event", body: `["\ud800",[{"a":1,"a":2}]]`, want: []FieldError{
			{0, "", "/0", "object", "an event must be an object, not a string"},
			{0, "", "/0", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
			{1, "", "/1", "object", "an event must be an object, not an array"},
			{1, "", "/1/0/a", "duplicate_key", `the key "a" is there twice in one object`},
		}},
		{name: "duplicate fields", body: `[{` + okID + `,"event_id":2,` + okTime + `,` + okEmail + `,"event\u005femail":"x","event_payload":{},"event_payload":[]}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "duplicate_key", `the key "event_id" is there twice in one object`},
			{0, "event_email", "/0/event_email", "duplicate_key", `the key "event_email" is there twice in one object`},
			{0, "event_payload", "/0/event_payload", "duplicate_key", `the key "event_payload" is there twice in one object`},
		}},
		{name: "duplicate unknown fields", body: with(`"x":1,"x":{"y":1,"y":2}`), want: []FieldError{
			{0, "x", "/0/x", "duplicate_key", `the key "x" is there twice in one object`},
			{0, "x", "/0/x/y", "duplicate_key", `the key "y" is there twice in one object`},
		}},
		{name: "duplicate keys", body: with(`"event_payload":{"a":1,"b":[{"c":1},{"c":1,"\u0063":null}],"a":null,"":1,"":2}`), want: []FieldError{
			{0, "event_payload", "/0/event_payload/b/1/c", "duplicate_key", `the key "c" is there twice in one object`},
			{0, "event_payload", "/0/event_payload/a", "duplicate_key", `the key "a" is there twice in one object`},
			{0, "event_payload", "/0/event_payload/", "duplicate_key", `the key "" is there twice in one object`},
		}},
		{name: "keys that become one path", body: with(`"event_payload":{"a.b":1,"a%2Eb":2,"c%2E":{".":1,"%2E":2},"c.":3}`), want: []FieldError{
			{0, "event_payload", "/0/event_payload/a%2Eb", "duplicate_key", `the keys "a.b" and "a%2Eb" of one object would become the same path: a dot in a key is stored as "%2E"`},
			{0, "event_payload", "/0/event_payload/c%2E/%2E", "duplicate_key", `the keys "." and "%2E" of one object would become the same path: a dot in a key is stored as "%2E"`},
			{0, "event_payload", "/0/event_payload/c.", "duplicate_key", `the keys "c%2E" and "c." of one object would become the same path: a dot in a key is stored as "%2E"`},
		}},
		{name: "NUL and lone surrogates", body: `[{"event_id":"a\u0000b","event_timestamp":"\udc00","event_email":"\ud800\u0000","event_adb_cdt":"\u0000","event_payload":{"a/b~c":["\ud800"],"\u0000":"\udfff\ud800"},"\ud800":1}]`, want: []FieldError{
			{0, "event_id", "/0/event_id", "nul", `\u0000 (NUL) cannot be stored in a text`},
			{0, "event_timestamp", "/0/event_timestamp", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
			{0, "event_email", "/0/event_email", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
			{0, "event_adb_cdt", "/0/event_adb_cdt", "nul", `\u0000 (NUL) cannot be stored in a text`},
			{0, "event_payload", "/0/event_payload/a~1b~0c/0", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
			{0, "event_payload", "/0/event_payload/\x00", "nul", `\u0000 (NUL) cannot be stored in a text`},
			{0, "event_payload", "/0/event_payload/\x00", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
			{0, "\ufffd", "/0/\ufffd", "lone_surrogate", `a \uD800 to \uDFFF escape without its other half is no character`},
		}},
		{name: "depth", body: `[{` + okID + `,` + okTime + `,` + okEmail + `,"event_payload":{"a":` + nested + `},"x":` + `[` + nested + `]` + `}]`, want: []FieldError{
			{0, "event_payload", "/0/event_payload/a" + strings.Repeat("/0", 63), "depth", "arrays and objects are nested more than 64 levels deep"},
			{0, "x", "/0/x" + strings.Repeat("/0", 64), "depth", "arrays and objects are nested more than 64 levels deep"},
		}},
		{
			name: "anonymous without token", body: `[{` + okID + `,` + okTime + `},{` + okID + `,` + okTime + `,"event_email":null,"event_adb_cdt":""},{` + okID + `,` + okTime + `,"event_email":"","event_adb_cdt":"x"}]`,
			opts: Options{AllowAnonymous: true}, want: []FieldError{
				{0, "event_email", "/0/event_email", "required", "event_email is required where event_adb_cdt is absent or empty"},
				{1, "event_email", "/1/event_email", "required", "event_email is required where event_adb_cdt is absent or empty"},
				{2, "event_email", "/2/event_email", "empty", "event_email must not be empty"},
			},
		},
		{name: "anonymous not allowed", body: `[{` + okID + `,` + okTime + `,"event_adb_cdt":"x"}]`, want: []FieldError{
			{0, "event_email", "/0/event_email", "required", "event_email is required"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, broken(t, c.body, c.opts)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkDecode(t, NewDecoder(), []byte(c.body), c.opts)
		})
	}
}

func TestFirstHundredErrors(t *testing.T) {
	for _, element := range []string{
		`{}`, `1`, `{"event_id":"","event_timestamp":"x","event_email":"x"}`, `{"event_id":"\u0000","a\ud800":1,"a":1,"a":{"b":1,"b":2}}`,
		strings.Repeat("[", 70) + strings.Repeat("]", 70), `{"event_id":1,"event_timestamp":[],"event_payload":1}`,
	} {
		o := oracle{rules: NewRules()}
		body := "[" + strings.Repeat(element+",", 300) + element + "]"
		if err := o.run([]byte(body)); err != nil {
			t.Fatal(err)
		}
		got := broken(t, body, Options{})
		if diff := cmp.Diff(o.errors, bare(got)); diff != "" || len(got) != MaxErrors {
			t.Errorf("%s: %d errors (-oracle +decoder):\n%s", element, len(got), diff)
		}
	}
}

func TestInvalidErrorText(t *testing.T) {
	for want, e := range map[string]*InvalidError{
		"invalid event": {},
		"event 2: event_id: event_id is required": {Errors: []FieldError{
			{Index: 2, Field: "event_id", Message: "event_id is required"}, {Index: 3},
		}},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestReportsStaySmall wants the answer to a request not to become far larger
// than the request, whatever the errors stand below.
func TestReportsStaySmall(t *testing.T) {
	long := strings.Repeat("k~", 50_000)
	for _, body := range []string{
		with(`"event_payload":{"` + long + `":{` + strings.Repeat(`"a":1,`, 200) + `"a":1}}`),
		with(`"` + long + `":{` + strings.Repeat(`"a":1,`, 200) + `"a":1}`),
		with(`"event_payload":{"` + long + `":1,"` + long + `":1}`),
		with(`"event_payload":{"` + long[:900] + `":{"` + long[:900] + `":{"a":1,"a":1}}}`),
		with(`"x` + strings.Repeat("é", 511) + `":{"a":1,"a":1}`),
		`[{"event_id":"` + long + `","event_timestamp":"` + long + `","event_email":"` + long + `"}]`,
	} {
		got := broken(t, body, Options{})
		size := 0
		for _, e := range got {
			size += len(e.Field) + len(e.Pointer) + len(e.Message)
		}
		if size > len(got)*2_000 {
			t.Errorf("%d errors take %d bytes", len(got), size)
		}
		for _, e := range got {
			if !utf8.ValidString(e.Field) || !utf8.ValidString(e.Pointer) || !strings.HasPrefix(e.Pointer, "/0") || strings.HasSuffix(e.Pointer, "/a") {
				t.Errorf("field %.100q, pointer %.100q", e.Field, e.Pointer)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	d := NewDecoder()
	body := with(`"revenue":99.5,"event_payload":{"n":[1,18446744073709551616,-9223372036854775809],"f":1e400,"g":-1e999,"ok":1e-400},"Event_ID":"x","z":1e400,"q\"":1`)
	b, err := d.Decode([]byte(body), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(name string) string {
		return fmt.Sprintf("%q is not a field of an event and was ignored; move it into event_payload to keep it", name)
	}
	want := []FieldError{
		{0, "revenue", "/0/revenue", "unknown_field", ignored("revenue")},
		{0, "event_payload", "/0/event_payload/n/1", "number_range", "the number 18446744073709551616 does not fit 64 bits and was kept as text"},
		{0, "event_payload", "/0/event_payload/n/2", "number_range", "the number -9223372036854775809 does not fit 64 bits and was kept as text"},
		{0, "event_payload", "/0/event_payload/f", "number_range", "the number 1e400 does not fit 64 bits and was kept as text"},
		{0, "event_payload", "/0/event_payload/g", "number_range", "the number -1e999 does not fit 64 bits and was kept as text"},
		{0, "Event_ID", "/0/Event_ID", "unknown_field", ignored("Event_ID")},
		{0, "z", "/0/z", "unknown_field", ignored("z")},
		{0, `q"`, `/0/q"`, "unknown_field", ignored(`q"`)},
	}
	got := b.Warnings
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// Warnings are the caller's to keep, and none are left for the next body.
	b, err = d.Decode([]byte(`[`+okEvent+`]`), Options{})
	if err != nil || len(b.Warnings) != 0 {
		t.Errorf("next body: %v, %v", b.Warnings, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}

	b, err = d.Decode([]byte(with(`"event_payload":{"a":[`+strings.Repeat("1e400,", 500)+`1]}`)), Options{})
	if err != nil || len(b.Warnings) != MaxWarnings {
		t.Errorf("%d warnings, %v", len(b.Warnings), err)
	}
}

func TestAnonymous(t *testing.T) {
	b, err := NewDecoder().Decode([]byte(`[{`+okID+`,`+okTime+`,"event_adb_cdt":"x"},{`+okID+`,`+okTime+`,"event_email":null,"event_adb_cdt":"x"}]`),
		Options{AllowAnonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range b.Events {
		if e.Email != 0 || string(b.Text(e.CDT)) != "x" {
			t.Errorf("event %d: e-mail %q, token %q", i, b.Text(e.Email), b.Text(e.CDT))
		}
	}
}

func TestDecodeEvent(t *testing.T) {
	d := NewDecoder()
	b, err := d.DecodeEvent([]byte(" "+okEvent+"\r\n"), Options{})
	if err != nil || len(b.Events) != 1 || string(b.Text(b.Events[0].Email)) != "a@b.de" {
		t.Fatalf("%+v, %v", b, err)
	}
	_, err = d.DecodeEvent([]byte(`{"event_payload":{"a":[{"b":1,"b":2}]}}`), Options{})
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var pointers []string
	for _, e := range invalid.Errors {
		pointers = append(pointers, e.Pointer)
	}
	if diff := cmp.Diff([]string{"/event_payload/a/0/b", "/event_id", "/event_timestamp", "/event_email"}, pointers); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
	for body, want := range map[string]string{
		"":                     "the body is empty; it must be one event, a JSON object at line 1, column 1 (byte 0)",
		"[]":                   "the body must be one event, a JSON object, not an array at line 1, column 1 (byte 0)",
		"x":                    "the body is not JSON: it must be one event, a JSON object, but begins with 'x' at line 1, column 1 (byte 0)",
		okEvent + ",":          "nothing may follow the event, but there is ',' at line 1, column 85 (byte 84)",
		`{"event_id":"1"`:      "the body ends inside an object: the body is truncated at line 1, column 16 (byte 15)",
		"{}" + okEvent:         "nothing may follow the event, but there is '{' at line 1, column 3 (byte 2)",
		"{\"event_id\":\"\xff": "the byte 0xff does not continue valid UTF-8: the body must be UTF-8 at line 1, column 14 (byte 13)",
	} {
		_, err := d.DecodeEvent([]byte(body), Options{})
		var bad *SyntaxError
		if !errors.As(err, &bad) || bad.Error() != want {
			t.Errorf("DecodeEvent(%q):\n got %v\nwant %s", body, err, want)
		}
	}
}

// TestCheckAgreesWithDecode gives the same fields to Rules.Check and, as JSON,
// to a decoder.
func TestCheckAgreesWithDecode(t *testing.T) {
	rules := NewRules()
	d := rules.NewDecoder()
	ids := []string{"absent", "", "1", strings.Repeat("x", 513)}
	times := []string{"absent", "", "2025-12-08", "2025-02-30"}
	emails := []string{"absent", "", "a@b.de", "nobody"}
	tokens := []string{"absent", "", "x", strings.Repeat("x", 1025)}
	for _, id := range ids {
		for _, at := range times {
			for _, email := range emails {
				for _, token := range tokens {
					for _, anonymous := range []bool{false, true} {
						f := Fields{AllowAnonymous: anonymous}
						var members []string
						for _, m := range []struct {
							name, text string
							to         **string
						}{
							{"event_id", id, &f.ID},
							{"event_timestamp", at, &f.Timestamp},
							{"event_email", email, &f.Email},
							{"event_adb_cdt", token, &f.CDT},
						} {
							if m.text != "absent" {
								*m.to = &m.text
								members = append(members, fmt.Sprintf("%q:%q", m.name, m.text))
							}
						}
						body := "{" + strings.Join(members, ",") + "}"
						want := rules.Check(&f)
						_, err := d.DecodeEvent([]byte(body), Options{AllowAnonymous: anonymous})
						var invalid *InvalidError
						if !errors.As(err, &invalid) {
							invalid = &InvalidError{}
						}
						// The decoder reports missing fields at the event's end.
						byField := func(list []FieldError) map[string]FieldError {
							m := map[string]FieldError{}
							for _, e := range list {
								m[e.Field] = e
							}
							return m
						}
						if diff := cmp.Diff(byField(want), byField(invalid.Errors)); diff != "" || len(want) != len(invalid.Errors) {
							t.Fatalf("%s, anonymous %v (-Check +Decode):\n%s", body, anonymous, diff)
						}
					}
				}
			}
		}
	}
}

// TestRulesAreShared lets many decoders use one Rules at the same time.
func TestRulesAreShared(t *testing.T) {
	rules := NewRules()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := rules.NewDecoder()
			for range 50 {
				if _, err := d.Decode([]byte(`[{"event_id":"","event_timestamp":"x","event_email":"x"}]`), Options{}); err == nil {
					t.Error("accepted")
				}
				if _, err := d.Decode(goodBody(3), Options{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
