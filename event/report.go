package event

import (
	"bytes"
	"fmt"
	"strconv"
)

// Limits of what one report repeats of the body: a request may hold a key of
// 300 kB that stands above a hundred errors.
const (
	maxPointer = 1024 // a longer pointer ends at the last enclosing value that fits
	maxField   = 128  // bytes of an unknown field's name, which then ends with "…"
	maxQuote   = 64   // bytes of a key or number in a message
)

// full tells whether there are as many errors as will be reported. Messages cost
// far more than reading on.
func (d *Decoder) full() bool { return len(d.errors) >= MaxErrors }

// report notes a broken rule of the value whose path has depth elements.
func (d *Decoder) report(depth int, code, message string) {
	if d.full() {
		return
	}
	d.errors = append(d.errors, d.fieldError(depth, code, message))
}

// warn is report for what is accepted.
func (d *Decoder) warn(depth int, code, message string) {
	d.batch.Warnings = append(d.batch.Warnings, d.fieldError(depth, code, message))
}

// quiet tells whether nobody will read another warning.
func (d *Decoder) quiet() bool {
	return len(d.batch.Warnings) >= MaxWarnings || len(d.errors) > 0
}

func (d *Decoder) fieldError(depth int, code, message string) FieldError {
	field := ""
	if depth > 0 && d.path[0].Kind() == String { // not inside an array that stands for an event
		field = shorten(d.batch.Text(d.path[0]), maxField)
	}
	return FieldError{Index: d.index, Field: field, Pointer: d.pointer(depth), Code: code, Message: message}
}

// pointer returns the RFC 6901 pointer of the value whose path has depth elements.
func (d *Decoder) pointer(depth int) string {
	var p []byte
	if !d.single {
		p = strconv.AppendInt(append(p, '/'), int64(d.index), 10)
	}
	for _, w := range d.path[:depth] {
		if w.Kind() == Int {
			p = strconv.AppendInt(append(p, '/'), int64(w.Offset()), 10)
			continue
		}
		if w.Len() > maxPointer {
			break
		}
		text := bytes.ReplaceAll(d.batch.Text(w), []byte("~"), []byte("~0"))
		text = bytes.ReplaceAll(text, []byte("/"), []byte("~1"))
		if len(p)+1+len(text) > maxPointer {
			break
		}
		p = append(append(p, '/'), text...)
	}
	return string(p)
}

func (d *Decoder) reportMissing(f field, code string) {
	if d.full() {
		return
	}
	name := fieldNames[f]
	d.errors = append(d.errors, FieldError{
		Index: d.index, Field: name, Pointer: d.pointer(0) + "/" + name, Code: code,
		Message: ruleMessage(name, code, "", d.opts.AllowAnonymous),
	})
}

// reportFault notes what text found.
func (d *Decoder) reportFault(depth int) {
	if d.full() {
		return
	}
	if d.fault == faultNUL {
		d.report(depth, codeNUL, `\u0000 (NUL) cannot be stored in a text`)
		return
	}
	d.report(depth, codeSurrogate, `a \uD800 to \uDFFF escape without its other half is no character`)
}

// reportKind notes that a value, whose first byte is c, has the wrong JSON type.
func (d *Decoder) reportKind(depth int, name, code string, c byte) {
	kind := kindName(c)
	if d.full() || kind == "" {
		return
	}
	var message string
	switch {
	case code == codeObject:
		message = "an event must be an object, not " + kind
	case name == fieldNames[fieldPayload] && c == '"':
		message = name + " must be an object, not a string: send the object itself, not its JSON text"
	case name == fieldNames[fieldPayload]:
		message = name + " must be an object, not " + kind
	case name == fieldNames[fieldTimestamp]:
		message = name + " must be a string with an ISO 8601 date-time such as " + timestampExample + ", not " + kind
	case kind == "a number":
		message = name + " must be a string, not a number: put it in double quotes"
	default:
		message = name + " must be a string, not " + kind
	}
	d.report(depth, code, message)
}

// kindName names the JSON type of the value that begins with c, "" if none does.
func kindName(c byte) string {
	switch {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || isDigit(c):
		return "a number"
	}
	return ""
}

// reportDuplicate notes a key that its object, whose path has depth elements, has
// already in the form of first.
func (d *Decoder) reportDuplicate(depth int, key, first Word) {
	if d.full() {
		return
	}
	text, other := d.batch.Text(key), d.batch.Text(first)
	if bytes.Equal(text, other) {
		d.report(depth+1, codeDuplicate, fmt.Sprintf("the key %q is there twice in one object", shorten(text, maxQuote)))
		return
	}
	d.report(depth+1, codeDuplicate, fmt.Sprintf(
		`the keys %q and %q of one object would become the same path: a dot in a key is stored as "%%2E"`,
		shorten(other, maxQuote), shorten(text, maxQuote)))
}

func (d *Decoder) reportDepth(depth int) {
	if d.full() {
		return
	}
	d.report(depth, codeDepth, fmt.Sprintf("arrays and objects are nested more than %d levels deep", MaxDepth))
}

func (d *Decoder) warnUnknown() {
	if d.quiet() {
		return
	}
	d.warn(1, codeUnknown, fmt.Sprintf("%q is not a field of an event and was ignored; move it into event_payload to keep it",
		shorten(d.batch.Text(d.path[0]), maxQuote)))
}

func (d *Decoder) warnNumber(depth int, w Word) {
	if d.quiet() {
		return
	}
	d.warn(depth, codeNumber, fmt.Sprintf("the number %s does not fit 64 bits and was kept as text",
		shorten(d.batch.Text(w), maxQuote)))
}
