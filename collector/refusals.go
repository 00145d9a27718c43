package collector

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// refusals brings refused requests to the store in the background. It is bounded
// in every way, because anybody who knows one URL can send rubbish at any
// rate: of each connection only the newest MaxKeptRefused wait, all together
// no more than maxRefusalBytes, and the store is written at most once an interval.
type refusals struct {
	store    Store
	metrics  *metrics
	logger   *slog.Logger
	interval time.Duration

	writing sync.Mutex // held while a batch is on its way to the store

	mu     sync.Mutex
	queue  []Refused
	bytes  int
	counts map[uuid.UUID]int // waiting, of each connection
	wake   chan struct{}

	sinceTrim map[uuid.UUID]int // written since the last Trim; run's goroutine only
}

const (
	maxRefusalBytes = 16 << 20
	refusalInterval = 200 * time.Millisecond
	trimInterval    = time.Minute
)

func newRefusals(store Store, m *metrics, logger *slog.Logger) *refusals {
	return &refusals{
		store: store, metrics: m, logger: logger, interval: refusalInterval,
		counts: map[uuid.UUID]int{}, wake: make(chan struct{}, 1), sinceTrim: map[uuid.UUID]int{},
	}
}

// add keeps x if there is room, in place of older ones where there is none.
func (q *refusals) add(x Refused) {
	q.mu.Lock()
	q.queue = append(q.queue, x)
	q.bytes += len(x.Body) + len(x.Reason)
	q.counts[x.Connection]++
	if q.counts[x.Connection] > MaxKeptRefused {
		q.drop(func(y *Refused) bool { return y.Connection == x.Connection })
	}
	for q.bytes > maxRefusalBytes {
		q.drop(func(*Refused) bool { return true })
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// drop removes the oldest that matches.
func (q *refusals) drop(match func(*Refused) bool) {
	for i := range q.queue {
		if match(&q.queue[i]) {
			q.forget(&q.queue[i])
			q.queue = append(q.queue[:i], q.queue[i+1:]...)
			q.metrics.refusalsDropped.Inc()
			return
		}
	}
}

func (q *refusals) forget(x *Refused) {
	q.bytes -= len(x.Body) + len(x.Reason)
	if q.counts[x.Connection]--; q.counts[x.Connection] == 0 {
		delete(q.counts, x.Connection)
	}
}

// run writes until stop is closed, then once more.
func (q *refusals) run(ctx context.Context, stop <-chan struct{}) {
	trim := time.NewTicker(trimInterval)
	defer trim.Stop()
	for {
		select {
		case <-q.wake:
			q.flush(ctx)
			select {
			case <-time.After(q.interval):
			case <-stop:
			case <-ctx.Done():
			}
		case <-trim.C:
			q.trim(ctx)
		case <-stop:
			q.flush(ctx)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (q *refusals) flush(ctx context.Context) {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.mu.Lock()
	batch := q.queue
	q.queue, q.bytes = nil, 0
	clear(q.counts)
	q.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	if err := q.store.Refuse(ctx, batch); err != nil {
		q.logger.Warn("refused requests could not be kept yet; trying again", "requests", len(batch), "error", err)
		q.putBack(batch)
		return
	}
	for i := range batch {
		q.sinceTrim[batch[i].Connection]++
	}
}

// putBack queues again what the store did not take, before what came meanwhile.
func (q *refusals) putBack(batch []Refused) {
	q.mu.Lock()
	later := q.queue
	q.queue, q.bytes = nil, 0
	clear(q.counts)
	q.mu.Unlock()
	for _, x := range append(batch, later...) {
		q.add(x)
	}
}

// discard drops what waits and mentions somebody. What was on its way to the store
// when it was called is there when it returns, or waits again and was dropped.
func (q *refusals) discard(mentions func([]byte) bool) (n int) {
	q.writing.Lock()
	defer q.writing.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := q.queue[:0]
	for i := range q.queue {
		x := q.queue[i]
		if mentions(x.Body) || mentions([]byte(x.Reason)) {
			q.forget(&x)
			n++
			continue
		}
		kept = append(kept, x)
	}
	clear(q.queue[len(kept):])
	q.queue = kept
	return n
}

func (q *refusals) trim(ctx context.Context) {
	for _, n := range q.sinceTrim {
		if n < MaxKeptRefused/10 {
			continue
		}
		if err := q.store.Trim(ctx, MaxKeptRefused); err != nil {
			q.logger.Warn("old refused requests could not be let go of", "error", err)
			return
		}
		clear(q.sinceTrim)
		return
	}
}
