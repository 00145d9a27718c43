package block

import "github.com/tributary-events/tributary/event"

// kindSet is the kinds of value that an array's elements have.
type kindSet uint16

const (
	hasNull kindSet = 1 << iota
	hasBool
	hasInt
	hasNegative
	hasUint
	hasFloat
	hasInexact // an integer that a Float64 may not hold
	hasString
	hasArray
	hasObject
)

// maxExact is the integer up to which a Float64 holds all.
const maxExact = 1 << 53

// infer returns the type of the array at tape index at: arrays down to the
// depth at which not all elements are arrays, around the one type that holds
// all elements there without changing any.
func (b *Builder) infer(t *dynamicType, at int) *valueType {
	set := b.elements(at)
	depth := 1
	for ; set == hasArray; depth++ {
		set = b.elementsBelow(at, depth)
	}
	return t.array(set.leaf(), depth)
}

// elementsBelow returns the kinds of the elements of all arrays that are level
// arrays below the one at index at. It is called level by level, each time
// from the top, so that a mixed array ends it before its elements are looked
// into: those are judged again one by one.
func (b *Builder) elementsBelow(at, level int) kindSet {
	if level == 0 {
		return b.elements(at)
	}
	var set kindSet
	end := b.tape[at].Offset()
	for at++; at < end; at = b.tape[at].Offset() {
		set |= b.elementsBelow(at, level-1)
	}
	return set
}

// elements returns the kinds of an array's own elements.
func (b *Builder) elements(at int) kindSet {
	var set kindSet
	tape := b.tape
	end := tape[at].Offset()
	for at++; at < end; {
		w := tape[at]
		at++
		switch w.Kind() {
		case event.False, event.True:
			set |= hasBool
		case event.Int:
			v := int64(tape[at])
			at++
			set |= hasInt
			if v < 0 {
				set |= hasNegative
			}
			if v > maxExact || v < -maxExact {
				set |= hasInexact
			}
		case event.Uint:
			at++
			set |= hasUint | hasInexact
		case event.Float:
			at++
			set |= hasFloat
		case event.String:
			set |= hasString
		case event.Array:
			set |= hasArray
			at = w.Offset()
		case event.Object:
			set |= hasObject
			at = w.Offset()
		default:
			set |= hasNull
		}
	}
	return set
}

// leaf returns the type that holds elements of all these kinds.
func (s kindSet) leaf() leaf {
	const numbers = hasInt | hasNegative | hasUint | hasFloat | hasInexact
	switch k := s &^ hasNull; {
	case k == 0 || k == hasString: // nothing but nulls: as ClickHouse does
		return stringLeaf
	case k == hasBool:
		return boolLeaf
	case k == hasObject && s == k:
		return objectLeaf
	case k == hasObject:
		return nullableObjectLeaf
	case k&^numbers != 0:
		return dynamicLeaf
	case k&(hasFloat|hasUint) == 0:
		return intLeaf
	case k&(hasFloat|hasNegative) == 0:
		return uintLeaf
	case k&hasFloat != 0 && k&hasInexact == 0:
		return floatLeaf
	default:
		return dynamicLeaf
	}
}
