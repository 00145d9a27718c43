// Package catalogue owns what is known of the paths that occur in payloads: their
// JSON types with counts, when they were first and last seen, a sample, and how
// many values would fit which type. It counts beside ingest and keeps the counts in
// ClickHouse.
//
// What the counts mean: the number of accepted events in which the path had a value
// of that type, copies of one event that were sent again included. They are exact
// at any rate: events of one shape (the same keys and types) differ in nothing that
// is counted, so each costs one fingerprint and one increment, and every new shape
// is taken apart. How many values fit which type is measured on the first events of
// each shape and on one in 256 of the others.
//
// Invariants:
//   - Memory is bounded for each connection, whatever is sent: beyond MaxPaths paths
//     new ones are not taken in, and shapes are forgotten when there are too many.
//   - Counts are absolute for a collector's run, so writing them again changes
//     nothing. A collector that dies loses what it counted since the last flush; a
//     replay of its spool counts the replayed events again.
package catalogue

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
)

// Bounds of what is kept for one connection.
const (
	MaxPaths   = 2000
	maxShapes  = 1024
	maxPath    = 1024 // bytes of a written path
	maxSample  = 100  // bytes
	alwaysLook = 32   // the first events of a shape
	lookEvery  = 256  // and then one in so many; a power of two
)

// Type is a JSON type as it is counted, or a type of a defined field.
type Type string

// The types that are counted, and those that values may fit.
const (
	String   Type = "string"
	Integer  Type = "integer"
	Number   Type = "number"
	Boolean  Type = "boolean"
	Null     Type = "null"
	Object   Type = "object"
	Array    Type = "array"
	Datetime Type = "datetime"
)

// Counter counts paths. Observe must be called by one goroutine at a time; what
// flushes may run beside it.
type Counter struct {
	seed maphash.Seed
	now  func() time.Time

	mu          sync.Mutex
	connections map[uuid.UUID]*connection
}

// NewCounter returns an empty counter. now is its clock: nil = time.Now.
func NewCounter(now func() time.Time) *Counter {
	if now == nil {
		now = time.Now
	}
	return &Counter{seed: maphash.MakeSeed(), now: now, connections: map[uuid.UUID]*connection{}}
}

type connection struct {
	shapes map[uint64]*shape
	counts map[pathType]*count
	paths  map[string]bool
	// scratch of the walk
	found map[pathType]bool
}

// shape is a set of paths and types that events have in common.
type shape struct {
	events  uint64 // not yet in its counts
	seen    uint64
	last    time.Time
	members []*count
}

type pathType struct {
	path string
	typ  Type
}

// count is what is known of one path and type.
type count struct {
	pathType
	events, sampled uint64
	fit             [4]uint64 // number, integer, boolean, datetime
	first, last     time.Time
	sample          string
	changed         bool
}

// Observe counts the events of a batch. It keeps nothing of the batch.
func (c *Counter) Observe(id uuid.UUID, b *event.Batch) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.connections[id]
	if k == nil {
		k = &connection{shapes: map[uint64]*shape{}, counts: map[pathType]*count{}, paths: map[string]bool{}, found: map[pathType]bool{}}
		c.connections[id] = k
	}
	for i := range b.Events {
		at := b.Events[i].Payload
		if at == 0 {
			continue
		}
		h, _ := c.fingerprint(b, at)
		s := k.shapes[h]
		if s == nil {
			s = k.newShape(h, b, at, now)
		}
		s.events++
		s.seen++
		s.last = now
		if s.seen <= alwaysLook || s.seen%lookEvery == 0 {
			k.look(b, at, "")
		}
	}
}

// fingerprint hashes the keys and types of a value, in whatever order the keys
// come, and returns the index behind it. Elements of an array count once for each
// different shape, whatever their number.
func (c *Counter) fingerprint(b *event.Batch, at int) (hash uint64, next int) {
	const odd = 0x9E3779B97F4A7C15 // 2^64 / golden ratio
	w := b.Tape[at]
	at++
	switch w.Kind() {
	case event.Object:
		hash = odd
		for range w.Len() {
			key := maphash.Bytes(c.seed, b.Text(b.Tape[at]))
			var value uint64
			value, at = c.fingerprint(b, at+1)
			x := (key ^ value*odd) * odd
			hash += x ^ x>>29
		}
		return hash, at
	case event.Array:
		var seen [8]uint64
		n := 0
		hash = odd ^ 0xFF
	elements:
		for range w.Len() {
			var value uint64
			value, at = c.fingerprint(b, at)
			for _, s := range seen[:n] {
				if s == value {
					continue elements
				}
			}
			if n < len(seen) {
				seen[n] = value
				n++
			}
			x := (value ^ 0x517CC1B727220A95) * odd
			hash += x ^ x>>31
		}
		return hash, at
	case event.Int, event.Uint:
		return 5, at + 1
	case event.Float:
		return 7, at + 1
	case event.True, event.False:
		return 11, at
	case event.String:
		return 13, at
	default:
		return 17, at
	}
}

// newShape takes an event apart and remembers its shape.
func (k *connection) newShape(h uint64, b *event.Batch, at int, now time.Time) *shape {
	if len(k.shapes) >= maxShapes {
		k.settle()
		clear(k.shapes)
	}
	clear(k.found)
	k.walk(b, at, "")
	s := &shape{members: make([]*count, 0, len(k.found))}
	for p := range k.found {
		n := k.counts[p]
		if n == nil {
			if !k.paths[p.path] && len(k.paths) >= MaxPaths {
				continue
			}
			k.paths[p.path] = true
			n = &count{pathType: p, first: now, last: now, changed: true}
			k.counts[p] = n
		}
		s.members = append(s.members, n)
	}
	k.shapes[h] = s
	return s
}

// walk notes the paths and types of a value in k.found.
func (k *connection) walk(b *event.Batch, at int, path string) int {
	w := b.Tape[at]
	if path != "" && len(path) <= maxPath {
		k.found[pathType{path, typeOf(w)}] = true
	}
	at++
	switch w.Kind() {
	case event.Object:
		for range w.Len() {
			at = k.walk(b, at+1, join(path, b.Text(b.Tape[at])))
		}
	case event.Array:
		for range w.Len() {
			at = k.walk(b, at, path+"[]")
		}
	case event.Int, event.Uint, event.Float:
		at++
	}
	return at
}

// look measures the values of an event.
func (k *connection) look(b *event.Batch, at int, path string) int {
	w := b.Tape[at]
	at++
	switch w.Kind() {
	case event.Object:
		for range w.Len() {
			at = k.look(b, at+1, join(path, b.Text(b.Tape[at])))
		}
		return at
	case event.Array:
		for range w.Len() {
			at = k.look(b, at, path+"[]")
		}
		return at
	}
	if n := k.counts[pathType{path, typeOf(w)}]; n != nil {
		n.measure(b, at-1)
	}
	if kind := w.Kind(); kind == event.Int || kind == event.Uint || kind == event.Float {
		at++
	}
	return at
}

func typeOf(w event.Word) Type {
	switch w.Kind() {
	case event.Object:
		return Object
	case event.Array:
		return Array
	case event.Int, event.Uint:
		return Integer
	case event.Float:
		return Number
	case event.True, event.False:
		return Boolean
	case event.String:
		return String
	default:
		return Null
	}
}

func join(path string, key []byte) string {
	k := EscapeKey(string(key))
	if path == "" {
		return k
	}
	return path + "." + k
}

// EscapeKey writes a key as paths of fields have it: a backslash before dots,
// brackets and backslashes, "" for the empty key.
func EscapeKey(key string) string {
	if key == "" {
		return `""`
	}
	if !strings.ContainsAny(key, `.\[]"`) {
		return key
	}
	escaped := strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `]`, `\]`).Replace(key)
	if strings.HasPrefix(escaped, `""`) {
		escaped = `\` + escaped
	}
	return escaped
}

// settle brings the events of all shapes into their counts.
func (k *connection) settle() {
	for _, s := range k.shapes {
		if s.events == 0 {
			continue
		}
		for _, n := range s.members {
			n.events += s.events
			n.changed = true
			if s.last.After(n.last) {
				n.last = s.last
			}
		}
		s.events = 0
	}
}

// entry is a changed count with its connection, for the store.
type entry struct {
	connection uuid.UUID
	count
}

// changed returns the counts that changed since the last call, by value.
func (c *Counter) changed() []entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []entry
	for id, k := range c.connections {
		k.settle()
		for _, n := range k.counts {
			if n.changed {
				n.changed = false
				out = append(out, entry{id, *n})
			}
		}
	}
	return out
}

// again marks counts as changed: they could not be written.
func (c *Counter) again(entries []entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		if k := c.connections[e.connection]; k != nil {
			if n := k.counts[e.pathType]; n != nil {
				n.changed = true
			}
		}
	}
}
