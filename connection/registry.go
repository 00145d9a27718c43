package connection

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// ownWriteGrace is for how long a row that this process wrote is trusted over a
// reading of the whole table that lacks it: a replica may lag behind.
const ownWriteGrace = time.Minute

// Registry is what this process knows of connections. Lookup and Ready are
// lock-free; all methods are safe for concurrent use.
type Registry struct {
	view  atomic.Pointer[view]
	first chan struct{} // of one token: some connection's first event was accepted

	mu       sync.Mutex
	targets  map[uuid.UUID]*Target
	rows     map[uuid.UUID]knownRow
	restored bool
}

// view is what readers see: never changed once it is published.
type view struct {
	tokens map[tokenHash]tokenEntry
	order  []*Target // newest first
}

type tokenEntry struct {
	target *Target
	// expires is in microseconds since 1970 UTC, 0 = never.
	expires int64
}

// row is a connection as the store holds it, deleted ones included.
type row struct {
	Connection
	deleted bool
}

type knownRow struct {
	row
	written time.Time // by this process; zero where it came from the store
}

// NewRegistry returns an empty registry that is not ready yet.
func NewRegistry() *Registry {
	return &Registry{
		targets: map[uuid.UUID]*Target{}, rows: map[uuid.UUID]knownRow{}, first: make(chan struct{}, 1),
	}
}

// Ready says whether connections have ever been loaded, from the store or from
// the local copy. Before that an unknown token means nothing: answer 503, not 404.
func (r *Registry) Ready() bool { return r.view.Load() != nil }

// Lookup returns the connection that a webhook token belongs to at the given
// time. Unknown, deleted and expired tokens are alike. The map's keys are hashes
// that only who has the token can aim at, so timing tells nothing of near misses.
func (r *Registry) Lookup(token string, now time.Time) (*Target, bool) {
	key, ok := hashToken(token)
	if !ok {
		return nil, false
	}
	v := r.view.Load()
	if v == nil {
		return nil, false
	}
	entry, ok := v.tokens[key]
	if !ok || (entry.expires != 0 && now.UnixMicro() >= entry.expires) {
		return nil, false
	}
	return entry.target, true
}

// Target returns the live handle of a connection by its id, for a replay of what
// was accepted before. It never fails: an id that is not known yet gets a handle
// that joins the connection once that is loaded.
func (r *Registry) Target(id uuid.UUID) *Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.target(id)
}

func (r *Registry) target(id uuid.UUID) *Target {
	t := r.targets[id]
	if t == nil {
		t = &Target{id: id, first: r.first}
		r.targets[id] = t
	}
	return t
}

// Counts returns what this collector has accepted since ever, one entry for each
// connection with at least one event, ordered by id.
func (r *Registry) Counts() []Count {
	r.mu.Lock()
	counts := make([]Count, 0, len(r.targets))
	for id, t := range r.targets {
		if s := t.ownStats(); s.EventsReceived > 0 {
			counts = append(counts, Count{ConnectionID: id, Stats: s})
		}
	}
	r.mu.Unlock()
	slices.SortFunc(counts, func(a, b Count) int { return compareIDs(a.ConnectionID, b.ConnectionID) })
	return counts
}

// RestoreCounts sets this collector's counts to those that Counts returned when
// the oldest record still to be replayed was about to be written; connections
// not listed are set to 0. Call it before the replay, which then calls Accepted
// for each record, and only where there is such a list: without it the counts go
// on from what this collector last wrote to the store.
//
// A count never falls below what this collector wrote to the store, so a spool
// lost together with its counts costs no more than the events that follow; lose
// the collector's id with it and even those are counted.
func (r *Registry) RestoreCounts(counts []Count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored = true
	for _, t := range r.targets {
		t.local.set(Stats{})
	}
	for _, c := range counts {
		r.target(c.ConnectionID).local.set(c.Stats)
	}
}

// merge takes in rows of the store: the greater version wins, and on a tie the
// row given. Where the rows are all that the store has, those that it lacks are
// forgotten, except fresh writes of this process. It returns whether anything
// changed.
func (r *Registry) merge(rows []row, all bool, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := false
	for _, n := range rows {
		old, known := r.rows[n.ID]
		if known && (n.version < old.version || old.row.equal(n)) {
			continue
		}
		r.rows[n.ID] = knownRow{row: n}
		changed = true
	}
	if all {
		given := make(map[uuid.UUID]struct{}, len(rows))
		for _, n := range rows {
			given[n.ID] = struct{}{}
		}
		for id, known := range r.rows {
			if _, ok := given[id]; !ok && now.Sub(known.written) > ownWriteGrace {
				delete(r.rows, id)
				delete(r.targets, id)
				changed = true
			}
		}
	}
	if changed || r.view.Load() == nil {
		r.publish()
	}
	return changed
}

// wrote takes in a row that this process has just put into the store.
func (r *Registry) wrote(n row, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[n.ID] = knownRow{row: n, written: now}
	if r.view.Load() != nil {
		r.publish()
	}
}

// publish makes what readers see from the rows. Callers hold r.mu.
func (r *Registry) publish() {
	v := &view{tokens: make(map[tokenHash]tokenEntry, len(r.rows)), order: make([]*Target, 0, len(r.rows))}
	for id, n := range r.rows {
		if n.deleted {
			delete(r.targets, id)
			continue
		}
		t := r.target(id)
		t.settings.Store(&n.Connection)
		v.order = append(v.order, t)
		for _, g := range n.Previous {
			if key, ok := hashToken(g.Token); ok {
				v.tokens[key] = tokenEntry{target: t, expires: max(g.ExpiresAt.UnixMicro(), 1)}
			}
		}
		if key, ok := hashToken(n.Token); ok {
			v.tokens[key] = tokenEntry{target: t}
		}
	}
	slices.SortFunc(v.order, func(a, b *Target) int {
		return comparePosition(positionOf(a.settings.Load()), positionOf(b.settings.Load()))
	})
	r.view.Store(v)
}

// storedCounts takes in what the store counts of this and of the other collectors.
func (r *Registry) storedCounts(own, others []Count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range own {
		r.known(c.ConnectionID, func(t *Target) { t.stored(c.Stats, r.restored) })
	}
	for _, c := range others {
		r.known(c.ConnectionID, func(t *Target) { t.others.Store(&c.Stats) })
	}
}

// known calls f with the target of a connection, unless that is deleted: its
// counters stay in the store and must not bring it back. Callers hold r.mu.
func (r *Registry) known(id uuid.UUID, f func(*Target)) {
	if n, ok := r.rows[id]; !ok || !n.deleted {
		f(r.target(id))
	}
}

// newest returns the newest row known of a connection, deleted or not.
func (r *Registry) newest(id uuid.UUID) (row, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.rows[id]
	return n.row, ok
}

// allRows returns every row known, ordered by id.
func (r *Registry) allRows() []row {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows := make([]row, 0, len(r.rows))
	for _, n := range r.rows {
		rows = append(rows, n.row)
	}
	slices.SortFunc(rows, func(a, b row) int { return compareIDs(a.ID, b.ID) })
	return rows
}

// bothCounts returns what this collector has accepted and what all others have.
func (r *Registry) bothCounts() (own, others []Count) {
	own = r.Counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, t := range r.targets {
		if o := t.others.Load(); o != nil {
			others = append(others, Count{ConnectionID: id, Stats: *o})
		}
	}
	slices.SortFunc(others, func(a, b Count) int { return compareIDs(a.ConnectionID, b.ConnectionID) })
	return own, others
}

// connected is how many connections have events.
func (r *Registry) connected() (n int) {
	if v := r.view.Load(); v != nil {
		for _, t := range v.order {
			if t.Stats().EventsReceived > 0 {
				n++
			}
		}
	}
	return n
}

// detail returns a connection as the API shows it.
func (r *Registry) detail(id uuid.UUID) (Detail, bool) {
	r.mu.Lock()
	t := r.targets[id]
	r.mu.Unlock()
	if t == nil {
		return Detail{}, false
	}
	return t.detail()
}

func (n row) equal(o row) bool {
	a, b := n.Connection, o.Connection
	return n.deleted == o.deleted && a.ID == b.ID && a.version == b.version &&
		a.Name == b.Name && a.EventSource == b.EventSource && a.EventObject == b.EventObject &&
		a.AllowAnonymous == b.AllowAnonymous && a.Paused == b.Paused && a.RetentionDays == b.RetentionDays && a.Token == b.Token &&
		a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt) &&
		slices.EqualFunc(a.Previous, b.Previous, func(x, y GraceToken) bool {
			return x.Token == y.Token && x.ExpiresAt.Equal(y.ExpiresAt)
		})
}

// clone keeps callers from reaching into what the registry shares.
func (c *Connection) clone() Connection {
	o := *c
	o.Previous = slices.Clone(c.Previous)
	return o
}

// position is where a connection stands in lists: newest first, then by id.
type position struct {
	created int64 // µs
	id      uuid.UUID
}

func positionOf(c *Connection) position { return position{c.CreatedAt.UnixMicro(), c.ID} }

func comparePosition(a, b position) int {
	return cmp.Or(cmp.Compare(b.created, a.created), compareIDs(a.id, b.id))
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
