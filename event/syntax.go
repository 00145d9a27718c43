package event

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// fail notes the syntax error at offset and returns -1, which every reading
// function hands up.
func (d *Decoder) fail(offset int, message string) int {
	before := d.body[:offset]
	d.failed = true
	d.syntax = SyntaxError{
		Offset:  offset,
		Line:    1 + bytes.Count(before, []byte{'\n'}),
		Column:  offset - bytes.LastIndexByte(before, '\n'),
		Message: message,
	}
	return -1
}

const truncated = ": the body is truncated"

// failTop explains why the body does not begin as it must.
func (d *Decoder) failTop(i int) int {
	rest := d.body[i:]
	want := "a JSON array of events"
	if d.single {
		want = "one event, a JSON object"
	}
	switch {
	case len(rest) == 0:
		return d.fail(i, "the body is empty; it must be "+want)
	case bytes.HasPrefix(rest, []byte("\xEF\xBB\xBF")):
		return d.fail(i, "the body begins with a byte order mark (EF BB BF), which JSON does not allow: send UTF-8 without it")
	case bytes.HasPrefix(rest, []byte("\xFF\xFE")), bytes.HasPrefix(rest, []byte("\xFE\xFF")):
		return d.fail(i, "the body looks like UTF-16; it must be UTF-8")
	case rest[0] == '{':
		return d.fail(i, "the body is an object; it must be an array of events: wrap it in an array, [{…}]")
	case rest[0] == '[', rest[0] == '"', rest[0] == '-', isDigit(rest[0]), bytes.HasPrefix(rest, []byte("null")),
		bytes.HasPrefix(rest, []byte("true")), bytes.HasPrefix(rest, []byte("false")):
		return d.fail(i, "the body must be "+want+", not "+kindName(rest[0]))
	}
	return d.fail(i, "the body is not JSON: it must be "+want+", but begins with "+describe(rest))
}

func (d *Decoder) failTail(i int) int {
	if d.single {
		return d.fail(i, "nothing may follow the event, but there is "+describe(d.body[i:]))
	}
	if c := d.body[i]; c == '[' || c == '{' || c == ',' {
		return d.fail(i, "the body goes on after the array of events: send one array with all events in it")
	}
	return d.fail(i, "nothing may follow the array of events, but there is "+describe(d.body[i:]))
}

// failValue explains why no value begins at i.
func (d *Decoder) failValue(i int) int {
	if i >= len(d.body) {
		return d.fail(len(d.body), "the body ends where a value must follow"+truncated)
	}
	rest := d.body[i:]
	switch c := rest[0]; {
	case (c == ']' || c == '}') && d.byteBefore(i) == ',':
		return d.fail(i, fmt.Sprintf("there is a comma before %q; JSON allows none after the last value", c))
	case c == '}' && d.byteBefore(i) == ':', c == ',' && d.byteBefore(i) == ':':
		return d.fail(i, "a value is missing after ':'")
	case c == ',':
		return d.fail(i, "a value is missing before ','")
	case c == '\'' || c == '`':
		return d.fail(i, "texts must be in double quotes")
	case c == '+':
		return d.fail(i, "a number must not begin with '+'")
	case c == '.':
		return d.fail(i, "a digit must stand before the decimal point")
	case c == '/' || c == '#':
		return d.fail(i, "JSON has no comments")
	}
	for _, word := range []struct{ text, message string }{
		{"NaN", "JSON has no NaN: leave the member out or send null"},
		{"nan", "JSON has no NaN: leave the member out or send null"},
		{"Infinity", "JSON has no Infinity: leave the member out or send null"},
		{"inf", "JSON has no Infinity: leave the member out or send null"},
		{"True", "write true in lower case"},
		{"False", "write false in lower case"},
		{"None", "write null, not None"},
		{"NULL", "write null in lower case"},
		{"Null", "write null in lower case"},
		{"undefined", "JSON has no undefined: leave the member out or send null"},
		{"\u201C", "texts must be in plain double quotes, not typographic ones"},
		{"\u201D", "texts must be in plain double quotes, not typographic ones"},
	} {
		if bytes.HasPrefix(rest, []byte(word.text)) {
			return d.fail(i, word.message)
		}
	}
	return d.fail(i, "a value must stand here, not "+describe(rest))
}

// failLiteral explains where true, false or null goes wrong.
func (d *Decoder) failLiteral(i int, want string) int {
	if bytes.HasPrefix(d.body[i:], []byte("nan")) { // begins as null does
		return d.fail(i+1, "JSON has no NaN: leave the member out or send null")
	}
	n := 1
	for n < len(want) && i+n < len(d.body) && d.body[i+n] == want[n] {
		n++
	}
	if i+n == len(d.body) {
		return d.fail(i+n, "the body ends inside "+want+truncated)
	}
	return d.fail(i+n, fmt.Sprintf("%s must follow here to make %s, not %s", want[n:], want, describe(d.body[i+n:])))
}

// failDigits explains why the number from start on, whose digits must begin at
// first, is none.
func (d *Decoder) failDigits(start, first int) int {
	switch {
	case first == len(d.body):
		return d.fail(first, "the body ends inside a number"+truncated)
	case d.body[first] == '0':
		return d.fail(first+1, "a number must not begin with a superfluous 0")
	case bytes.HasPrefix(d.body[start:], []byte("-Inf")):
		return d.fail(first, "JSON has no Infinity: leave the member out or send null")
	}
	return d.fail(first, "a digit must follow '-'")
}

func (d *Decoder) failNumber(i int, message string) int {
	if i == len(d.body) {
		return d.fail(i, "the body ends inside a number"+truncated)
	}
	return d.fail(i, message)
}

// failKey explains why no key begins at i.
func (d *Decoder) failKey(i int) int {
	if i >= len(d.body) {
		return d.failObjectEnd(len(d.body))
	}
	switch c := d.body[i]; {
	case c == '}' && d.byteBefore(i) == ',':
		return d.fail(i, "there is a comma before '}'; JSON allows none after the last member")
	case c == ',':
		return d.fail(i, "a member is missing before ','")
	case c == '/' || c == '#':
		return d.fail(i, "JSON has no comments")
	case c == '\'' || c == '`' || c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z':
		return d.fail(i, "keys must be in double quotes")
	}
	return d.fail(i, "a key in double quotes must stand here, not "+describe(d.body[i:]))
}

func (d *Decoder) failColon(i int) int {
	if i >= len(d.body) {
		return d.fail(len(d.body), "the body ends after a key"+truncated)
	}
	return d.fail(i, "':' must follow a key, not "+describe(d.body[i:]))
}

// failAfterValue explains what stands after a value of a container that ends with closing.
func (d *Decoder) failAfterValue(i int, closing byte) int {
	switch c := d.body[i]; {
	case c == '"' || c == '{' || c == '[':
		return d.fail(i, "a comma is missing before "+describe(d.body[i:]))
	case c == '/' || c == '#':
		return d.fail(i, "JSON has no comments")
	}
	return d.fail(i, fmt.Sprintf("',' or %q must follow a value, not %s", closing, describe(d.body[i:])))
}

func (d *Decoder) failObjectEnd(i int) int {
	return d.fail(i, "the body ends inside an object"+truncated)
}

func (d *Decoder) failArrayEnd(i int) int {
	return d.fail(i, "the body ends inside an array"+truncated)
}

func (d *Decoder) failContainerEnd(i int, open byte) int {
	if open == '{' {
		return d.failObjectEnd(i)
	}
	return d.failArrayEnd(i)
}

func (d *Decoder) failInString(i int) int {
	return d.fail(i, "the body ends inside a text"+truncated+", or the text's closing quote is missing")
}

func (d *Decoder) failControl(i int) int {
	switch c := d.body[i]; c {
	case '\n', '\r':
		return d.fail(i, `a line break inside a text must be written \n, or the text's closing quote is missing`)
	case '\t':
		return d.fail(i, `a tab inside a text must be written \t`)
	default:
		return d.fail(i, fmt.Sprintf(`the control character %#02x inside a text must be written \u%04x`, c, c))
	}
}

func (d *Decoder) failEscape(i int) int {
	if d.body[i] == '\'' {
		return d.fail(i, `a single quote needs no backslash`)
	}
	return d.fail(i, fmt.Sprintf(`a backslash must not stand before %s; write a backslash itself as \\`, describe(d.body[i:])))
}

func (d *Decoder) failUTF8(i int) int {
	return d.fail(i, fmt.Sprintf("the byte %#02x does not continue valid UTF-8: the body must be UTF-8", d.body[i]))
}

// byteBefore returns the last byte before i that is not white space.
func (d *Decoder) byteBefore(i int) byte {
	for i--; i >= 0; i-- {
		if space(d.body[:i+1], i) == i {
			return d.body[i]
		}
	}
	return 0
}

// describe names the first character of rest, which is not empty.
func describe(rest []byte) string {
	r, n := utf8.DecodeRune(rest)
	switch {
	case r == utf8.RuneError && n <= 1:
		return fmt.Sprintf("the byte %#02x, which is not valid UTF-8", rest[0])
	case r < 0x20 || r == 0x7F:
		return fmt.Sprintf("the control character %#02x", r)
	}
	return fmt.Sprintf("%q", r)
}
