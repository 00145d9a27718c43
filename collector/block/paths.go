package block

import (
	"bytes"
	"hash/maphash"
	"strings"
)

// node is a key at one place in the objects of a column: a path. All nodes of a
// builder are in one table, found by parent and key; but mostly not even that
// is needed, since objects of one kind have their keys in one order.
type node struct {
	object *objectColumn
	parent *node
	key    string
	path   string // from the object's root, dots in keys escaped
	hash   uint64
	id     uint64
	// first is the child that began the last object here, next the sibling that
	// came after this node last time: guesses.
	first, next *node
	values      *dynamicColumn // nil: the path has no column
	kept        bool           // for Reset
}

// maxColumnPath is the longest path, in bytes, that can have a column.
const maxColumnPath = 128

// table finds nodes by parent and key. Its hash is seeded at random, so that no
// sender can choose keys that meet.
type table struct {
	seed  maphash.Seed
	slots []*node // open addressing, a power of two, at most half full
	nodes []*node // in order of making: parents before children
	id    uint64
}

const idFactor = 0x9E3779B97F4A7C15

func newTable(limit int) table {
	size := 16
	for size < 2*limit {
		size *= 2
	}
	return table{seed: maphash.MakeSeed(), slots: make([]*node, size)}
}

// child returns the node of key under parent, making it if it may be made, or
// nil: the path can have no column.
func (b *Builder) child(parent *node, key []byte) *node {
	t := &b.table
	hash := maphash.Bytes(t.seed, key) ^ parent.id*idFactor
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for ; t.slots[i] != nil; i = (i + 1) & mask {
		if n := t.slots[i]; n.hash == hash && n.parent == parent && n.key == string(key) {
			return n
		}
	}
	if o := parent.object; len(o.paths) == o.typ.maxPaths || len(t.nodes) == b.maxNodes {
		b.crowded = true
		return nil
	}
	if len(parent.path)+1+len(key) > maxColumnPath {
		return nil
	}
	path := escaped(key)
	if parent.parent != nil {
		path = parent.path + "." + path
	}
	t.id++
	n := &node{object: parent.object, parent: parent, key: string(key), path: path, hash: hash, id: t.id}
	t.slots[i] = n
	t.nodes = append(t.nodes, n)
	return n
}

// open gives the node a column if there is room for one. Who is refused once is
// refused until Reset, so that no path is ever in two places.
func (b *Builder) open(n *node) bool {
	o := n.object
	if len(o.paths) == o.typ.maxPaths {
		b.crowded = true
		return false
	}
	n.values = &dynamicColumn{typ: o.typ.values}
	o.paths = append(o.paths, n)
	return true
}

// escaped returns the key as it stands in a path.
func escaped(key []byte) string {
	return strings.ReplaceAll(string(key), ".", escapedDot)
}

const escapedDot = "%2E"

func appendEscaped(dst, key []byte) []byte {
	for {
		i := bytes.IndexByte(key, '.')
		if i < 0 {
			return append(dst, key...)
		}
		dst = append(append(dst, key[:i]...), escapedDot...)
		key = key[i+1:]
	}
}
