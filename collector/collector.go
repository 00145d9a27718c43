// Package collector owns ingest: the webhook endpoint, the durable
// acknowledgement and the way of every accepted event into ClickHouse.
//
//	handler ──▶ committer ──fsync──▶ 201
//	              │    └─ spool ──────┐ (after a restart, or when the store was slow)
//	              └─ same requests ─▶ shipper ─▶ block ─▶ inserter ─▶ ClickHouse
//	                 from memory                             └▶ refused requests
//
// Invariants:
//   - 201 is sent only after the fsync that covers every event of the request.
//   - An acknowledged event leaves the spool only once ClickHouse has confirmed
//     it, or has refused it for good and it is kept among the refused requests.
//   - received_at rises from event to event in the order of the acknowledgements of
//     one collector and is written into the spool, so inserting an event again
//     (after a crash, after a lost answer) makes the same row, not another one.
//   - Memory is bounded by the requests in progress and two blocks, whatever the
//     store or the disk do.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-events/tributary/collector/spool"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/event"
)

// Registry is what the collector needs to know of connections; *connection.Registry is one.
type Registry interface {
	Lookup(token string, now time.Time) (*connection.Target, bool)
	Ready() bool
	Target(id uuid.UUID) *connection.Target
	Counts() []connection.Count
	RestoreCounts(counts []connection.Count)
}

// Erasures knows the people who were erased. Its methods are called at the same time.
type Erasures interface {
	// Lookup returns what tells whether an address is an erased person's, and whether its
	// events are to be refused; nil while nobody was erased, which costs ingest nothing.
	Lookup() func(address []byte) (erased, refuse bool)
	// Mentioned tells whether a text holds such an address: it is not to be kept.
	Mentioned(text []byte) bool
}

// Config is what a Collector is made of. Registry, Store and SpoolDir are
// required; the zero value of the rest is usable.
type Config struct {
	Registry Registry
	Store    Store
	SpoolDir string
	// SpoolMaxBytes is where ingest answers 503 because ClickHouse has been away
	// for too long. Default 8 GiB.
	SpoolMaxBytes int64
	// Linger is how long an event at rest waits for others to share its insert.
	// Default 100 ms.
	Linger time.Duration
	// BodyTimeout is how long a sender may take for one body. Default 20 s.
	BodyTimeout time.Duration
	// BackOff is the first wait after a failed insert; it doubles up to 10 s. Default 200 ms.
	BackOff time.Duration
	// Observe is told of every accepted event before it goes to the store, one batch
	// at a time and in order; after a restart again of what is replayed. It must be
	// quick and keep nothing of the batch. Default: nobody is told.
	Observe func(connection uuid.UUID, batch *event.Batch)
	// Erasures are the people whose events must not come back. Default: none.
	Erasures Erasures
	Logger   *slog.Logger          // default: none
	Metrics  prometheus.Registerer // default: a registry of its own
	Disk     spool.Disk            // default: the real one; tests put faults here
	Now      func() time.Time      // default: time.Now
}

func (c *Config) setDefaults() {
	if c.Linger <= 0 {
		c.Linger = 100 * time.Millisecond
	}
	if c.BodyTimeout <= 0 {
		c.BodyTimeout = 20 * time.Second
	}
	if c.Observe == nil {
		c.Observe = func(uuid.UUID, *event.Batch) {}
	}
	if c.Erasures == nil {
		c.Erasures = nobody{}
	}
	if c.BackOff <= 0 {
		c.BackOff = 200 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Collector is the ingest side of Tributary. Make it with New, then Run it;
// its handler may be called from before Run until the HTTP server has stopped.
type Collector struct {
	cfg       Config
	spool     *spool.Spool
	committer *committer
	shipper   *shipper
	refusals  *refusals
	progress  *progress
	activity  *Activity
	metrics   *metrics
	pool      *requestPool
	rotate    chan<- struct{} // see committer
	rotated   <-chan struct{}
	missed    chan<- struct{}
	// accepting is read-locked from the look at erased people until the events are
	// durable, so that Forget can wait for those that were looked at before.
	accepting sync.RWMutex
}

// New opens the spool and restores the counts of what this collector has
// accepted since ever. It fails if the spool's folder can't be used.
func New(ctx context.Context, cfg Config) (*Collector, error) {
	cfg.setDefaults()
	sp, err := spool.Open(spool.Options{
		Dir: cfg.SpoolDir, MaxBytes: cfg.SpoolMaxBytes, Logger: cfg.Logger, Disk: cfg.Disk,
		Meta: func() []byte { return connection.MarshalCounts(nil, cfg.Registry.Counts()) },
	})
	if err != nil {
		return nil, err
	}
	last, err := restoreCounts(ctx, sp, cfg.Registry)
	if err != nil {
		return nil, err
	}
	progress := newProgress(sp.Start())
	m := newMetrics(cfg.Metrics, sp, progress)
	var (
		ships   = make(chan *group, 4)
		missed  = make(chan struct{}, 1)
		rotate  = make(chan struct{})
		rotated = make(chan struct{})
	)
	c := &Collector{
		cfg: cfg, spool: sp, progress: progress, metrics: m, rotate: rotate, rotated: rotated, missed: missed,
		refusals: newRefusals(cfg.Store, m, cfg.Logger),
		activity: newActivity(cfg.Now),
		pool:     newRequestPool(event.NewRules().NewDecoder),
	}
	c.shipper = &shipper{
		spool: sp, store: cfg.Store, groups: ships, missed: missed, rotate: rotate, rotated: rotated,
		decoder: event.NewDecoder(), linger: cfg.Linger, metrics: m, logger: cfg.Logger, progress: progress, observe: cfg.Observe,
		inserts: &inserter{
			spool: sp, store: cfg.Store, decoder: event.NewDecoder(), metrics: m, logger: cfg.Logger,
			backOff: cfg.BackOff, turn: make(chan struct{}, 1),
		},
	}
	c.shipper.lag.Store(true)
	c.committer = &committer{
		spool: sp, queue: make(chan *request, queueLength), ship: ships, missed: missed, rotate: rotate, rotated: rotated,
		behind: c.shipper.lag.Load, stopped: make(chan struct{}), metrics: m, logger: cfg.Logger, now: cfg.Now, last: last,
	}
	return c, nil
}

// restoreCounts rebuilds the registry's counts from the newest segment, and
// returns the newest received_at in it: the clock may have been set back
// while the process was down.
func restoreCounts(ctx context.Context, sp *spool.Spool, registry Registry) (last int64, err error) {
	err = sp.Recover(ctx, func(meta []byte) error {
		counts, err := connection.UnmarshalCounts(meta)
		if err != nil {
			return err
		}
		registry.RestoreCounts(counts)
		return nil
	}, func(payload []byte) error {
		// What can't be parsed is told and kept when it is shipped.
		if r, err := parseRecord(payload); err == nil {
			registry.Target(r.connection).Accepted(r.events, time.UnixMicro(r.receivedAt))
			last = max(last, r.receivedAt+int64(r.events)-1)
		}
		return nil
	})
	return last, err
}

// Run brings events into the store until ctx ends. Then it takes no more,
// inserts what is in the spool for as long as flush allows, and returns. Stop the
// HTTP server first. What does not reach the store in time stays in the spool.
func (c *Collector) Run(ctx context.Context, flush time.Duration) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var committing, shipping sync.WaitGroup
	drain := make(chan struct{})
	stopRefusals := make(chan struct{})
	committing.Go(func() { c.committer.run(ctx.Done()) })
	shipping.Go(func() { c.shipper.run(work, drain) })
	shipping.Go(func() { c.refusals.run(work, stopRefusals) })

	<-ctx.Done()
	committing.Wait()
	close(drain)
	close(stopRefusals)
	timer := time.AfterFunc(flush, cancel)
	defer timer.Stop()
	shipping.Wait()
	return c.close()
}

// close leaves an empty segment behind where everything has been confirmed.
func (c *Collector) close() error {
	if c.spool.Size(c.progress.confirmed()) > 0 {
		c.cfg.Logger.Info("events stay in the spool for the next start", "bytes", c.spool.Size(c.progress.confirmed()))
		return c.spool.Close()
	}
	err := c.spool.Rotate()
	if err == nil {
		err = c.spool.Release(c.spool.Durable())
	}
	return errors.Join(err, c.spool.Close())
}

// Activity is what happens on this collector now, for the API.
func (c *Collector) Activity() *Activity { return c.activity }

// Lag is the age of the oldest acknowledged event that the store has not confirmed.
func (c *Collector) Lag() time.Duration { return c.progress.lag(c.cfg.Now()) }

// Settled waits until the store has confirmed everything that was acknowledged
// before the call, or ctx ends.
func (c *Collector) Settled(ctx context.Context) error {
	target := c.spool.Durable()
	for {
		at, changed := c.progress.wait()
		if !at.Before(target) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Hold calls f while nothing is inserted, after everything is in the store that was
// acknowledged before the call. Events that come meanwhile wait in the spool. Errors:
// ctx's, or f's.
func (c *Collector) Hold(ctx context.Context, f func() error) error {
	if err := c.Settled(ctx); err != nil {
		return err
	}
	turn := c.shipper.inserts.turn
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-turn }()
	return f()
}

// Writable tells whether the spool can take events now, for the readiness check:
// there is room, and a file can be made and synced in its folder.
func (c *Collector) Writable(context.Context) error {
	if st := c.spool.Stats(); st.Bytes+event.MaxBody > st.Limit {
		return fmt.Errorf("%w: %d of %d bytes", spool.ErrFull, st.Bytes, st.Limit)
	}
	path := filepath.Join(c.cfg.SpoolDir, ".writable")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write to the spool's folder: %w", err)
	}
	_, err = f.WriteString("readiness\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func itoa(n int) string { return strconv.Itoa(n) }
