package connection

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// countsEvery is how often changed counters are written: often enough for a
	// page that shows them, and one small insert a second costs ClickHouse little.
	countsEvery = time.Second
	// firstEventDelay gathers the first events of several connections into one
	// insert. Together with the poll it keeps status within the promised second.
	firstEventDelay = 50 * time.Millisecond
	// Pauses after failures grow from retryFirst to retryMost.
	retryFirst = 300 * time.Millisecond
	retryMost  = 5 * time.Second
	// lastWrite bounds the last writing of counters when Run ends.
	lastWrite = 2 * time.Second
)

// syncState is what this process knows of the store's content.
type syncState struct {
	mu     sync.Mutex
	loaded bool // from the store, not only from the local copy
	seen   fingerprint
	// written are this collector's counts in the store.
	written map[uuid.UUID]uint64
	// connected is how many connections had events in the last local copy.
	connected int
}

// Load fills the registry from the store, or from the local copy where the store
// cannot be reached. After an error, which wraps ErrUnavailable, nothing is known
// and the registry is not ready; Run goes on trying in either case.
func (s *Service) Load(ctx context.Context) error {
	err := s.pull(ctx, true)
	if err == nil {
		s.writeSnapshot()
		return nil
	}
	if !s.registry.Ready() {
		if e := s.loadSnapshot(); e != nil {
			return errors.Join(err, e)
		}
	}
	s.cfg.Logger.Warn("store of connections is unavailable: starting with the local copy",
		"path", s.cfg.SnapshotPath, "error", err)
	return nil
}

// Run keeps the registry in step with the store and writes counters until ctx is
// done, then writes the last counters and returns nil: end it after whatever
// calls Accepted. A store that is down is tried again with growing pauses while
// the registry keeps what it last knew. Run it once.
func (s *Service) Run(ctx context.Context) error {
	start := time.Now()
	plan := schedule{poll: start, counts: start.Add(countsEvery)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.finish(ctx)
			return nil
		case <-s.again:
			plan.poll, plan.all = time.Now(), true
		case <-s.registry.first:
			plan.counts = earlier(plan.counts, time.Now().Add(firstEventDelay))
		case <-timer.C:
			s.step(ctx, &plan)
		}
		timer.Reset(time.Until(plan.next()))
	}
}

// schedule is what Run does when.
type schedule struct {
	poll, counts time.Time
	all          bool // the next poll reads everything, whatever the fingerprint says
	failures     int
	retry        time.Time // after a failure nothing happens before
}

func (p *schedule) next() time.Time {
	at := earlier(p.poll, p.counts)
	if p.failures > 0 && p.retry.After(at) {
		return p.retry
	}
	return at
}

func (s *Service) step(ctx context.Context, p *schedule) {
	now := time.Now()
	if now.Before(p.next()) {
		return
	}
	var err error
	if !now.Before(p.poll) {
		if err = s.pull(ctx, p.all); err == nil {
			p.all = false
			p.poll = now.Add(s.cfg.Poll)
			if s.cfg.Poll < 0 {
				p.poll = now.Add(365 * 24 * time.Hour) // until asked for
			}
		}
	}
	if err == nil && !now.Before(p.counts) {
		if err = s.push(ctx); err == nil {
			p.counts = now.Add(countsEvery)
		}
		s.writeSnapshot()
	}
	switch {
	case err == nil && p.failures > 0:
		p.failures = 0
		s.cfg.Logger.Info("store of connections is available again")
	case err != nil && ctx.Err() == nil:
		if p.failures == 0 {
			s.cfg.Logger.Warn("store of connections is unavailable: going on with what is known", "error", err)
		}
		pause := min(retryFirst<<min(p.failures, 10), retryMost)
		// Half of it at random, so that collectors do not come back all at once.
		p.retry = now.Add(pause/2 + rand.N(pause/2))
		p.failures++
	}
}

// finish leaves the last counts behind.
func (s *Service) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := s.push(ctx); err != nil {
		s.cfg.Logger.Warn("last counts were not written; the next start does", "error", err)
	}
	s.snapshot.due.Store(true)
	s.writeSnapshot()
}

// pull brings the registry up to what the store has. It asks for everything the
// first time and on demand, else for what the fingerprint says has changed.
func (s *Service) pull(ctx context.Context, all bool) error {
	s.sync.mu.Lock()
	defer s.sync.mu.Unlock()
	first := !s.sync.loaded
	all = all || first
	// Before the reading: what is written meanwhile is read once more.
	now, err := s.cfg.Store.fingerprint(ctx, s.cfg.CollectorID)
	if err != nil {
		return err
	}
	changed := false
	if all || now.connections != s.sync.seen.connections {
		rows, err := s.cfg.Store.all(ctx)
		if err != nil {
			return err
		}
		changed = s.registry.merge(rows, true, s.cfg.Now())
	}
	if all || now.counters != s.sync.seen.counters {
		own, others, err := s.cfg.Store.counts(ctx, s.cfg.CollectorID)
		if err != nil {
			return err
		}
		if !first {
			own = nil // nobody else writes them
		}
		s.registry.storedCounts(own, others)
		for _, c := range own {
			s.sync.written[c.ConnectionID] = c.EventsReceived
		}
	}
	s.sync.seen, s.sync.loaded = now, true
	s.noteNews(changed)
	return nil
}

// push writes the counters that have grown since they were last written.
func (s *Service) push(ctx context.Context) error {
	s.sync.mu.Lock()
	defer s.sync.mu.Unlock()
	if !s.sync.loaded {
		return nil // what was stored before may still have to be added
	}
	var grown []Count
	for _, c := range s.registry.Counts() {
		if c.EventsReceived > s.sync.written[c.ConnectionID] {
			grown = append(grown, c)
		}
	}
	if len(grown) == 0 {
		return nil
	}
	if err := s.cfg.Store.saveCounts(ctx, s.cfg.CollectorID, grown); err != nil {
		return err
	}
	for _, c := range grown {
		s.sync.written[c.ConnectionID] = c.EventsReceived
	}
	s.noteNews(false)
	return nil
}

// noteNews has the local copy renewed where connections changed or one has
// become connected: counts alone are not worth a file each second.
func (s *Service) noteNews(changed bool) {
	connected := s.registry.connected()
	if changed || connected != s.sync.connected {
		s.sync.connected = connected
		s.snapshot.due.Store(true)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
