package event

import (
	"errors"
	"strings"
	"testing"
)

// decodeSyntax returns the syntax error of a body that must have one.
func decodeSyntax(t *testing.T, d *Decoder, body string) *SyntaxError {
	t.Helper()
	_, err := d.Decode([]byte(body), Options{})
	var bad *SyntaxError
	if !errors.As(err, &bad) {
		t.Fatalf("Decode(%.200q): %v, want a SyntaxError", body, err)
	}
	return bad
}

func TestSyntaxErrors(t *testing.T) {
	const cut = ": the body is truncated"
	const inText = "the body ends inside a text" + cut + ", or the text's closing quote is missing"
	d := NewDecoder()
	for _, c := range []struct {
		body    string
		offset  int
		message string
	}{
		{"", 0, "the body is empty; it must be a JSON array of events"},
		{" \r\n\t", 4, "the body is empty; it must be a JSON array of events"},
		{"{}", 0, "the body is an object; it must be an array of events: wrap it in an array, [{…}]"},
		{` {"event_id":"1"}`, 1, "the body is an object; it must be an array of events: wrap it in an array, [{…}]"},
		{"null", 0, "the body must be a JSON array of events, not null"},
		{"true", 0, "the body must be a JSON array of events, not a boolean"},
		{"-1", 0, "the body must be a JSON array of events, not a number"},
		{`"[]"`, 0, "the body must be a JSON array of events, not a string"},
		{"event_id=1", 0, "the body is not JSON: it must be a JSON array of events, but begins with 'e'"},
		{"\x1f\x8b", 0, "the body is not JSON: it must be a JSON array of events, but begins with the control character 0x1f"},
		{"\x80", 0, "the body is not JSON: it must be a JSON array of events, but begins with the byte 0x80, which is not valid UTF-8"},
		{"\xef\xbb\xbf[]", 0, "the body begins with a byte order mark (EF BB BF), which JSON does not allow: send UTF-8 without it"},
		{"\xff\xfe[\x00]\x00", 0, "the body looks like UTF-16; it must be UTF-8"},
		{"\xfe\xff\x00[\x00]", 0, "the body looks like UTF-16; it must be UTF-8"},

		{"[] []", 3, "the body goes on after the array of events: send one array with all events in it"},
		{"[]\n{}", 3, "the body goes on after the array of events: send one array with all events in it"},
		{"[],", 2, "the body goes on after the array of events: send one array with all events in it"},
		{"[]]", 2, "nothing may follow the array of events, but there is ']'"},
		{"[]\x00", 2, "nothing may follow the array of events, but there is the control character 0x00"},
		{"[]\ufeff", 2, "nothing may follow the array of events, but there is '\\ufeff'"},
		{"[]\u00a0", 2, "nothing may follow the array of events, but there is '\\u00a0'"},

		{"[", 1, "the body ends where a value must follow" + cut},
		{"[{}", 3, "the body ends inside the array of events: it is truncated, or its ']' is missing"},
		{"[{},", 4, "the body ends where a value must follow" + cut},
		{"[{", 2, "the body ends inside an object" + cut},
		{`[{"a`, 4, inText},
		{`[{"a"`, 5, "the body ends after a key" + cut},
		{`[{"a":`, 6, "the body ends where a value must follow" + cut},
		{`[{"a":1`, 7, "the body ends inside an object" + cut},
		{`[{"a":1,`, 8, "the body ends inside an object" + cut},
		{`[{"a":[1`, 8, "the body ends inside an array" + cut},
		{`[{"a":"x\`, 9, inText},
		{`[{"a":"x\u12`, 12, inText},
		{`[{"a":-`, 7, "the body ends inside a number" + cut},
		{`[{"a":1.`, 8, "the body ends inside a number" + cut},
		{`[{"a":1e+`, 9, "the body ends inside a number" + cut},
		{`[{"a":tru`, 9, "the body ends inside true" + cut},

		{"[{},]", 4, "there is a comma before ']'; JSON allows none after the last value"},
		{"[,{}]", 1, "a value is missing before ','"},
		{"[{},,{}]", 4, "a value is missing before ','"},
		{"[{} {}]", 4, "a comma is missing before '{'"},
		{"[{}:{}]", 3, "',' or ']' must follow a value, not ':'"},
		{"[{}}", 3, "',' or ']' must follow a value, not '}'"},
		{`[{"a":1,}]`, 8, "there is a comma before '}'; JSON allows none after the last member"},
		{`[{"a":1, ` + "\n" + `}]`, 10, "there is a comma before '}'; JSON allows none after the last member"},
		{`[{"a":[1,]}]`, 9, "there is a comma before ']'; JSON allows none after the last value"},
		{`[{"a":[1,}]`, 9, "there is a comma before '}'; JSON allows none after the last value"},
		{`[{,"a":1}]`, 2, "a member is missing before ','"},
		{`[{"a":1,,}]`, 8, "a member is missing before ','"},
		{`[{"a":1 "b":2}]`, 8, "a comma is missing before '\"'"},
		{`[{"a":1]`, 7, "',' or '}' must follow a value, not ']'"},
		{`[{"a" 1}]`, 6, "':' must follow a key, not '1'"},
		{`[{"a"}]`, 5, "':' must follow a key, not '}'"},
		{`[{"a":}]`, 6, "a value is missing after ':'"},
		{`[{"a":,"b":1}]`, 6, "a value is missing after ':'"},
		{`[{1:2}]`, 2, "a key in double quotes must stand here, not '1'"},
		{`[{null:2}]`, 2, "keys must be in double quotes"},
		{`[{a:2}]`, 2, "keys must be in double quotes"},
		{`[{'a':2}]`, 2, "keys must be in double quotes"},
		{`[{[]:2}]`, 2, "a key in double quotes must stand here, not '['"},
		{`[{"a":'x'}]`, 6, "texts must be in double quotes"},
		{`[{"a":“x”}]`, 6, "texts must be in plain double quotes, not typographic ones"},
		{`[{"a":NaN}]`, 6, "JSON has no NaN: leave the member out or send null"},
		{`[{"a":nan}]`, 7, "JSON has no NaN: leave the member out or send null"},
		{`[{"a":Infinity}]`, 6, "JSON has no Infinity: leave the member out or send null"},
		{`[{"a":-Infinity}]`, 7, "JSON has no Infinity: leave the member out or send null"},
		{`[{"a":True}]`, 6, "write true in lower case"},
		{`[{"a":False}]`, 6, "write false in lower case"},
		{`[{"a":None}]`, 6, "write null, not None"},
		{`[{"a":undefined}]`, 6, "JSON has no undefined: leave the member out or send null"},
		{`[{"a":// x` + "\n1}]", 6, "JSON has no comments"},
		{`[{"a":1 /* x */}]`, 8, "JSON has no comments"},
		{`[{ # x` + "\n}]", 3, "JSON has no comments"},
		{`[{"a":xyz}]`, 6, "a value must stand here, not 'x'"},
		{`[{"a":nul}]`, 9, "l must follow here to make null, not '}'"},
		{`[{"a":falSe}]`, 9, "se must follow here to make false, not 'S'"},
		{`[{"a":truely}]`, 10, "',' or '}' must follow a value, not 'l'"},
		{`[{"a":01}]`, 7, "a number must not begin with a superfluous 0"},
		{`[{"a":-01}]`, 8, "a number must not begin with a superfluous 0"},
		{`[{"a":00.5}]`, 7, "a number must not begin with a superfluous 0"},
		{`[{"a":+1}]`, 6, "a number must not begin with '+'"},
		{`[{"a":.5}]`, 6, "a digit must stand before the decimal point"},
		{`[{"a":1.}]`, 8, "a digit must follow the decimal point"},
		{`[{"a":1.e5}]`, 8, "a digit must follow the decimal point"},
		{`[{"a":1e}]`, 8, "a digit must follow the exponent's 'e'"},
		{`[{"a":1E-}]`, 9, "a digit must follow the exponent's 'e'"},
		{`[{"a":-}]`, 7, "a digit must follow '-'"},
		{`[{"a":--1}]`, 7, "a digit must follow '-'"},
		{`[{"a":0x10}]`, 7, "',' or '}' must follow a value, not 'x'"},
		{`[{"a":1_000}]`, 7, "',' or '}' must follow a value, not '_'"},
		{`[{"a":1,5}]`, 8, "a key in double quotes must stand here, not '5'"},

		{"[{\"a\":\"x\ny\"}]", 8, `a line break inside a text must be written \n, or the text's closing quote is missing`},
		{"[{\"a\":\"x\ty\"}]", 8, `a tab inside a text must be written \t`},
		{"[{\"a\":\"x\x00y\"}]", 8, `the control character 0x00 inside a text must be written \u0000`},
		{"[{\"a\":\"é\x1f\"}]", 9, `the control character 0x1f inside a text must be written \u001f`},
		{"[{\"a\x01\":1}]", 4, `the control character 0x01 inside a text must be written \u0001`},
		{`[{"a":"\x41"}]`, 8, `a backslash must not stand before 'x'; write a backslash itself as \\`},
		{`[{"a":"C:\Users"}]`, 10, `a backslash must not stand before 'U'; write a backslash itself as \\`},
		{`[{"a":"it\'s"}]`, 10, "a single quote needs no backslash"},
		{`[{"a":"\u12G4"}]`, 11, `\u must be followed by four hexadecimal digits`},
		{`[{"a":"\ud83d\u12x4"}]`, 17, `\u must be followed by four hexadecimal digits`},
		{`[{"a":"\U0041"}]`, 8, `a backslash must not stand before 'U'; write a backslash itself as \\`},
		{"[{\"a\":\"x\x80\"}]", 8, "the byte 0x80 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xc3\"}]", 7, "the byte 0xc3 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xc0\x80\"}]", 7, "the byte 0xc0 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xe0\x80\x80\"}]", 7, "the byte 0xe0 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xed\xa0\x80\"}]", 7, "the byte 0xed does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xf4\x90\x80\x80\"}]", 7, "the byte 0xf4 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"\xe6\x97\"}]", 7, "the byte 0xe6 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\":\"J\xf6rg M\xfcller\"}]", 8, "the byte 0xf6 does not continue valid UTF-8: the body must be UTF-8"},
		{"[{\"a\\n\xff\":1}]", 6, "the byte 0xff does not continue valid UTF-8: the body must be UTF-8"},
		{"[\u00a0{}]", 1, "a value must stand here, not '\\u00a0'"},
		{"[\f{}]", 1, "a value must stand here, not the control character 0x0c"},
	} {
		got := decodeSyntax(t, d, c.body)
		if got.Offset != c.offset || got.Message != c.message {
			t.Errorf("Decode(%q):\n got %d %q\nwant %d %q", c.body, got.Offset, got.Message, c.offset, c.message)
		}
		checkOffsetOfArray(t, c.body, got)
		if !strings.HasPrefix(c.body, `[{"a`) {
			continue
		}
		// The same must hold inside a payload.
		const outer = `[{"event_payload":`
		got = decodeSyntax(t, d, outer+c.body[1:])
		if got.Offset != c.offset+len(outer)-1 || got.Message != c.message {
			t.Errorf("Decode(%q):\n got %d %q\nwant %d %q", outer+c.body[1:], got.Offset, got.Message, c.offset+len(outer)-1, c.message)
		}
	}
}

// checkOffsetOfArray is checkOffset for bodies that begin as an array.
func checkOffsetOfArray(t *testing.T, body string, e *SyntaxError) {
	t.Helper()
	if strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "[") {
		checkOffset(t, []byte(body), e)
	}
}

func TestSyntaxErrorPosition(t *testing.T) {
	got := decodeSyntax(t, NewDecoder(), "[\n  {\"event_id\": \"é\",\r\n\t\"event_email\": 'x'}\n]")
	want := SyntaxError{Offset: 40, Line: 3, Column: 17, Message: "texts must be in double quotes"}
	if *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	if want := "texts must be in double quotes at line 3, column 17 (byte 40)"; got.Error() != want {
		t.Errorf("got %q, want %q", got.Error(), want)
	}
}

// TestSyntaxBeforeRules wants a body that is not JSON to be refused as such,
// wherever that shows.
func TestSyntaxBeforeRules(t *testing.T) {
	d := NewDecoder()
	deep := strings.Repeat("[", 100)
	for _, body := range []string{
		`[{"event_id":1},{"event_id":"\ud800"},1,{"a":1,"a":2}]x`,
		`[{},{},{}`,
		`[1,2,3,]`,
		`[{"event_payload":{"a":` + deep + `]]]}}]`,
		`[{"a":` + deep,
		`[` + deep + `{"a":1,}`,
		`[` + deep + `{"a" 1}`,
		`[` + deep + `"\x"`,
		`[` + deep + `1 2`,
		`[` + deep + `{"a":1]`,
		`[` + deep + `{1`,
		`[` + deep + `{`,
		`[` + deep + `{"a":1`,
		`[` + deep + `{"a":{}`,
		`[` + deep + `{"a":[]`,
		`[` + deep + `{"a\x":1}`,
		`[` + deep + `[]`,
	} {
		got := decodeSyntax(t, d, body)
		checkOffset(t, []byte(body), got)
	}
}

func TestDeepBodies(t *testing.T) {
	d := NewDecoder()
	for _, n := range []int{1_000, 150_000} {
		arrays := strings.Repeat("[", n)
		if got := decodeSyntax(t, d, arrays); got.Offset != n {
			t.Errorf("%d open arrays: %v", n, got)
		}
		objects := "[" + strings.Repeat(`{"a":`, n/5)
		if got := decodeSyntax(t, d, objects); got.Offset != len(objects) {
			t.Errorf("%d open objects: %v", n/5, got)
		}
		for _, body := range []string{
			arrays + strings.Repeat("]", n),
			objects + "1" + strings.Repeat("}", n/5) + "]",
			`[{"unknown":` + arrays + strings.Repeat("]", n) + "}]",
			`[{"event_payload":{"a":` + arrays + strings.Repeat("]", n) + "}}]",
			`[{"event_id":` + arrays + strings.Repeat("]", n) + "}]",
		} {
			_, err := d.Decode([]byte(body), Options{})
			var invalid *InvalidError
			if !errors.As(err, &invalid) || !hasCode(invalid, codeDepth) {
				t.Errorf("%.40s… with %d levels: %v", body, n, err)
			}
		}
	}
}

func hasCode(e *InvalidError, code string) bool {
	for _, f := range e.Errors {
		if f.Code == code {
			return true
		}
	}
	return false
}
