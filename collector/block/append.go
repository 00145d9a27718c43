package block

import (
	"encoding/binary"
	"math"

	"github.com/tributary-events/tributary/event"
)

// appendObject adds the object at tape index at as o's next row.
func (b *Builder) appendObject(o *objectColumn, at int) {
	pairs, scratch := len(b.pairs), len(b.scratch)
	b.members(o, &o.root, at)
	if len(b.pairs) > pairs {
		b.flushPairs(o, pairs)
		b.pairs, b.scratch = b.pairs[:pairs], b.scratch[:scratch]
	}
	o.rows++
}

// members adds the members of the object at tape index at to the row of o that
// is being built. The object's own path is n's.
func (b *Builder) members(o *objectColumn, n *node, at int) {
	tape := b.tape
	end := tape[at].Offset()
	guess := &n.first
	for at++; at < end; {
		key, value := b.batch.Text(tape[at]), tape[at+1]
		at++
		kind := value.Kind()
		if kind == event.Null || kind == event.Object && value.Len() == 0 {
			at++ // no path: the same as not there
			continue
		}
		child := *guess
		if child == nil || child.key != string(key) {
			if child = b.child(n, key); child == nil {
				at = b.shareMember(n, key, at)
				continue
			}
			*guess = child
		}
		guess = &child.next
		switch {
		case kind == event.Object:
			b.members(o, child, at)
			at = value.Offset()
		case child.values != nil || b.open(child):
			at = b.appendValue(child.values, o.rows, at)
		default:
			at = b.shareNode(child, at)
		}
	}
}

// appendValue adds the value at tape index at, which is not null, as a row of d.
// It returns the index after the value.
func (b *Builder) appendValue(d *dynamicColumn, row uint32, at int) int {
	w := b.tape[at]
	switch w.Kind() {
	case event.String:
		v := d.scalars[stringLeaf]
		if v == nil {
			if v = d.variant(d.typ.scalars[stringLeaf]); v == nil {
				return b.spill(d, row, at)
			}
		}
		text := b.batch.Text(w)
		v.data = appendText(v.data, text)
		b.size += d.put(row, v) + len(text) + 1
		return at + 1
	case event.Int:
		return b.appendNumber(d, row, at, intLeaf)
	case event.Float:
		return b.appendNumber(d, row, at, floatLeaf)
	case event.Uint:
		return b.appendNumber(d, row, at, uintLeaf)
	case event.True, event.False:
		v := d.variant(d.typ.scalars[boolLeaf])
		if v == nil {
			return b.spill(d, row, at)
		}
		v.data = append(v.data, truth(w))
		b.size += d.put(row, v) + 1
		return at + 1
	case event.Array:
		v := d.variant(b.infer(d.typ, at))
		if v == nil {
			return b.spill(d, row, at)
		}
		b.size += d.put(row, v)
		return b.appendArray(&v.column, 0, at)
	default: // an object in a mixed array
		v := d.variant(d.typ.single)
		if v == nil {
			return b.spill(d, row, at)
		}
		b.size += d.put(row, v)
		b.appendObject(v.object, at)
		return w.Offset()
	}
}

func (b *Builder) appendNumber(d *dynamicColumn, row uint32, at int, l leaf) int {
	v := d.scalars[l]
	if v == nil {
		if v = d.variant(d.typ.scalars[l]); v == nil {
			return b.spill(d, row, at)
		}
	}
	v.data = binary.LittleEndian.AppendUint64(v.data, uint64(b.tape[at+1]))
	b.size += d.put(row, v) + 8
	return at + 2
}

// spill adds a value of a type for which d has no room.
func (b *Builder) spill(d *dynamicColumn, row uint32, at int) int {
	v := d.spill()
	mark := len(b.scratch)
	at = b.encode(d.typ, at)
	v.data = appendText(v.data, b.scratch[mark:])
	b.size += d.put(row, v) + len(b.scratch) - mark + 1
	b.scratch = b.scratch[:mark]
	return at
}

// appendArray adds the array at tape index at to c, level arrays inside c's
// outermost. It returns the index after the array.
func (b *Builder) appendArray(c *column, level, at int) int {
	w := b.tape[at]
	end := w.Offset()
	first := c.begin(level, w.Len())
	b.size += 8
	at++
	if level+1 < c.typ.depth {
		for at < end {
			at = b.appendArray(c, level+1, at)
		}
		return end
	}
	switch c.typ.leaf {
	case objectLeaf, nullableObjectLeaf:
		b.appendObjects(c, at, end)
	case dynamicLeaf:
		row := uint32(first)
		for ; at < end; row++ {
			if b.tape[at].Kind() == event.Null {
				at++
			} else {
				at = b.appendValue(c.dynamic, row, at)
			}
		}
	case stringLeaf:
		b.appendTexts(c, at, end)
	default:
		b.appendScalars(c, at, end)
	}
	return end
}

// appendObjects adds objects and nulls to c.
func (b *Builder) appendObjects(c *column, at, end int) {
	for at < end {
		w := b.tape[at]
		if c.typ.leaf == nullableObjectLeaf {
			c.nulls = append(c.nulls, isNull(w))
			b.size++
		}
		if w.Kind() == event.Null {
			c.object.rows++
			at++
			continue
		}
		b.appendObject(c.object, at)
		b.size += 8 // where its shared data ends
		at = w.Offset()
	}
}

// appendTexts adds strings and nulls to c.
func (b *Builder) appendTexts(c *column, at, end int) {
	for ; at < end; at++ {
		w := b.tape[at]
		text := b.batch.Text(w) // of a null, too: empty
		c.nulls = append(c.nulls, isNull(w))
		c.data = appendText(c.data, text)
		b.size += len(text) + 2
	}
}

// appendScalars adds booleans or numbers, and nulls, to c.
func (b *Builder) appendScalars(c *column, at, end int) {
	l := c.typ.leaf
	before := len(c.nulls) + len(c.data)
	for at < end {
		w := b.tape[at]
		at++
		c.nulls = append(c.nulls, isNull(w))
		if l == boolLeaf {
			c.data = append(c.data, truth(w))
			continue
		}
		var bits uint64
		switch w.Kind() {
		case event.Null:
		case event.Int:
			bits = uint64(b.tape[at])
			if l == floatLeaf {
				bits = math.Float64bits(float64(int64(bits)))
			}
			at++
		default:
			bits = uint64(b.tape[at])
			at++
		}
		c.data = binary.LittleEndian.AppendUint64(c.data, bits)
	}
	b.size += len(c.nulls) + len(c.data) - before
}

func truth(w event.Word) byte {
	if w.Kind() == event.True {
		return 1
	}
	return 0
}

func isNull(w event.Word) byte {
	if w.Kind() == event.Null {
		return 1
	}
	return 0
}
