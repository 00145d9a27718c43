package event

// Kind is the JSON kind of a tape word.
type Kind uint8

// The kinds of tape words. Null is zero so that a zero word means "absent".
const (
	Null Kind = iota
	False
	True
	Int    // fits int64; a value word follows
	Uint   // above int64, fits uint64; a value word follows
	Float  // has a fraction or an exponent, finite; a value word follows
	String // also numbers that fit no 64-bit type, kept as their text
	Array
	Object
)

// Word is one element of a tape: a JSON value or an object's key, pointer-free
// so that the garbage collector never looks into a batch.
//
//	bits 60..63  Kind
//	bit  59      string only: the text lies in Batch.Unescaped, not in Batch.Body
//	bits 32..58  String: length in bytes. Int, Uint, Float: length of the
//	             literal. Array: number of elements. Object: number of members.
//	bits  0..31  String: offset of the text. Int, Uint, Float: offset of the
//	             literal in Body. Array, Object: index of the word after the
//	             container's last one, so that a value can be skipped at once.
//
// Int, Uint and Float are followed by one word that holds the value's bits. An
// Array is followed by its elements, an Object by key (a String word) and
// value in turn, in the order of the body.
type Word uint64

const (
	unescapedBit = 1 << 59
	lengthMask   = 1<<27 - 1
)

func word(k Kind, length, offset int) Word {
	return Word(k)<<60 | Word(length&lengthMask)<<32 | Word(uint32(offset))
}

// Kind returns the word's kind.
func (w Word) Kind() Kind { return Kind(w >> 60) }

// Len returns bits 32..58: a text's bytes, an array's elements, an object's members.
func (w Word) Len() int { return int(w>>32) & lengthMask }

// Offset returns bits 0..31: where a text starts, or where a container ends.
func (w Word) Offset() int { return int(uint32(w)) }

// Event is one checked event of a batch. Its texts and payload refer to the
// batch that holds it.
type Event struct {
	// ID, Email and CDT are String words; zero where the field is absent.
	ID, Email, CDT Word
	// Timestamp is event_timestamp in milliseconds since 1970 UTC, possibly negative.
	Timestamp int64
	// Payload is the tape index of the payload's Object word, 0 where absent
	// (index 0 of a tape is never a payload).
	Payload int
}

// Batch is what a Decoder makes of one request body: every event in order,
// checked against all rules. It refers to the body that it was decoded from and
// stays valid until the Decoder's next Decode.
type Batch struct {
	Body      []byte
	Unescaped []byte // texts that had escapes in the body
	Tape      []Word
	Events    []Event
	Warnings  []Warning
}

// Text returns the bytes of a String word, nil for a zero word. They must not be changed.
func (b *Batch) Text(w Word) []byte {
	if w == 0 {
		return nil
	}
	off := w.Offset()
	if w&unescapedBit != 0 {
		return b.Unescaped[off : off+w.Len()]
	}
	return b.Body[off : off+w.Len()]
}
