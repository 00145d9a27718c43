package block

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/tributary-events/tributary/event"
)

// pair is a path without a column and its value, of the row being built. Both
// lie in Builder.scratch one behind the other.
type pair struct {
	path, value, end int
}

// budget bounds the bytes that the paths of one event may take: each value
// repeats the whole path before it, so that a sender could make gigabytes of
// one body with a long key around many values.
type budget struct {
	payload  int // tape index
	left     int
	measured bool
}

const (
	// freePathBytes is what any event may take.
	freePathBytes = 16 << 10
	// pathFactor times the bytes of its payload is what a large event may take.
	pathFactor = 16
)

func (g *budget) begin(payload int) { *g = budget{payload: payload, left: freePathBytes} }

// afford takes n bytes of paths from the event's budget if it has them.
func (b *Builder) afford(n int) bool {
	g := &b.budget
	if n > g.left && !g.measured {
		g.measured = true
		g.left += max(0, pathFactor*b.textSize(g.payload)-freePathBytes)
	}
	if n > g.left {
		return false
	}
	g.left -= n
	return true
}

// textSize returns about how long the JSON text of the value at tape index at is.
func (b *Builder) textSize(at int) int {
	size := 0
	for end := b.tape[at].Offset(); at < end; at++ {
		w := b.tape[at]
		switch w.Kind() {
		case event.String:
			size += w.Len() + 3
		case event.Int, event.Uint, event.Float:
			size += w.Len() + 1
			at++
		default:
			size += 3
		}
	}
	return size
}

// shareMember adds a member of n's object, with the value at tape index at, to
// the pairs of the row being built. It returns the index after the value.
func (b *Builder) shareMember(n *node, key []byte, at int) int {
	base := len(b.path)
	b.path = append(b.path, n.path...)
	if n.parent != nil {
		b.path = append(b.path, '.')
	}
	b.path = appendEscaped(b.path, key)
	at, _ = b.share(n.object.typ.values, base, false, at)
	b.path = b.path[:base]
	return at
}

// shareNode is shareMember for a path that has a node, but no column.
func (b *Builder) shareNode(n *node, at int) int {
	base := len(b.path)
	b.path = append(b.path, n.path...)
	at, _ = b.share(n.object.typ.values, base, false, at)
	b.path = b.path[:base]
	return at
}

// share adds the value at tape index at, whose path is b.path[base:], and all
// below it: to the row's pairs or, within a value that is itself encoded in
// binary, to scratch. It returns the index after the value and how many paths
// it added.
func (b *Builder) share(t *dynamicType, base int, inside bool, at int) (next, paths int) {
	w := b.tape[at]
	kind := w.Kind()
	if kind == event.Null {
		return at + 1, 0
	}
	if kind == event.Object {
		if w.Len() == 0 || b.afford(w.Len()*(len(b.path)-base)) {
			return w.Offset(), b.shareMembers(t, base, inside, false, at)
		}
	}
	if inside {
		b.scratch = appendText(b.scratch, b.path[base:])
		return b.encodeLeaf(t, at), 1
	}
	p := pair{path: len(b.scratch)}
	b.scratch = append(b.scratch, b.path[base:]...)
	p.value = len(b.scratch)
	next = b.encodeLeaf(t, at)
	p.end = len(b.scratch)
	b.pairs = append(b.pairs, p)
	return next, 1
}

// shareMembers is share for the members of the object at tape index at. At the
// root a path is the key alone; elsewhere a dot goes before it, also after an
// empty path, which is that of an empty key.
func (b *Builder) shareMembers(t *dynamicType, base int, inside, root bool, at int) (paths int) {
	own := len(b.path)
	end := b.tape[at].Offset()
	for at++; at < end; {
		if !root {
			b.path = append(b.path, '.')
		}
		b.path = appendEscaped(b.path, b.batch.Text(b.tape[at]))
		var n int
		at, n = b.share(t, base, inside, at+1)
		b.path = b.path[:own]
		paths += n
	}
	return paths
}

// encodeLeaf is encode, but for an object that the event's budget has no room
// for, which becomes a string with its JSON.
func (b *Builder) encodeLeaf(t *dynamicType, at int) int {
	if w := b.tape[at]; w.Kind() == event.Object {
		b.scratch = append(b.scratch, codeString)
		b.scratch = appendText(b.scratch, event.AppendPayload(nil, b.batch, at))
		return w.Offset()
	}
	return b.encode(t, at)
}

// encode appends the value at tape index at to scratch as ClickHouse writes a
// Dynamic value in binary: its type, then itself. It returns the index after the value.
func (b *Builder) encode(t *dynamicType, at int) int {
	w := b.tape[at]
	switch w.Kind() {
	case event.Null:
		b.scratch = append(b.scratch, codeNothing)
		return at + 1
	case event.Array:
		typ := b.infer(t, at)
		b.scratch = append(b.scratch, typ.code...)
		return b.encodeArray(typ, 0, at)
	case event.Object:
		b.scratch = append(b.scratch, t.object.code...)
		b.encodeObject(t.object, at)
		return w.Offset()
	case event.String:
		b.scratch = append(b.scratch, codeString)
	case event.Int:
		b.scratch = append(b.scratch, codeInt64)
	case event.Uint:
		b.scratch = append(b.scratch, codeUInt64)
	case event.Float:
		b.scratch = append(b.scratch, codeFloat64)
	default:
		b.scratch = append(b.scratch, codeBool)
	}
	return b.encodeScalar(at, false)
}

// encodeScalar appends a boolean, number or string; as a Float64 if asked to.
func (b *Builder) encodeScalar(at int, float bool) int {
	w := b.tape[at]
	switch w.Kind() {
	case event.String:
		b.scratch = appendText(b.scratch, b.batch.Text(w))
		return at + 1
	case event.Int, event.Uint, event.Float:
		bits := uint64(b.tape[at+1])
		if float && w.Kind() == event.Int {
			bits = math.Float64bits(float64(int64(bits)))
		}
		b.scratch = binary.LittleEndian.AppendUint64(b.scratch, bits)
		return at + 2
	default:
		b.scratch = append(b.scratch, truth(w))
		return at + 1
	}
}

// encodeArray appends the array at tape index at, level arrays inside the
// outermost of type t.
func (b *Builder) encodeArray(t *valueType, level, at int) int {
	w := b.tape[at]
	end := w.Offset()
	b.scratch = binary.AppendUvarint(b.scratch, uint64(w.Len()))
	for at++; at < end; {
		w := b.tape[at]
		if level+1 < t.depth {
			at = b.encodeArray(t, level+1, at)
			continue
		}
		switch t.leaf {
		case dynamicLeaf:
			at = b.encode(t.dynamic, at)
			continue
		case objectLeaf:
			b.encodeObject(t.object, at)
			at = w.Offset()
			continue
		}
		b.scratch = append(b.scratch, isNull(w))
		switch {
		case w.Kind() == event.Null:
			at++
		case t.leaf == nullableObjectLeaf:
			b.encodeObject(t.object, at)
			at = w.Offset()
		default:
			at = b.encodeScalar(at, t.leaf == floatLeaf)
		}
	}
	return end
}

// encodeObject appends an object: how many paths, then each with its value.
func (b *Builder) encodeObject(t *objectType, at int) {
	count := len(b.scratch)
	b.scratch = append(b.scratch, 0)
	paths := b.shareMembers(t.values, len(b.path), true, true, at)
	if paths < 0x80 {
		b.scratch[count] = byte(paths)
		return
	}
	var buf [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(buf[:], uint64(paths))
	b.scratch = slices.Replace(b.scratch, count, count+1, buf[:n]...)
}

// flushPairs moves the pairs from number from on, those of one row, to o.
func (b *Builder) flushPairs(o *objectColumn, from int) {
	pairs, s := b.pairs[from:], &o.shared
	if len(pairs) > 1 {
		text := b.scratch
		slices.SortFunc(pairs, func(x, y pair) int {
			return bytes.Compare(text[x.path:x.value], text[y.path:y.value])
		})
	}
	before := len(s.paths) + len(s.values)
	for _, p := range pairs {
		s.paths = appendText(s.paths, b.scratch[p.path:p.value])
		s.values = appendText(s.values, b.scratch[p.value:p.end])
	}
	end := uint64(len(pairs))
	if n := len(s.rows); n > 0 {
		end += s.rows[n-1].end
	}
	s.rows = append(s.rows, sharedRow{row: o.rows, end: end})
	b.size += len(s.paths) + len(s.values) - before + sharedRowSize
}

// sharedRowSize is the memory of a sharedRow.
const sharedRowSize = 16
