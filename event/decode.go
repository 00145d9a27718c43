package event

// Options are the choices that a connection may make.
type Options struct {
	// AllowAnonymous lets event_email be absent where event_adb_cdt is there
	// and not empty.
	AllowAnonymous bool
}

// Decoder turns request bodies into batches. It owns every buffer of the
// batches it returns and reuses them, so that a warm Decoder allocates nothing
// for a body without errors and warnings. It is not safe for concurrent use;
// keep Decoders in a pool and make them with one shared Rules.
type Decoder struct {
	rules *Rules
	batch Batch

	body      []byte
	opts      Options
	single    bool // the body is one event, not an array of them
	inPayload bool // the value being read goes to ClickHouse
	index     int  // of the event being read
	given     fieldSet
	fields    Fields // what the validator looks at

	// path names the value being read, from the event's field inwards: a
	// String word for a member, an Int word with the index as its offset for
	// an element. Containers deeper than MaxDepth are read without a path.
	path [MaxDepth + 2]Word

	keys    []keyRef // of the open objects, innermost last
	objects uint32   // objects opened so far in this body
	set     keySet
	large   []largeObject
	scratch []byte
	deep    []byte // brackets of the open containers below MaxDepth

	fault     textFault // of the text that was read last
	faultText Word      // the same text with U+FFFD for its lone surrogates

	big bigReader

	syntax SyntaxError
	failed bool // syntax is set
	errors []FieldError
}

// NewDecoder returns a Decoder with rules of its own, which cost about 25 µs to
// build. Where many Decoders are wanted use Rules.NewDecoder.
func NewDecoder() *Decoder { return NewRules().NewDecoder() }

// NewDecoder returns a Decoder that judges by r.
func (r *Rules) NewDecoder() *Decoder {
	d := &Decoder{rules: r}
	d.set.seeds = newKeySeeds()
	return d
}

// Decode reads body, a JSON array of events, in one pass. The error is a
// *SyntaxError if body is not an array in well-formed JSON and UTF-8, otherwise
// an *InvalidError if any event breaks a rule; the first always wins, wherever
// it stands. Without an error the batch holds every event, in order; it refers
// to body, which must stay unchanged, and is valid until the next call.
//
// The time is linear in len(body) whatever it holds. Bodies of 128 MiB and more
// are refused.
func (d *Decoder) Decode(body []byte, opts Options) (*Batch, error) {
	d.reset(body, opts)
	return d.finish(d.array())
}

// DecodeEvent is Decode for a body that is one event, a JSON object without the
// array around it. Pointers then start at the event: "/event_email".
func (d *Decoder) DecodeEvent(body []byte, opts Options) (*Batch, error) {
	d.reset(body, opts)
	d.single = true
	i := space(body, 0)
	if i == len(body) || body[i] != '{' {
		return d.finish(d.failTop(i))
	}
	return d.finish(d.tail(d.event(i)))
}

func (d *Decoder) reset(body []byte, opts Options) {
	d.body, d.opts = body, opts
	d.single, d.inPayload, d.index = false, false, 0
	d.keys = d.keys[:0]
	d.objects = 0
	d.large = d.large[:0]
	d.failed = false
	d.errors = nil // handed out with the InvalidError
	b := &d.batch
	b.Body = body
	b.Unescaped = b.Unescaped[:0]
	b.Tape = append(b.Tape[:0], 0) // index 0 is never a payload
	b.Events = b.Events[:0]
	b.Warnings = nil // may outlive the batch
}

func (d *Decoder) finish(int) (*Batch, error) {
	switch {
	case d.failed:
		e := d.syntax
		return nil, &e
	case d.errors != nil:
		return nil, &InvalidError{Errors: d.errors}
	}
	return &d.batch, nil
}

// array reads the whole body. Like every reading function it returns the
// position after what it read, or -1 after calling fail.
func (d *Decoder) array() int {
	b := d.body
	i := space(b, 0)
	if i == len(b) || b[i] != '[' {
		return d.failTop(i)
	}
	if len(b) > lengthMask {
		return d.fail(lengthMask, "the body is too large")
	}
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		return d.tail(i + 1)
	}
	for {
		if i < len(b) && b[i] == '{' {
			i = d.event(i)
		} else {
			i = d.notAnEvent(i)
		}
		if i < 0 {
			return i
		}
		if i = space(b, i); i == len(b) {
			return d.fail(i, "the body ends inside the array of events: it is truncated, or its ']' is missing")
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case ']':
			return d.tail(i + 1)
		default:
			return d.failAfterValue(i, ']')
		}
		d.index++
	}
}

// tail checks that nothing but white space follows the value that ends at i.
func (d *Decoder) tail(i int) int {
	if i < 0 {
		return i
	}
	if i = space(d.body, i); i < len(d.body) {
		return d.failTail(i)
	}
	return i
}

// notAnEvent reads an element of the outer array that is not an object.
func (d *Decoder) notAnEvent(i int) int {
	if i < len(d.body) && !d.full() {
		d.reportKind(0, "", codeObject, d.body[i])
	}
	return d.discard(i, 0)
}

// discard reads a value of which only the syntax and the rules for every text
// and object matter.
func (d *Decoder) discard(i, depth int) int {
	mark := len(d.batch.Tape)
	i = d.value(i, depth)
	d.batch.Tape = d.batch.Tape[:mark]
	return i
}
