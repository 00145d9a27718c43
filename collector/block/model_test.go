package block

import (
	"math"
	"strings"

	"github.com/tributary-events/tributary/event"
)

// value returns the value at tape index at as the reader gives it back, and the
// index after it: objects as maps by path, without nulls and empty objects.
func value(b *event.Batch, at int) (any, int) {
	w := b.Tape[at]
	at++
	switch w.Kind() {
	case event.False, event.True:
		return w.Kind() == event.True, at
	case event.Int:
		return int64(b.Tape[at]), at + 1
	case event.Uint:
		return uint64(b.Tape[at]), at + 1
	case event.Float:
		return math.Float64frombits(uint64(b.Tape[at])), at + 1
	case event.String:
		return string(b.Text(w)), at
	case event.Array:
		out := []any{}
		for range w.Len() {
			var v any
			v, at = value(b, at)
			out = append(out, v)
		}
		return out, at
	case event.Object:
		out := map[string]any{}
		at = paths(b, out, nil, at-1)
		return out, at
	default:
		return nil, at
	}
}

// paths adds the paths of the object at tape index at to out.
func paths(b *event.Batch, out map[string]any, above []string, at int) int {
	members := b.Tape[at].Len()
	at++
	for range members {
		key := strings.ReplaceAll(string(b.Text(b.Tape[at])), ".", "%2E")
		path := append(above[:len(above):len(above)], key)
		at++
		if b.Tape[at].Kind() == event.Object {
			at = paths(b, out, path, at)
			continue
		}
		var v any
		if v, at = value(b, at); v != nil {
			out[strings.Join(path, ".")] = v
		}
	}
	return at
}

// same tells whether the values are the same, an integer being the same as a
// float that holds it exactly: arrays of both are arrays of floats.
func same(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for path, v := range x {
			w, found := y[path]
			if !found || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case int64:
		switch y := y.(type) {
		case float64:
			return int64(y) == x && float64(x) == y
		case uint64:
			return x >= 0 && uint64(x) == y
		}
	case float64:
		y, ok := y.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	}
	return x == y
}
