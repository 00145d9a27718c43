package block

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// leaf is what a value, or the innermost element of an array, is stored as.
type leaf uint8

const (
	boolLeaf leaf = iota
	intLeaf
	uintLeaf
	floatLeaf
	stringLeaf
	objectLeaf
	nullableObjectLeaf // only inside arrays
	dynamicLeaf        // only inside arrays: each element has a type of its own
	leaves             // how many there are
	scalars            = stringLeaf + 1
)

// Codes of ClickHouse's binary encoding of types, which stands before a value
// that shares its column with values of other types.
// https://clickhouse.com/docs/sql-reference/data-types/data-types-binary-encoding
const (
	codeNothing  = 0x00
	codeUInt64   = 0x04
	codeInt64    = 0x0A
	codeFloat64  = 0x0E
	codeString   = 0x15
	codeArray    = 0x1E
	codeNullable = 0x23
	codeDynamic  = 0x2B
	codeBool     = 0x2D
	codeJSON     = 0x30
)

// ClickHouse's defaults for the parameters of JSON and Dynamic. A type's name
// leaves a parameter out that has its default.
const (
	defaultMaxPaths = 1024
	defaultMaxTypes = 32
)

// valueType is one ClickHouse type of values. Within one Builder equal types
// are the same pointer.
type valueType struct {
	name  string
	code  []byte // the type in binary
	depth int    // of Array around the leaf; the leaf of an array of scalars is Nullable
	leaf  leaf
	// object is the type of objectLeaf and nullableObjectLeaf.
	object *objectType
	// dynamic is the type of dynamicLeaf.
	dynamic *dynamicType
}

// objectType is JSON with its parameters.
type objectType struct {
	name     string
	code     []byte
	maxPaths int // of paths that have a column of their own
	values   *dynamicType
}

// dynamicType is Dynamic: the types that the values of a path, or the elements
// of a mixed array, can have.
type dynamicType struct {
	maxTypes int
	object   *objectType // of an object, and of the objects in an array
	// any is the type of mixed arrays' elements. It is one and the same everywhere.
	any     *dynamicType
	scalars [scalars]*valueType
	single  *valueType           // object itself
	spilled *valueType           // of values of types beyond maxTypes, in binary
	arrays  [][leaves]*valueType // by depth-1, made when first needed
}

// newRoot returns the type of event_payload. ClickHouse gives objects inside
// arrays a quarter of the paths and half of the types of the object around
// them, but those that are elements of a mixed array the defaults.
func newRoot(maxPaths int) *objectType {
	mixed := &dynamicType{maxTypes: defaultMaxTypes}
	mixed.any = mixed
	mixed.object = newObjectType(defaultMaxPaths, defaultMaxTypes, mixed)
	mixed.setScalars()
	return newObjectType(maxPaths, defaultMaxTypes, mixed)
}

func newObjectType(maxPaths, maxTypes int, mixed *dynamicType) *objectType {
	o := &objectType{name: objectName(maxPaths, maxTypes), maxPaths: maxPaths}
	o.code = binary.AppendUvarint([]byte{codeJSON, 0}, uint64(maxPaths))
	o.code = append(o.code, byte(maxTypes), 0, 0, 0)
	o.values = &dynamicType{maxTypes: maxTypes, any: mixed}
	if maxPaths == 0 && maxTypes == 0 {
		o.values.object = o // and so on for ever
	} else {
		o.values.object = newObjectType(maxPaths/4, maxTypes/2, mixed)
	}
	o.values.setScalars()
	return o
}

func objectName(maxPaths, maxTypes int) string {
	var parameters []string
	if maxTypes != defaultMaxTypes {
		parameters = append(parameters, "max_dynamic_types="+strconv.Itoa(maxTypes))
	}
	if maxPaths != defaultMaxPaths {
		parameters = append(parameters, "max_dynamic_paths="+strconv.Itoa(maxPaths))
	}
	if len(parameters) == 0 {
		return "JSON"
	}
	return "JSON(" + strings.Join(parameters, ", ") + ")"
}

func (t *dynamicType) setScalars() {
	t.scalars = [scalars]*valueType{
		{name: "Bool", code: []byte{codeBool}, leaf: boolLeaf},
		{name: "Int64", code: []byte{codeInt64}, leaf: intLeaf},
		{name: "UInt64", code: []byte{codeUInt64}, leaf: uintLeaf},
		{name: "Float64", code: []byte{codeFloat64}, leaf: floatLeaf},
		{name: "String", code: []byte{codeString}, leaf: stringLeaf},
	}
	t.spilled = &valueType{name: "SharedVariant", leaf: stringLeaf}
	t.single = &valueType{name: t.object.name, code: t.object.code, leaf: objectLeaf, object: t.object}
}

// array returns the type of arrays of l, depth of them around each other.
func (t *dynamicType) array(l leaf, depth int) *valueType {
	for len(t.arrays) < depth {
		t.arrays = append(t.arrays, [leaves]*valueType{})
	}
	if a := t.arrays[depth-1][l]; a != nil {
		return a
	}
	a := &valueType{depth: depth, leaf: l}
	if depth > 1 {
		inner := t.array(l, depth-1)
		a.object, a.dynamic = inner.object, inner.dynamic
		a.name, a.code = inner.name, inner.code
	} else {
		switch l {
		case objectLeaf:
			a.object, a.name, a.code = t.object, t.object.name, t.object.code
		case nullableObjectLeaf:
			a.object, a.name, a.code = t.object, "Nullable("+t.object.name+")", after(codeNullable, t.object.code)
		case dynamicLeaf:
			a.dynamic, a.name, a.code = t.any, "Dynamic", []byte{codeDynamic, defaultMaxTypes}
		default:
			a.name, a.code = "Nullable("+t.scalars[l].name+")", after(codeNullable, t.scalars[l].code)
		}
	}
	a.name, a.code = "Array("+a.name+")", after(codeArray, a.code)
	t.arrays[depth-1][l] = a
	return a
}

func after(code byte, rest []byte) []byte { return append([]byte{code}, rest...) }
