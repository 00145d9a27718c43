package catalogue_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query/define"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

func decode(t testing.TB, payloads ...string) *event.Batch {
	t.Helper()
	var b bytes.Buffer
	for i, p := range payloads {
		fmt.Fprintf(&b, `%c{"event_id":"%d","event_timestamp":"2025-12-01T00:00:00Z","event_email":"a@x.example","event_payload":%s}`, "[,"[min(i, 1)], i, p)
	}
	b.WriteByte(']')
	batch, err := event.NewDecoder().Decode(b.Bytes(), event.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func store(t *testing.T, started time.Time) *catalogue.Store {
	t.Helper()
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := migrations.New(migrations.Config{Options: options, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runner.Close(); err != nil {
		t.Fatal(err)
	}
	return catalogue.NewStore(db.Open(t), "one", started)
}

func TestPathsAreCountedByType(t *testing.T) {
	now := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	s := store(t, now)
	c := catalogue.NewCounter(func() time.Time { return now })
	id := uuid.New()
	c.Observe(id, decode(t, `{"a":1,"o":{"k.x":"2025-12-01","":null},"l":[{"q":1},{"q":"x"},{"q":2}]}`, `{"a":"99.90","l":[1,"b",2]}`, `{}`))
	if err := s.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	for range 1000 {
		c.Observe(id, decode(t, `{"a":"no number"}`))
	}
	for range 2 { // again: absolute counts
		if err := s.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	c.Observe(id, decode(t, `{"a":2}`))
	if err := s.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	paths, err := s.Paths(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]uint64{}
	for _, p := range paths {
		got[p.Path] = p.Types
		if _, err := define.ParsePath(p.Path); err != nil {
			t.Errorf("the path %s cannot be defined: %v", p.Path, err)
		}
	}
	want := map[string]map[string]uint64{
		"a": {"integer": 2, "string": 1001}, "o": {"object": 1}, `o.k\.x`: {"string": 1}, `o.""`: {"null": 1},
		"l": {"array": 2}, "l[]": {"object": 1, "integer": 1, "string": 1}, "l[].q": {"integer": 1, "string": 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a := paths[0]
	if !a.FirstSeen.Equal(now.Add(-time.Hour)) || !a.LastSeen.Equal(now) || a.Sample == "" {
		t.Errorf("a was seen from %v to %v, as %q", a.FirstSeen, a.LastSeen, a.Sample)
	}
	// Two integers and "99.90" are numbers, a thousand texts are not; the share is
	// of values that were looked at.
	if share := a.MisfitShare(catalogue.Number); share == nil || *share < 0.9 || *share > 0.999 {
		t.Errorf("share of a that is no number: %v", share)
	}
	if share := a.MisfitShare(catalogue.String); share == nil || *share != 0 {
		t.Errorf("share of a that is no string: %v", share)
	}
}

// TestEveryNewPathIsFound sends a path that occurs once among many events, in an
// order of keys that makes the shapes look alike.
func TestEveryNewPathIsFound(t *testing.T) {
	s := store(t, time.Now())
	c := catalogue.NewCounter(nil)
	id := uuid.New()
	for i := range 3000 {
		c.Observe(id, decode(t, fmt.Sprintf(`{"a":1,"b":{"c":[{"d":%d}]}}`, i), `{"b":{"c":[]},"a":2}`))
		if i == 1500 {
			c.Observe(id, decode(t, `{"a":1,"b":{"c":[{"d":1},{"d":1},{"e":true}]}}`))
		}
	}
	for i := range 3 * catalogue.MaxPaths { // far more than are kept
		c.Observe(id, decode(t, fmt.Sprintf(`{"key%d":1}`, i)))
	}
	if err := s.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	paths, err := s.Paths(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, p := range paths {
		for _, n := range p.Types {
			counts[p.Path] += n
		}
	}
	for path, want := range map[string]uint64{"a": 6001, "b.c": 6001, "b.c[].d": 3001, "b.c[].e": 1, "key0": 1} {
		if counts[path] != want {
			t.Errorf("%s: counted %d, want %d", path, counts[path], want)
		}
	}
	if len(paths) > catalogue.MaxPaths {
		t.Errorf("%d paths are kept", len(paths))
	}
}

func TestKeysAreEscapedAsDefinitionsAre(t *testing.T) {
	for _, key := range []string{"", "a", "a.b", `a\`, "[]", `""`, `"x`, "日本", "a]b", `"".`} {
		if a, b := catalogue.EscapeKey(key), define.EscapeKey(key); a != b {
			t.Errorf("%q: %s and %s", key, a, b)
		}
		path, err := define.ParsePath(catalogue.EscapeKey(key))
		if err != nil || len(path) != 1 || path[0].Key != key {
			t.Errorf("%q is written %s and read %v, %v", key, catalogue.EscapeKey(key), path, err)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	payload := `{"order_id":"A-10001","product_name":"Running shoes","revenue":99.9,"currency":"EUR","quantity":2,"customer":{"country":"DE","segment":"returning"},"tags":["sale","spring"]}`
	payloads := make([]string, 900)
	for i := range payloads {
		payloads[i] = payload
	}
	batch := decode(b, payloads...)
	c := catalogue.NewCounter(nil)
	id := uuid.New()
	b.ReportAllocs()
	for b.Loop() {
		c.Observe(id, batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(payloads)), "ns/event")
}
