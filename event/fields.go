package event

import (
	"encoding/binary"
	"unsafe"
)

// field is one of the members that an event has a meaning for.
type field uint8

const (
	fieldID field = iota
	fieldTimestamp
	fieldEmail
	fieldCDT
	fieldPayload
	fieldUnknown
	fieldFaulty // a key that is no text, and reported as such
)

var fieldNames = [...]string{"event_id", "event_timestamp", "event_email", "event_adb_cdt", "event_payload"}

// rulesNames are the same fields in Fields.
var rulesNames = [...]string{"ID", "Timestamp", "Email", "CDT"}

// fieldSet has the bit 1<<f for every field f in it.
type fieldSet uint8

func (s fieldSet) has(f field) bool { return s>>f&1 != 0 }

// event reads the event whose '{' is at i.
func (d *Decoder) event(i int) int {
	b := d.body
	var e Event
	var seen fieldSet // as keys; d.given has those with a value other than null
	d.given = 0
	d.objects++
	object := d.objects
	d.dropKeys(0) // of the event before
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		d.missing(e.CDT)
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return d.failKey(i)
		}
		f, key, next := d.fieldName(i)
		if next < 0 {
			return next
		}
		d.path[0] = key
		if i = next + 1; !tight(b, next) {
			if i = d.colon(next); i < 0 {
				return i
			}
		}
		switch {
		case f == fieldFaulty:
		case f == fieldUnknown:
			d.addKey(object, 0, key, 0)
			d.warnUnknown()
		case seen.has(f):
			d.reportDuplicate(0, key, key)
			f = fieldUnknown
		default:
			seen |= 1 << f
		}
		switch f {
		case fieldID:
			e.ID, i = d.stringField(i, f)
			if n := e.ID.Len(); e.ID != 0 && (n == 0 || n > MaxID) {
				d.judge(f, e.ID)
			}
		case fieldTimestamp:
			var w Word
			if w, i = d.stringField(i, f); w != 0 {
				var ok bool
				if e.Timestamp, ok = rfc3339(d.batch.Text(w)); !ok {
					e.Timestamp = d.judgeTimestamp(w)
				}
			}
		case fieldEmail:
			e.Email, i = d.stringField(i, f)
			if e.Email != 0 && !plainEmail(d.batch.Text(e.Email)) {
				d.judge(f, e.Email)
			}
		case fieldCDT:
			e.CDT, i = d.stringField(i, f)
			if e.CDT.Len() > MaxCDT {
				d.judge(f, e.CDT)
			}
		case fieldPayload:
			e.Payload, i = d.payload(i)
		default:
			i = d.discard(i, 1)
		}
		if i < 0 {
			return i
		}
		if i = space(b, i); i == len(b) {
			return d.failObjectEnd(i)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case '}':
			const required = 1<<fieldID | 1<<fieldTimestamp | 1<<fieldEmail
			if missing := required &^ d.given; missing != 0 &&
				!(missing == 1<<fieldEmail && d.opts.AllowAnonymous && e.CDT.Len() > 0) {
				d.missing(e.CDT)
			}
			if len(d.errors) == 0 {
				d.batch.Events = append(d.batch.Events, e)
			}
			return i + 1
		default:
			return d.failAfterValue(i, '}')
		}
	}
}

// The names' first eight bytes and the rest with the closing quote, as loaded.
const (
	nameID        = 'e' | 'v'<<8 | 'e'<<16 | 'n'<<24 | 't'<<32 | '_'<<40 | 'i'<<48 | 'd'<<56
	nameTimestamp = 'e' | 'v'<<8 | 'e'<<16 | 'n'<<24 | 't'<<32 | '_'<<40 | 't'<<48 | 'i'<<56
	nameEmail     = 'e' | 'v'<<8 | 'e'<<16 | 'n'<<24 | 't'<<32 | '_'<<40 | 'e'<<48 | 'm'<<56
	nameCDT       = 'e' | 'v'<<8 | 'e'<<16 | 'n'<<24 | 't'<<32 | '_'<<40 | 'a'<<48 | 'd'<<56
	namePayload   = 'e' | 'v'<<8 | 'e'<<16 | 'n'<<24 | 't'<<32 | '_'<<40 | 'p'<<48 | 'a'<<56
	restTimestamp = 'm' | 'e'<<8 | 's'<<16 | 't'<<24 | 'a'<<32 | 'm'<<40 | 'p'<<48 | '"'<<56
	restEmail     = 'a' | 'i'<<8 | 'l'<<16 | '"'<<24
)

// fieldName reads an event's key, whose opening quote is at i.
func (d *Decoder) fieldName(i int) (field, Word, int) {
	b := d.body
	at := i + 1
	if at+16 <= len(b) {
		rest := b[at+8 : at+16]
		switch binary.LittleEndian.Uint64(b[at:]) {
		case nameID:
			if rest[0] == '"' {
				return fieldID, word(String, 8, at), at + 9
			}
		case nameTimestamp:
			if binary.LittleEndian.Uint64(rest) == restTimestamp {
				return fieldTimestamp, word(String, 15, at), at + 16
			}
		case nameEmail:
			if binary.LittleEndian.Uint32(rest) == restEmail {
				return fieldEmail, word(String, 11, at), at + 12
			}
		case nameCDT:
			if string(rest[:6]) == `b_cdt"` {
				return fieldCDT, word(String, 13, at), at + 14
			}
		case namePayload:
			if string(rest[:6]) == `yload"` {
				return fieldPayload, word(String, 13, at), at + 14
			}
		}
	}
	key, i := d.text(i)
	if i < 0 {
		return 0, 0, i
	}
	if key == 0 {
		key = d.faultText
		d.path[0] = key
		d.reportFault(1)
		return fieldFaulty, key, i
	}
	text := d.batch.Text(key)
	for f, name := range fieldNames {
		if string(text) == name {
			return field(f), key, i
		}
	}
	return fieldUnknown, key, i
}

// stringField reads the value of a field that must be a string. The word is zero
// if it is null, or not fit for a string and reported.
func (d *Decoder) stringField(i int, f field) (Word, int) {
	if i < len(d.body) && d.body[i] == '"' {
		d.given |= 1 << f
		w, i := d.text(i)
		if w == 0 && i >= 0 {
			d.reportFault(1)
		}
		return w, i
	}
	return 0, d.notString(i, f)
}

// notString reads a value that stands where a string must be.
func (d *Decoder) notString(i int, f field) int {
	if i < len(d.body) && d.body[i] == 'n' {
		return d.literal(i, "null")
	}
	d.given |= 1 << f
	if i < len(d.body) {
		d.reportKind(1, fieldNames[f], codeType, d.body[i])
	}
	return d.discard(i, 1)
}

// payload reads event_payload and returns its index on the tape.
func (d *Decoder) payload(i int) (int, int) {
	if i >= len(d.body) || d.body[i] != '{' {
		return 0, d.notPayload(i)
	}
	at := len(d.batch.Tape)
	d.inPayload = true
	i = d.object(i, 1)
	d.inPayload = false
	return at, i
}

// notPayload reads a value that stands where an object must be.
func (d *Decoder) notPayload(i int) int {
	if i < len(d.body) && d.body[i] == 'n' {
		return d.literal(i, "null")
	}
	if i < len(d.body) {
		d.reportKind(1, fieldNames[fieldPayload], codeType, d.body[i])
	}
	return d.discard(i, 1)
}

// judge asks the rules about a field that was not accepted at a glance.
func (d *Decoder) judge(f field, w Word) {
	if d.full() {
		return
	}
	text := d.string(w)
	d.fields = Fields{}
	switch f {
	case fieldID:
		d.fields.ID = &text
	case fieldTimestamp:
		d.fields.Timestamp = &text
	case fieldEmail:
		d.fields.Email = &text
	case fieldCDT:
		d.fields.CDT = &text
	}
	if code := d.rules.broken(&d.fields, rulesNames[f]); code != "" {
		d.report(1, code, ruleMessage(fieldNames[f], code, text, d.opts.AllowAnonymous))
	}
}

// judgeTimestamp returns the time of a text that rfc3339 did not read, and
// reports the text if it is none.
func (d *Decoder) judgeTimestamp(w Word) int64 {
	if d.full() {
		return 0
	}
	ms, err := parseTimestamp(d.batch.Text(w))
	if err != nil {
		d.judge(fieldTimestamp, w)
	}
	return ms
}

// missing asks the rules about the fields that the event has no value for.
func (d *Decoder) missing(cdt Word) {
	if d.full() {
		return
	}
	d.fields = Fields{AllowAnonymous: d.opts.AllowAnonymous}
	if d.given.has(fieldCDT) {
		text := d.string(cdt)
		d.fields.CDT = &text
	}
	for f := fieldID; f <= fieldEmail; f++ {
		if d.given.has(f) {
			continue
		}
		if code := d.rules.broken(&d.fields, rulesNames[f]); code != "" {
			d.reportMissing(f, code)
		}
	}
}

// string returns a text without copying it; it must not outlive the batch.
func (d *Decoder) string(w Word) string {
	text := d.batch.Text(w)
	return unsafe.String(unsafe.SliceData(text), len(text))
}
