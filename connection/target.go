package connection

import (
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Target is the live handle of one connection: it stays valid while the registry
// is refreshed around it, and its answers follow. All methods are safe for
// concurrent use and allocate nothing.
type Target struct {
	id uuid.UUID
	// settings is nil for a target known only by its id, as in a replay before
	// the connections could be loaded.
	settings atomic.Pointer[Connection]
	// local counts what this collector accepted; own is what the store last said
	// about that. They differ only where the local count was lost: see
	// Registry.RestoreCounts.
	local  counter
	own    atomic.Pointer[Stats]
	others atomic.Pointer[Stats] // the other collectors, from the store
	// first wakes who writes counters, so that all collectors show connected soon.
	first chan<- struct{}
}

// counter is what was accepted. Times are microseconds since 1970 UTC; 0 = none,
// a time that no receipt has.
type counter struct {
	received    atomic.Uint64
	first, last atomic.Int64
}

// ID returns the connection's id.
func (t *Target) ID() uuid.UUID { return t.id }

// AllowAnonymous says whether events may come without an e-mail address.
func (t *Target) AllowAnonymous() bool {
	c := t.settings.Load()
	return c != nil && c.AllowAnonymous
}

// Paused says whether the connection refuses events now.
func (t *Target) Paused() bool {
	c := t.settings.Load()
	return c != nil && c.Paused
}

// Accepted counts n events that were put on stable storage at the given time.
// The status is connected from this moment. n = 0 changes nothing.
func (t *Target) Accepted(n int, at time.Time) {
	if n <= 0 {
		return
	}
	us := at.UnixMicro()
	// The times before the count: who sees the events also sees their times.
	lowest(&t.local.first, us)
	highest(&t.local.last, us)
	if t.local.received.Add(uint64(n)) == uint64(n) {
		select {
		case t.first <- struct{}{}:
		default:
		}
	}
}

// Stats returns this collector's own count now plus what the other collectors
// last wrote to the store.
func (t *Target) Stats() Stats {
	s := t.ownStats()
	if o := t.others.Load(); o != nil {
		s = s.add(*o)
	}
	return s
}

// Status returns the connection's status now.
func (t *Target) Status() Status { return statusOf(t.Paused(), t.Stats().EventsReceived) }

// ownStats is what this collector accepted since ever.
func (t *Target) ownStats() Stats {
	s := t.local.stats()
	if own := t.own.Load(); own != nil {
		n := max(s.EventsReceived, own.EventsReceived)
		s = s.add(*own)
		s.EventsReceived = n
	}
	return s
}

// stored takes in what the store says this collector has accepted. Unless the
// counts were restored they started from 0, so what was stored before comes on
// top; what an earlier call brought is not added twice.
func (t *Target) stored(s Stats, restored bool) {
	before := t.own.Swap(&s)
	if restored {
		return
	}
	if before != nil {
		s.EventsReceived -= min(s.EventsReceived, before.EventsReceived)
	}
	if s.EventsReceived > 0 {
		lowest(&t.local.first, micros(s.FirstEventAt))
		highest(&t.local.last, micros(s.LastEventAt))
		t.local.received.Add(s.EventsReceived)
	}
}

func (t *Target) detail() (Detail, bool) {
	c := t.settings.Load()
	if c == nil {
		return Detail{}, false
	}
	s := t.Stats()
	return Detail{Connection: c.clone(), Stats: s, Status: statusOf(c.Paused, s.EventsReceived)}, true
}

func (c *counter) stats() Stats {
	n := c.received.Load()
	if n == 0 {
		return Stats{}
	}
	return Stats{
		EventsReceived: n,
		FirstEventAt:   fromMicros(c.first.Load()),
		LastEventAt:    fromMicros(c.last.Load()),
	}
}

func (c *counter) set(s Stats) {
	c.first.Store(micros(s.FirstEventAt))
	c.last.Store(micros(s.LastEventAt))
	c.received.Store(s.EventsReceived)
}

// lowest and highest keep the lowest and highest time seen, 0 being none.
func lowest(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if v == 0 || (old != 0 && old <= v) || a.CompareAndSwap(old, v) {
			return
		}
	}
}

func highest(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if v == 0 || (old != 0 && old >= v) || a.CompareAndSwap(old, v) {
			return
		}
	}
}
