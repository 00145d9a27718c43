package block

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// drawer draws payloads as JSON text.
type drawer struct {
	*rapid.T
	// plain leaves out what the block stores other than ClickHouse would, and
	// what ClickHouse stores in one way or another depending on what it saw before.
	plain bool
}

func (d drawer) pick(n int, what string) int { return rapid.IntRange(0, n-1).Draw(d.T, what) }

func (d drawer) key() string {
	keys := []string{"a", "b", "c", "d", "e", "f.g", "", "é", "h i", "\n", "long" + strings.Repeat("x", 60)}
	if k := d.pick(len(keys)+1, "key"); k < len(keys) {
		return keys[k]
	}
	return rapid.StringMatching(`[a-z.]{1,8}`).Draw(d.T, "key")
}

func (d drawer) object(depth int) string {
	seen := map[string]bool{}
	var members []string
	for range d.pick(6, "members") {
		key := d.key()
		if seen[key] {
			continue
		}
		seen[key] = true
		members = append(members, strconv.Quote(key)+":"+d.value(depth-1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (d drawer) value(depth int) string {
	n := 10
	if depth <= 0 {
		n = 7
	}
	switch d.pick(n, "kind") {
	case 0:
		return "null"
	case 1:
		return d.integer()
	case 2:
		return d.float()
	case 3:
		return d.boolean()
	case 4, 5:
		return d.text()
	case 6:
		return rapid.SampledFrom([]string{"9223372036854775808", "18446744073709551615", "9223372036854775807", "-9223372036854775808", "9007199254740993", "123456789012345678901", "-1e999"}).Draw(d.T, "large")
	case 7:
		return d.object(depth)
	default:
		return d.array(depth)
	}
}

func (d drawer) integer() string {
	return strconv.Itoa(rapid.IntRange(-1000, 1000).Draw(d.T, "integer"))
}

func (d drawer) float() string {
	return rapid.SampledFrom([]string{"0.5", "-0.0", "1.0", "1e308", "5e-324", "3.25e2", "-1e-7", "0.1"}).Draw(d.T, "float")
}

func (d drawer) boolean() string { return strconv.FormatBool(rapid.Bool().Draw(d.T, "boolean")) }

func (d drawer) text() string {
	return rapid.SampledFrom([]string{`""`, `"x"`, `"2024-01-01"`, `"1"`, `"é\ud83d\ude00"`, `"\u0001\"\\/\n"`, `"` + strings.Repeat("long ", 40) + `"`}).Draw(d.T, "text")
}

func (d drawer) array(depth int) string {
	var element func() string
	nulls := true
	switch kind := d.pick(9, "elements"); {
	case kind == 0:
		element = d.integer
	case kind == 1:
		element = d.float
	case kind == 2:
		element = func() string { return []func() string{d.integer, d.float}[d.pick(2, "number")]() }
	case kind == 3:
		element = d.boolean
	case kind == 4:
		element = d.text
	case kind == 5:
		element = func() string { return []func() string{d.integer, d.text}[d.pick(2, "mixed")]() }
	case kind == 6 && depth > 1:
		element = func() string { return d.object(depth - 1) }
	case kind == 7 && depth > 1:
		nulls = !d.plain
		scalar := []func() string{d.integer, d.float, d.boolean, d.text}[d.pick(4, "scalar")]
		element = func() string { return "[" + d.list(scalar, false) + "]" }
	default:
		element = func() string { return d.value(depth - 1) }
		if d.plain {
			element = d.integer
		}
	}
	return "[" + d.list(element, nulls) + "]"
}

func (d drawer) list(element func() string, nulls bool) string {
	var elements []string
	for range d.pick(5, "length") {
		if nulls && d.pick(6, "null") == 0 {
			elements = append(elements, "null")
		} else {
			elements = append(elements, element())
		}
	}
	return strings.Join(elements, ",")
}

func (d drawer) payloads() []string {
	out := make([]string, 1+d.pick(20, "events"))
	for i := range out {
		out[i] = d.object(4)
	}
	return out
}

// eachConnection makes UUIDs, so that all examples can share a table.
func eachConnection() func() uuid.UUID {
	n := byte(0)
	return func() uuid.UUID {
		n++
		return uuid.NewSHA1(uuid.NameSpaceOID, []byte{n})
	}
}

// TestSameAsClickHouse compares blocks with what ClickHouse makes of the same
// payloads' text, in every column, and in the types of all paths.
func TestSameAsClickHouse(t *testing.T) {
	s := newStore(t)
	limits := []int{1024, DefaultMaxDynamicPaths, 3}
	for _, n := range limits {
		s.create(fmt.Sprint("block", n), n)
		s.create(fmt.Sprint("text", n), n)
	}
	next := eachConnection()
	rapid.Check(t, func(t *rapid.T) {
		payloads := drawer{t, true}.payloads()
		n := rapid.SampledFrom(limits).Draw(t, "columns")
		connection := next()
		batch := decode(s, body(payloads...))
		s.insert(fmt.Sprint("block", n), blockOf(connection, batch, n))
		s.insertText(fmt.Sprint("text", n), connection, batch)
		rows := func(table string) []string {
			return s.query(fmt.Sprintf(`SELECT toJSONString(tuple(*)) || ' ' || toString(JSONAllPathsWithTypes(event_payload))
				FROM %s%d WHERE connection_id = '%s' ORDER BY event_id`, table, n, connection))
		}
		got, want := rows("block"), rows("text")
		if len(got) != len(payloads) {
			t.Fatalf("%d rows, want %d", len(got), len(payloads))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("payload    %s\nblock      %s\nClickHouse %s", payloads[i], got[i], want[i])
			}
		}
	})
}

// TestNothingIsLost stores payloads of any kind and compares what the engine
// returns with what was sent.
func TestNothingIsLost(t *testing.T) {
	s := newStore(t)
	limits := []int{1024, DefaultMaxDynamicPaths, 3}
	builders := map[int]*Builder{}
	for _, n := range limits {
		s.create(fmt.Sprint("e", n), n)
		builders[n] = New(Options{MaxDynamicPaths: n})
	}
	next := eachConnection()
	rapid.Check(t, func(t *rapid.T) {
		payloads := drawer{t, false}.payloads()
		n := rapid.SampledFrom(limits).Draw(t, "columns")
		connection := next()
		batch := decode(s, body(payloads...))
		b := builders[n]
		b.Reset()
		for i := range payloads {
			b.Append(connection, baseTime, batch, i, i+1)
		}
		s.insert(fmt.Sprint("e", n), b)
		got := s.query(fmt.Sprintf("SELECT toString(event_payload) FROM e%d WHERE connection_id = '%s' ORDER BY event_id", n, connection))
		if len(got) != len(payloads) {
			t.Fatalf("%d rows, want %d", len(got), len(payloads))
		}
		back := decode(s, body(got...))
		for i, e := range batch.Events {
			x, _ := value(batch, e.Payload)
			y, _ := value(back, back.Events[i].Payload)
			if !sameText(x, y) {
				t.Errorf("payload  %s\nstored   %s", payloads[i], got[i])
			}
		}
	})
}

// sameText is same where y was read from ClickHouse's JSON text, which writes
// floats without a fraction as integers.
func sameText(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for path, v := range x {
			if w, found := y[path]; !found || !sameText(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		return ok && slices.EqualFunc(x, y, sameText)
	case string:
		return x == y
	case float64:
		z, ok := new(big.Float).SetString(strings.TrimSpace(fmt.Sprint(y)))
		f, _ := z.Float64()
		return ok && f == x
	}
	return same(x, y)
}
