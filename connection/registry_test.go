package connection

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testRow(name string, version uint64) row {
	return row{Connection: Connection{
		ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)), Name: name, Token: "token-of-" + name,
		CreatedAt: noon, UpdatedAt: noon, version: version,
	}}
}

func loadedRegistry(rows ...row) *Registry {
	r := NewRegistry()
	r.merge(rows, true, noon)
	return r
}

func TestLookup(t *testing.T) {
	c := testRow("a", 1)
	c.Previous = []GraceToken{
		{Token: "ends-in-an-hour", ExpiresAt: noon.Add(time.Hour)},
		{Token: "ended", ExpiresAt: noon},
		{Token: "ended-before-1970", ExpiresAt: time.Unix(-1, 0)},
	}
	gone := testRow("gone", 1)
	gone.deleted = true
	r := NewRegistry()
	if r.Ready() {
		t.Error("ready before anything was loaded")
	}
	if _, ok := r.Lookup(c.Token, noon); ok {
		t.Error("found before anything was loaded")
	}
	r.merge([]row{c, testRow("b", 1), gone}, true, noon)
	if !r.Ready() {
		t.Error("not ready after loading")
	}
	for _, test := range []struct {
		name, token string
		at          time.Time
		want        bool
	}{
		{"current", c.Token, noon, true},
		{"in its grace", "ends-in-an-hour", noon.Add(time.Hour - time.Microsecond), true},
		{"at the end of its grace", "ends-in-an-hour", noon.Add(time.Hour), false},
		{"after its grace", "ended", noon, false},
		{"after its grace, by a clock that is off", "ended-before-1970", noon, false},
		{"of a deleted connection", gone.Token, noon, false},
		{"unknown", "token-of-nobody", noon, false},
		{"empty", "", noon, false},
		{"a prefix", c.Token[:5], noon, false},
		{"endless", strings.Repeat("x", 1<<20), noon, false},
	} {
		target, ok := r.Lookup(test.token, test.at)
		if ok != test.want || (ok && target.ID() != c.ID) {
			t.Errorf("%s: %v, want %v", test.name, ok, test.want)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	c := testRow(newToken(), 1)
	c.Token = newToken()
	r := loadedRegistry(c)
	n := testing.AllocsPerRun(100, func() {
		target, ok := r.Lookup(c.Token, noon)
		if !ok || target.Paused() || target.AllowAnonymous() {
			t.Error("wrong answer")
		}
		target.Accepted(3, noon)
		if _, ok := r.Lookup("unknown", noon); ok {
			t.Error("found an unknown token")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 1000 {
		token := newToken()
		if len(token) != tokenLength || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
		for _, c := range token {
			letters[c]++
		}
	}
	// 32 letters of equal chance in 32,000: below 800 is 6 deviations off.
	for _, c := range tokenAlphabet {
		if letters[c] < 800 || letters[c] > 1200 {
			t.Errorf("%q came %d times of 32,000", c, letters[c])
		}
	}
	if len(letters) != 32 {
		t.Errorf("%d different letters", len(letters))
	}
}

// A target got before a refresh follows what the refresh brings.
func TestTargetLivesOn(t *testing.T) {
	c := testRow("a", 1)
	r := loadedRegistry(c)
	target, _ := r.Lookup(c.Token, noon)
	target.Accepted(2, noon)
	c.version, c.Paused, c.AllowAnonymous, c.Token = 2, true, true, "another"
	r.merge([]row{c}, true, noon)
	if !target.Paused() || !target.AllowAnonymous() || target.Status() != StatusPaused {
		t.Error("the target does not follow")
	}
	again, ok := r.Lookup("another", noon)
	if !ok || again != target || again.Stats().EventsReceived != 2 {
		t.Error("the refresh made another target")
	}
	if _, ok := r.Lookup("token-of-a", noon); ok {
		t.Error("the old token works")
	}
}

func TestMergeKeepsTheGreaterVersion(t *testing.T) {
	a, older, tie := testRow("a", 5), testRow("a", 4), testRow("a", 5)
	older.Name, tie.Name = "older", "tie"
	r := loadedRegistry(a)
	if r.merge([]row{older}, true, noon) {
		t.Error("an older row changed something")
	}
	if r.merge([]row{a}, true, noon) {
		t.Error("the same row changed something")
	}
	if !r.merge([]row{tie}, true, noon) {
		t.Error("the store's row lost a tie")
	}
	if d, _ := r.detail(a.ID); d.Name != "tie" {
		t.Errorf("kept %q", d.Name)
	}
}

// What this process wrote outlives a reading from a replica that lags behind;
// what the store has lost goes.
func TestMergeForgetsWhatTheStoreLacks(t *testing.T) {
	old, fresh := testRow("old", 1), testRow("fresh", 1)
	r := loadedRegistry(old)
	r.wrote(fresh, noon)
	r.merge(nil, true, noon.Add(time.Second))
	if _, ok := r.Lookup(old.Token, noon); ok {
		t.Error("a connection that the store lost is still there")
	}
	if _, ok := r.Lookup(fresh.Token, noon); !ok {
		t.Error("a fresh write was forgotten")
	}
	r.merge(nil, true, noon.Add(2*ownWriteGrace))
	if _, ok := r.Lookup(fresh.Token, noon); ok {
		t.Error("an old write that the store lacks is still there")
	}
	// Only some rows: nothing else goes.
	r = loadedRegistry(old, fresh)
	r.merge([]row{fresh}, false, noon)
	if _, ok := r.Lookup(old.Token, noon); !ok {
		t.Error("reading one row forgot another")
	}
}

func TestAccepted(t *testing.T) {
	c := testRow("a", 1)
	r := loadedRegistry(c)
	target := r.Target(c.ID)
	target.Accepted(0, noon)
	if target.Status() != StatusAwaitingData || len(r.Counts()) != 0 {
		t.Error("no events changed the status")
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 1000 {
				target.Accepted(2, noon.Add(time.Duration(i*1000+j)*time.Microsecond))
			}
		})
	}
	group.Wait()
	want := Stats{EventsReceived: 16_000, FirstEventAt: noon, LastEventAt: noon.Add(7999 * time.Microsecond)}
	if diff := cmp.Diff(want, target.Stats()); diff != "" {
		t.Error(diff)
	}
	if target.Status() != StatusConnected {
		t.Error("not connected")
	}
	if diff := cmp.Diff([]Count{{c.ID, want}}, r.Counts()); diff != "" {
		t.Error(diff)
	}
	select {
	case <-r.first:
	default:
		t.Error("the first event woke nobody")
	}
}

// What a spool's header and its records, and the store, make of the counts, in
// every order in which a start may bring them.
func TestRestoredCounts(t *testing.T) {
	c := testRow("a", 1)
	at := func(us int) time.Time { return noon.Add(time.Duration(us) * time.Microsecond) }
	count := func(n uint64, first, last int) []Count {
		return []Count{{c.ID, Stats{n, at(first), at(last)}}}
	}
	restore := func(counts []Count) func(*Registry) { return func(r *Registry) { r.RestoreCounts(counts) } }
	accepted := func(n, us int) func(*Registry) { return func(r *Registry) { r.Target(c.ID).Accepted(n, at(us)) } }
	stored := func(own []Count) func(*Registry) { return func(r *Registry) { r.storedCounts(own, nil) } }
	load := func(r *Registry) { r.merge([]row{c}, true, noon) }
	for name, test := range map[string]struct {
		steps []func(*Registry)
		want  Stats
	}{
		"header, records, store": {
			[]func(*Registry){restore(count(100, 1, 50)), accepted(30, 60), accepted(20, 70), load, stored(count(140, 1, 65))},
			Stats{150, at(1), at(70)},
		},
		"store, header, records": {
			[]func(*Registry){load, stored(count(140, 1, 65)), restore(count(100, 1, 50)), accepted(30, 60), accepted(20, 70)},
			Stats{150, at(1), at(70)},
		},
		"empty header, records, store": {
			[]func(*Registry){restore(nil), accepted(50, 60), load, stored(count(30, 60, 60))},
			Stats{50, at(60), at(60)},
		},
		"no header: the store's count goes on": {
			[]func(*Registry){load, stored(count(140, 1, 65)), accepted(10, 70)},
			Stats{150, at(1), at(70)},
		},
		"no header, store later": {
			[]func(*Registry){load, accepted(10, 70), stored(count(140, 1, 65)), accepted(1, 80)},
			Stats{151, at(1), at(80)},
		},
		"no header, local copy and then store": {
			[]func(*Registry){load, stored(count(100, 1, 50)), accepted(10, 70), stored(count(140, 1, 65))},
			Stats{150, at(1), at(70)},
		},
		"spool lost, its counts reset: never below the store": {
			[]func(*Registry){load, stored(count(140, 1, 65)), restore(nil), accepted(10, 70)},
			Stats{140, at(1), at(70)},
		},
		"restored twice": {
			[]func(*Registry){restore(count(5, 1, 5)), accepted(7, 6), restore(count(12, 1, 6)), accepted(1, 9), load},
			Stats{13, at(1), at(9)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewRegistry()
			for _, step := range test.steps {
				step(r)
			}
			d, ok := r.detail(c.ID)
			if !ok {
				t.Fatal("the connection is not there")
			}
			if diff := cmp.Diff(test.want, d.Stats); diff != "" {
				t.Error("-want +got:", diff)
			}
			if diff := cmp.Diff([]Count{{c.ID, test.want}}, r.Counts()); diff != "" {
				t.Error("-want +got:", diff)
			}
		})
	}
}

// Counters of a deleted connection do not bring it back.
func TestDeletedConnectionsAreNotCounted(t *testing.T) {
	c := testRow("a", 1)
	r := loadedRegistry(c)
	target := r.Target(c.ID)
	target.Accepted(1, noon)
	c.deleted, c.version = true, 2
	r.wrote(c, noon)
	target.Accepted(1, noon) // a request that was under way
	r.storedCounts([]Count{{c.ID, Stats{5, noon, noon}}}, []Count{{c.ID, Stats{5, noon, noon}}})
	if counts := r.Counts(); len(counts) != 0 {
		t.Errorf("counts %v", counts)
	}
	if _, ok := r.detail(c.ID); ok {
		t.Error("the connection is back")
	}
}

func BenchmarkLookup(b *testing.B) {
	var rows []row
	for range 10_000 {
		c := testRow(newToken(), 1)
		c.Token = newToken()
		rows = append(rows, c)
	}
	r := loadedRegistry(rows...)
	token := rows[5000].Token
	b.ReportAllocs()
	for b.Loop() {
		target, ok := r.Lookup(token, noon)
		if !ok || target.Paused() {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAccepted(b *testing.B) {
	r := loadedRegistry(testRow("a", 1))
	target := r.Target(testRow("a", 1).ID)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			target.Accepted(100, noon)
		}
	})
}
