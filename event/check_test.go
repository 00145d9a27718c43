package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// tree returns the value at index at of a batch's tape as the oracle has it, and
// the index after it.
func tree(b *Batch, at int) (any, int) {
	w := b.Tape[at]
	at++
	switch w.Kind() {
	case False, True:
		return w.Kind() == True, at
	case Int:
		return int64(b.Tape[at]), at + 1
	case Uint:
		return uint64(b.Tape[at]), at + 1
	case Float:
		return math.Float64frombits(uint64(b.Tape[at])), at + 1
	case String:
		return string(b.Text(w)), at
	case Array:
		list := []any{}
		for range w.Len() {
			var v any
			v, at = tree(b, at)
			list = append(list, v)
		}
		return list, check(at, w)
	case Object:
		members := object{}
		for range w.Len() {
			key := string(b.Text(b.Tape[at]))
			var v any
			v, at = tree(b, at+1)
			members = append(members, member{key, v})
		}
		return members, check(at, w)
	}
	return nil, at
}

// check holds a container's end against what was read.
func check(at int, w Word) int {
	if at != w.Offset() {
		panic("a container's word gives a wrong end")
	}
	return at
}

// bare drops what the oracle does not know.
func bare(list []FieldError) []FieldError {
	var out []FieldError
	for _, e := range list {
		e.Message = ""
		out = append(out, e)
	}
	return out
}

// optional returns the text of a word, nil if it is zero.
func optional(b *Batch, w Word) any {
	if w == 0 {
		return nil
	}
	return string(b.Text(w))
}

func treeOf(b *Batch, e Event) oracleEvent {
	out := oracleEvent{ID: optional(b, e.ID), Timestamp: e.Timestamp, Email: optional(b, e.Email), CDT: optional(b, e.CDT)}
	if e.Payload != 0 {
		out.Payload, _ = tree(b, e.Payload)
	}
	return out
}

// render writes a value in one line that tells types, -0 and 0 apart. Comparing
// trees with cmp takes time exponential in their depth.
func render(v any) string {
	switch v := v.(type) {
	case float64:
		return fmt.Sprintf("float(%x)", v)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, render(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case object:
		var parts []string
		for _, m := range v {
			parts = append(parts, fmt.Sprintf("%q: %s", m.Key, render(m.Value)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case oracleEvent:
		return render([]any{v.ID, v.Timestamp, v.Email, v.CDT, v.Payload})
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%T(%v)", v, v)
}

// reporter is what *testing.T and *rapid.T have in common.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkDecode holds the decoder against the oracle for one body.
func checkDecode(t reporter, d *Decoder, body []byte, opts Options) {
	t.Helper()
	o := oracle{opts: opts, rules: d.rules}
	syntax := o.run(body)
	got, err := d.Decode(bytes.Clone(body), opts)

	var bad *SyntaxError
	var invalid *InvalidError
	switch {
	case errors.As(err, &bad):
		if syntax == nil {
			t.Fatalf("refused as JSON: %v\nbody: %.2000q", err, body)
		}
		checkOffset(t, body, bad)
		return
	case syntax != nil:
		t.Fatalf("accepted as JSON, but the oracle says: %v\nbody: %.2000q", syntax, body)
	case errors.As(err, &invalid):
		if diff := cmp.Diff(o.errors, bare(invalid.Errors)); diff != "" {
			t.Fatalf("errors (-oracle +decoder):\n%s\nbody: %.2000q", diff, body)
		}
		for _, e := range invalid.Errors {
			checkMessage(t, e)
		}
		return
	case len(o.errors) > 0:
		t.Fatalf("accepted, but the oracle has %v\nbody: %.2000q", o.errors, body)
	}
	if diff := cmp.Diff(o.warnings, bare(got.Warnings)); diff != "" {
		t.Fatalf("warnings (-oracle +decoder):\n%s\nbody: %.2000q", diff, body)
	}
	for _, e := range got.Warnings {
		checkMessage(t, e)
	}
	var want, events []string
	for _, e := range o.events {
		want = append(want, render(e))
	}
	for _, e := range got.Events {
		events = append(events, render(treeOf(got, e)))
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Fatalf("events (-oracle +decoder):\n%s\nbody: %.2000q", diff, body)
	}
	for _, e := range got.Events {
		checkPayload(t, got, e)
	}
}

// checkPayload parses the text of a payload again.
func checkPayload(t reporter, b *Batch, e Event) {
	t.Helper()
	if e.Payload == 0 {
		return
	}
	want, _ := tree(b, e.Payload)
	text := AppendPayload([]byte("x"), b, e.Payload)[1:]
	dec := jsontext.NewDecoder(bytes.NewReader(text)) // strict
	n, err := parseNode(dec)
	if err != nil {
		t.Fatalf("AppendPayload made %q: %v", text, err)
	}
	o := oracle{}
	if diff := cmp.Diff(render(want), render(o.value(n, []string{"event_payload"}, true))); diff != "" {
		t.Fatalf("AppendPayload made %q (-tape +text):\n%s", text, diff)
	}
	if len(o.errors)+len(o.warnings) > 0 {
		t.Fatalf("AppendPayload made %q: %v %v", text, o.errors, o.warnings)
	}
}

// checkMessage wants every report to be fit to be sent to a person.
func checkMessage(t reporter, e FieldError) {
	t.Helper()
	if e.Message == "" || len(e.Message) > 400 || !utf8.ValidString(e.Message) {
		t.Fatalf("message %q of %+v", e.Message, e)
	}
}

// checkOffset wants a syntax error to stand at the first byte that no JSON
// array could have there: what is before it can go on, with it it cannot.
func checkOffset(t reporter, body []byte, e *SyntaxError) {
	t.Helper()
	if e.Offset < 0 || e.Offset > len(body) || e.Message == "" || !utf8.ValidString(e.Message) {
		t.Fatalf("%+v\nbody: %.2000q", e, body)
	}
	before := body[:e.Offset]
	line, column := 1+bytes.Count(before, []byte("\n")), e.Offset-bytes.LastIndexByte(before, '\n')
	if e.Line != line || e.Column != column {
		t.Fatalf("line %d, column %d, want %d, %d\nbody: %.2000q", e.Line, e.Column, line, column, body)
	}
	if !canGoOn(before) {
		t.Fatalf("%v: what is before is wrong already\nbody: %.2000q", e, body)
	}
	if e.Offset < len(body) {
		// A character outside ASCII stands as a whole.
		_, n := utf8.DecodeRune(body[e.Offset:])
		if canGoOn(body[:e.Offset+n]) {
			t.Fatalf("%v: nothing is wrong there\nbody: %.2000q", e, body)
		}
	}
}

// canGoOn tells whether text is the beginning of a JSON array and of valid UTF-8.
func canGoOn(text []byte) bool {
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	if !utf8.Valid(text) || len(trimmed) > 0 && trimmed[0] != '[' {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err := parseNode(dec)
	if err == nil {
		rest := text[dec.InputOffset():]
		return len(bytes.TrimLeft(rest, " \t\r\n")) == 0
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF
}
