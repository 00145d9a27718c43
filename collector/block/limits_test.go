package block

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/tributary-events/tributary/event"
)

// manyPaths is a payload of at most size bytes with as many paths as fit.
func manyPaths(size int, prefix string) (payload string, paths int) {
	var b strings.Builder
	b.WriteString(`{"` + prefix + `":{`)
	for b.Len() < size-20 {
		fmt.Fprintf(&b, `%s"%s":%d`, ","[:min(paths, 1)], shortKey(paths), paths%10)
		paths++
	}
	b.WriteString("}}")
	return b.String(), paths
}

func shortKey(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	key := ""
	for ; ; i /= len(letters) {
		key += letters[i%len(letters) : i%len(letters)+1]
		if i < len(letters) {
			return key
		}
	}
}

// nest puts value inside depth nestings.
func nest(depth int, open, value, end string) string {
	return strings.Repeat(open, depth) + value + strings.Repeat(end, depth)
}

// hostile is bodies that are as large as a request may be and as hard on the
// builder as they can be made.
func hostile() map[string][]byte {
	const size = event.MaxBody - 500
	flat, _ := manyPaths(size, "a")
	under, _ := manyPaths(size, strings.Repeat("p", maxColumnPath-5))
	long, _ := manyPaths(size, strings.Repeat("p", size/2))
	longInside, _ := manyPaths(size-20, strings.Repeat("p", size/3))
	longDeep, _ := manyPaths(size/2, "x")
	longDeep = strings.Repeat(`{"`+strings.Repeat("k", size/2/62)+`":`, 60) + longDeep + strings.Repeat("}", 60)
	types := []string{}
	for i := range 60 {
		types = append(types, `{"a":`+nest(i, "[", `1`, "]")+`,"b":[{"c":`+nest(i, "[", `"x"`, "]")+`}]}`)
	}
	var objects strings.Builder
	for i := 0; objects.Len() < size; i++ {
		fmt.Fprintf(&objects, `%s{"%s":[{"%s":{}},1]}`, ","[:min(i, 1)], shortKey(i), shortKey(i*7))
	}
	mixed := `{"a":` + nest(31, `[{"b":`, `[`+strings.Repeat("1,", size/4)+`"x"]`, `},1]`) + `}`
	return map[string][]byte{
		"many paths":             body(flat),
		"many paths, prefix":     body(under),
		"many paths, long key":   body(long),
		"inside array, long key": body(`{"a":[1,` + longInside + `]}`),
		"long keys, deep":        body(longDeep),
		"many types":             body(types...),
		"many objects":           body(`{"a":[` + objects.String() + `]}`),
		"mixed arrays":           body(mixed),
		"deep arrays":            body(`{"a":[` + strings.Repeat(nest(62, "[", "", "]")+",", size/125) + `1]}`),
		"deep empty arrays":      body(`{"a":[` + strings.Repeat("[],", size/3-100) + nest(62, "[", "", "]") + `]}`),
		"deep objects":           body(`{"a":[` + strings.Repeat(nest(31, `{"a":[`, "", "]}")+",", size/250) + `1]}`),
	}
}

// TestHostileBodies checks that memory stays a small multiple of a body and
// that the engine takes every block, quickly.
func TestHostileBodies(t *testing.T) {
	s := newStore(t)
	s.create("e", DefaultMaxDynamicPaths)
	for name, request := range hostile() {
		t.Run(name, func(t *testing.T) {
			if len(request) > event.MaxBody {
				t.Fatalf("%d bytes are more than a request may have", len(request))
			}
			batch := decode(t, request)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b := blockOf(connectionA, batch, DefaultMaxDynamicPaths)
			runtime.GC()
			runtime.ReadMemStats(&after)
			held := int(after.HeapAlloc - before.HeapAlloc)
			runtime.KeepAlive(batch)
			if held > 60*len(request) {
				t.Errorf("%d bytes of heap for a body of %d", held, len(request))
			}
			if b.Size() > 20*len(request) {
				t.Errorf("Size = %d for a body of %d bytes", b.Size(), len(request))
			}
			written, err := b.WriteTo(io.Discard)
			if err != nil || written > int64(b.Size())+int64(b.Size())/4+100_000 {
				t.Errorf("WriteTo = %d, %v; Size = %d", written, err, b.Size())
			}
			s.insert("e", b)
		})
	}
}

func TestLongPathsBecomeText(t *testing.T) {
	s := newStore(t)
	s.create("e", DefaultMaxDynamicPaths)
	long := strings.Repeat("p", 100_000)
	values, _ := manyPaths(100_000, "v")
	payload := `{"` + long + `":` + values + `,"items":[1,{"` + long + `":` + values + `,"short":{"x":1}}],"after":{"y":[2]}}`
	s.insert("e", blockOf(connectionA, decode(t, body(payload)), DefaultMaxDynamicPaths))
	got := s.query("SELECT toString(event_payload) FROM e")
	back := decode(t, body(got...))
	v, _ := value(back, back.Events[0].Payload)
	fields := v.(map[string]any)
	item := fields["items"].([]any)[1].(map[string]any)
	if fields[long+".v"] == nil {
		t.Errorf("the payload has no text at its long path")
	}
	for _, text := range []any{fields[long+".v"], item[long+".v"]} {
		if want := strings.TrimSuffix(strings.TrimPrefix(values, `{"v":`), "}"); text != want {
			t.Errorf("the long path has %.50v, want the text %.50s", text, want)
		}
	}
	if !same(item["short.x"], int64(1)) || !same(fields["after.y"], []any{int64(2)}) {
		t.Errorf("short paths have %v and %v", item["short.x"], fields["after.y"])
	}
}

// TestSpillsTypes gives one path more types than a Dynamic may have.
func TestSpillsTypes(t *testing.T) {
	s := newStore(t)
	var payloads []string
	for i := range 90 {
		payloads = append(payloads, `{"a":`+nest(i%30, "[", []string{"1", `"x"`, "true"}[i/30], "]")+
			`,"o":`+nest(1+i%30, "[", `{"b":`+nest(i%20, "[", "1", "]")+`}`, "]")+`}`)
	}
	batch := decode(t, body(payloads...))
	s.create("e", DefaultMaxDynamicPaths)
	s.insert("e", blockOf(connectionA, batch, DefaultMaxDynamicPaths))
	s.create("r", DefaultMaxDynamicPaths)
	s.insertText("r", connectionA, batch)
	const query = "SELECT toString(event_payload) || toString(JSONAllPathsWithTypes(event_payload)) FROM %s ORDER BY event_id"
	got, want := s.query(fmt.Sprintf(query, "e")), s.query(fmt.Sprintf(query, "r"))
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s\n got %s\nwant %s", payloads[i], got[i], want[i])
		}
	}
	b := New(Options{})
	for _, rows := range [][2]int{{0, 90}, {20, 40}, {60, 90}} {
		b.Append(connectionA, baseTime, batch, rows[0], rows[1])
		if err := readsBack(b, batch, [][2]int{rows}); err != nil {
			t.Errorf("rows %v: %v", rows, err)
		}
		b.Reset()
	}
	for _, n := range b.payload.paths {
		if n.values.overflow != nil || n.values.types > 30 {
			t.Errorf("path %s keeps %d types, of which the block had 30", n.path, n.values.types)
		}
	}
}

// TestWideSenderDoesNotStay checks that paths which come back get columns
// although a sender of ever new paths fills every block first.
func TestWideSenderDoesNotStay(t *testing.T) {
	b := New(Options{MaxDynamicPaths: 16})
	columns := func() (usual int) {
		for _, n := range b.payload.paths {
			if strings.HasPrefix(n.path, "usual.") {
				usual++
			}
		}
		return usual
	}
	usual := decode(t, body(`{"usual":{"a":1,"b":[{"c":1}],"d":"x"}}`, `{"usual":{"e":{"f":true},"g":2}}`))
	fresh := 0
	append1 := func() {
		var members []string
		for range 4 {
			members = append(members, fmt.Sprintf(`"new%d":%d`, fresh, fresh))
			fresh++
		}
		b.Append(connectionB, baseTime, decode(t, body(`{`+strings.Join(members, ",")+`}`)), 0, 1)
	}
	for round := range 4 {
		for range 20 {
			append1()
			b.Append(connectionA, baseTime, usual, 0, 2)
		}
		if round > 0 && columns() != 5 {
			t.Errorf("block %d: %d of the usual paths have columns, want 5", round, columns())
		}
		b.Reset()
		if len(b.payload.paths) != columns() {
			t.Errorf("block %d: %d columns stay, %d of the usual paths", round, len(b.payload.paths), columns())
		}
	}
}

// TestMemoryDoesNotAddUp sends blocks whose bytes are at another path each time.
func TestMemoryDoesNotAddUp(t *testing.T) {
	b := New(Options{})
	large := strings.Repeat("x", 100_000)
	held := func() int {
		n := 0
		for _, p := range b.payload.paths {
			for _, v := range p.values.variants {
				n += cap(v.data)
			}
		}
		return n
	}
	for i := range 50 {
		var members []string
		for j := range 50 {
			text := "small"
			if i == j {
				text = large
			}
			members = append(members, fmt.Sprintf(`"p%d":%q`, j, text))
		}
		b.Append(connectionA, baseTime, decode(t, body("{"+strings.Join(members, ",")+"}")), 0, 1)
		b.Reset()
	}
	if n := held(); n > 5*len(large) {
		t.Errorf("%d bytes of buffers stay, the largest block had %d", n, len(large))
	}
}

// TestForgets checks what stays of paths that lost their columns: nothing.
func TestForgets(t *testing.T) {
	b := New(Options{MaxDynamicPaths: 3})
	add := func(payloads ...string) {
		t.Helper()
		batch := decode(t, body(payloads...))
		n := len(batch.Events)
		b.Append(connectionA, baseTime, batch, 0, n)
		if err := readsBack(b, batch, [][2]int{{0, n}}); err != nil {
			t.Fatalf("%s: %v", payloads, err)
		}
		b.Reset()
	}
	// "x" comes behind "k" and is forgotten, "k" stays.
	add(`{"k":1}`, `{"k":2}`, `{"k":3,"x":1}`, `{"y":1,"z":2}`)
	add(`{"k":1,"x":1}`, `{"x":2}`, `{"k":3}`)
	// Objects in arrays at paths, and of types, that do not come back.
	b = New(Options{})
	for i := range 20 {
		add(fmt.Sprintf(`{"p%d":[{"a":{"b":1}}],"q":%s}`, i, nest(1+i, "[", `{"c":{"d":1}}`, "]")))
	}
	add(`{"end":1}`)
	var left []string
	for _, n := range b.table.nodes {
		left = append(left, n.path)
	}
	if len(left) != 1 || left[0] != "end" {
		t.Errorf("paths %q stay, want end", left)
	}
}

// TestWideObjectsInArrays has objects with many paths where they are encoded in binary.
func TestWideObjectsInArrays(t *testing.T) {
	object := string(wideBody(1, 300))
	object = object[strings.Index(object, `"event_payload":`)+len(`"event_payload":`) : len(object)-2]
	batch := decode(t, body(`{"a":1,"b":[`+object+`,{"c":[`+object+`,null]}]}`, `{"b":[1,`+object+`,[`+object+`]]}`))
	s := newStore(t)
	for _, columns := range []int{1, DefaultMaxDynamicPaths} {
		b := blockOf(connectionA, batch, columns)
		if err := readsBack(b, batch, [][2]int{{0, 2}}); err != nil {
			t.Errorf("%d columns: %v", columns, err)
		}
		s.create("e", columns)
		s.insert("e", b)
		got := s.query("SELECT toString(event_payload) FROM e ORDER BY event_id")
		back := decode(t, body(got...))
		for i, e := range back.Events {
			x, _ := value(batch, batch.Events[i].Payload)
			if y, _ := value(back, e.Payload); !same(x, y) {
				t.Errorf("%d columns: event %d came back as %.300s", columns, i, got[i])
			}
		}
		s.exec("DROP TABLE e")
	}
}
