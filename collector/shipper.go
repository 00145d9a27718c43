package collector

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/spool"
	"github.com/tributary-events/tributary/event"
)

// When a block is inserted. At rest an event waits for Linger, so that a few
// requests in a row share an insert (each costs the engine about 5 ms CPU);
// under load blocks grow while the one before is being inserted.
const (
	maxBlockRows  = 100_000
	maxBlockBytes = 32 << 20
	busyRows      = 10_000 // a block of this size was made under load …
	busyLinger    = 500 * time.Millisecond
	steadyRows    = 500 // … and one of this size by a steady stream of single events
	steadyLinger  = 250 * time.Millisecond
	idleRotate    = 5 * time.Second // nothing to ship for this long: let go of the segment
	readAhead     = 64              // records read from the spool between looks at the other events
)

// shipper is the one goroutine that owns batching: which events are in the open
// block, how far the spool has been encoded, when a block goes to the store.
//
// Live, groups come straight from the committer and are encoded from memory.
// Whenever a group can't be taken (the store is down or slow, or after a start),
// the shipper falls behind: it reads the spool until it has caught up. Two
// blocks take turns, one filling while one is inserted, which is all the memory
// that a slow store can ever use.
//
// The spool is released only behind a confirmed insert. Should the process die
// before that, the same events are inserted again with the same received_at,
// which ReplacingMergeTree makes one.
type shipper struct {
	spool    *spool.Spool
	store    Store
	inserts  *inserter
	groups   chan *group
	missed   chan struct{}
	rotate   chan struct{}
	rotated  chan struct{}
	progress *progress
	observe  func(connection uuid.UUID, batch *event.Batch)
	lag      atomic.Bool // reading from the spool; the committer need not hand over
	decoder  *event.Decoder
	linger   time.Duration
	metrics  *metrics
	logger   *slog.Logger

	open     Block
	first    spool.Position // where the open block's events start
	next     spool.Position // everything before it is encoded
	oldest   time.Time      // when the open block got its first row
	spare    Block          // nil while it is being inserted
	lastRows int
	unsynced []*group // groups in the open block whose fsync is not yet known
	reader   *spool.Reader
	shipped  time.Time
	dirty    bool // events were shipped since the last rotation
}

// run works until ctx ends, or, after drain is closed, until everything that is
// durable has been inserted.
func (s *shipper) run(ctx context.Context, drain <-chan struct{}) {
	s.open, s.spare = s.store.NewBlock(), s.store.NewBlock()
	s.next = s.spool.Start()
	s.lag.Store(true)
	defer s.closeReader()
	done := make(chan Block)
	var wg sync.WaitGroup
	defer wg.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	draining := false
	for {
		if s.lag.Load() && s.room() {
			s.catchUp(ctx)
		}
		wait := s.untilFlush(draining)
		if wait <= 0 {
			if s.settle() {
				s.flush(ctx, done, &wg)
			}
			continue
		}
		if draining && s.idle() {
			return
		}
		// A full block takes no more groups: the committer waits a moment, then leaves them on disk.
		var groups <-chan *group
		if s.room() {
			groups = s.groups
		}
		var busy <-chan time.Time
		if s.lag.Load() && s.room() {
			busy = immediately
		} else {
			timer.Reset(wait)
			busy = timer.C
		}
		select {
		case g := <-groups:
			s.take(g)
		case <-s.missed:
			s.lag.Store(true)
		case b := <-done:
			if b == nil { // the insert was called off by ctx
				return
			}
			s.spare = b
			s.shipped = time.Now()
		case <-busy:
		case <-drain:
			draining, drain = true, nil
			s.lag.Store(true) // whatever the committer still wrote is read from disk
		case <-ctx.Done():
			return
		}
		s.restIfIdle()
	}
}

// immediately is always ready: a look at the other events between two reads.
var immediately = closedTime()

func closedTime() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

func (s *shipper) room() bool {
	return s.open.Rows() < maxBlockRows && s.open.Size() < maxBlockBytes
}

// idle tells that everything that is durable has been inserted.
func (s *shipper) idle() bool {
	return !s.lag.Load() && s.open.Rows() == 0 && s.spare != nil && len(s.groups) == 0
}

// untilFlush is how long the open block still waits, zero or less when it should go.
func (s *shipper) untilFlush(draining bool) time.Duration {
	switch {
	case s.spare == nil:
		return time.Hour
	case s.open.Rows() == 0:
		return idleRotate
	case !s.room(), draining && !s.lag.Load():
		return 0
	case s.lag.Load():
		return time.Hour // catching up: the block fills at once
	case s.lastRows >= busyRows:
		return busyLinger - time.Since(s.oldest)
	case s.lastRows >= steadyRows:
		return steadyLinger - time.Since(s.oldest)
	default:
		return s.linger - time.Since(s.oldest)
	}
}

// take encodes a group from memory if it follows on what is encoded already.
func (s *shipper) take(g *group) {
	defer g.release()
	if s.lag.Load() || g.previous != s.next {
		<-g.synced // so that the reader finds it
		s.lag.Store(true)
		return
	}
	for _, r := range g.requests {
		s.add(r.record, r.batch, g.previous)
	}
	s.next = g.end
	s.unsynced = append(s.unsynced, g)
	select {
	case <-g.synced:
		s.settle()
	default:
	}
}

func (s *shipper) add(rec record, batch *event.Batch, start spool.Position) {
	if s.open.Rows() == 0 {
		s.oldest = time.Now()
		s.first = start
		s.progress.opened(rec.receivedAt)
	}
	s.observe(rec.connection, batch)
	s.open.Append(rec.connection, rec.receivedAt, batch, 0, len(batch.Events))
}

// settle waits for the fsyncs of the groups in the open block. If one failed,
// the block holds events that were refused: it is dropped and read again from
// the spool, which has cut them off.
func (s *shipper) settle() bool {
	failed := false
	for _, g := range s.unsynced {
		<-g.synced
		failed = failed || g.err != nil
	}
	s.unsynced = s.unsynced[:0]
	if failed {
		s.open.Reset()
		s.progress.opened(0)
		s.next = s.first
		s.closeReader()
		s.lag.Store(true)
	}
	return !failed
}

// catchUp reads a few records from the spool into the open block.
func (s *shipper) catchUp(ctx context.Context) {
	if !s.settle() {
		return
	}
	if s.reader == nil {
		s.reader = s.spool.NewReader(s.next)
	}
	for range readAhead {
		durable := s.spool.Durable()
		rec, err := s.reader.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			s.next = durable
			s.closeReader()
			s.lag.Store(false)
			return
		case err != nil:
			s.closeReader()
			if ctx.Err() == nil {
				s.logger.Error("the spool cannot be read; trying again", "error", err)
				sleep(ctx, time.Second)
			}
			return
		}
		s.replay(ctx, rec)
		s.next = rec.End
		if !s.room() {
			return
		}
	}
}

// replay encodes one record. What can't be decoded any more was accepted by
// another version of the rules: it is kept among the refused, never dropped.
func (s *shipper) replay(ctx context.Context, rec spool.Record) {
	r, err := parseRecord(rec.Payload)
	if err == nil {
		var batch *event.Batch
		if batch, err = s.decoder.Decode(r.body, event.Options{AllowAnonymous: r.allowAnonymous}); err == nil {
			s.add(r, batch, rec.Start)
			return
		}
	}
	s.logger.Error("a spooled request can't be decoded any more; kept among the refused", "connection", r.connection, "error", err)
	s.inserts.refuse(ctx, refusedRecord(r, rec.Payload, err))
}

func (s *shipper) closeReader() {
	if s.reader != nil {
		_ = s.reader.Close() // opened for reading: nothing can be lost
		s.reader = nil
	}
}

// flush gives the open block to the inserter and goes on with the other.
func (s *shipper) flush(ctx context.Context, done chan<- Block, wg *sync.WaitGroup) {
	b, from, to := s.open, s.first, s.next
	s.lastRows = b.Rows()
	s.open, s.spare = s.spare, nil
	s.dirty = true
	s.progress.flushed()
	wg.Go(func() {
		if err := s.inserts.insert(ctx, b, from, to); err != nil {
			b = nil
		} else {
			s.progress.confirm(to)
			s.letGo(to)
		}
		if b != nil {
			b.Reset()
		}
		select {
		case done <- b:
		case <-ctx.Done():
		}
	})
}

// restIfIdle lets go of the spool when there is nothing to do: of what is behind
// the last event at once, and of the segment in use after a while, so that no
// event stays on the collector's disk longer than it is needed, and a restart
// has nothing to replay.
func (s *shipper) restIfIdle() {
	if !s.idle() {
		return
	}
	s.progress.confirm(s.next)
	s.letGo(s.next)
	if !s.dirty || time.Since(s.shipped) < idleRotate {
		return
	}
	select {
	case s.rotate <- struct{}{}:
		<-s.rotated
		s.dirty = false
		s.lag.Store(true) // reads what was written just before, if anything was, and steps into the new segment
	default: // the committer is busy, so this is no rest
	}
}

func (s *shipper) letGo(p spool.Position) {
	if err := s.spool.Release(p); err != nil {
		s.logger.Error("a spool segment could not be deleted", "error", err)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
