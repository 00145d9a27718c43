package collector

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/tributary-events/tributary/collector/spool"
)

// ErrUnavailable wraps why events could not be stored durably now.
var ErrUnavailable = errors.New("events cannot be stored durably now")

// group is what one fsync made durable.
type group struct {
	requests []*request
	previous spool.Position // durable before it: what a reader must have reached
	end      spool.Position
	synced   chan struct{} // closed once the fsync came back
	err      error         // readable once synced is closed: whether it failed
}

func (g *group) release() {
	for _, r := range g.requests {
		r.release()
	}
	clear(g.requests)
	g.requests = g.requests[:0]
}

// A group is bounded so that its first request does not wait for an endless queue,
// and so that the write buffer stays small.
const (
	maxGroupRequests = 512
	maxGroupBytes    = 4 << 20
	queueLength      = 256
	// handOver is how long senders are held up when the engine falls behind,
	// before events go to the spool only and are read back later.
	handOver = 250 * time.Millisecond
)

// committer is the one goroutine that appends to the spool. Requests that wait
// at the same time share one write and one fsync; while the disk syncs, the
// shipper already encodes the same requests from memory.
//
// One goroutine owns the order: received_at rises by at least 1 µs from event
// to event, in the order of the records, so "received last" is never a tie.
type committer struct {
	spool   *spool.Spool
	queue   chan *request
	ship    chan<- *group
	missed  chan<- struct{} // tells the shipper to read from the spool
	rotate  <-chan struct{} // asks for a new segment, so that the old can go
	rotated chan<- struct{}
	behind  func() bool
	stopped chan struct{} // closed once run has returned
	metrics *metrics
	logger  *slog.Logger
	last    int64 // received_at of the newest event, µs
	now     func() time.Time
	bad     bool // the last commit failed; said once, not once a request
}

// commit hands a decoded request over and waits until it is durable or refused.
// The request is shared with the shipper from then on: the caller only reads it.
func (c *committer) commit(ctx context.Context, r *request) error {
	r.users.Add(1) // the committer's share, then the shipper's
	select {
	case c.queue <- r:
	case <-ctx.Done():
		r.release()
		return errors.Join(ErrUnavailable, ctx.Err())
	case <-c.stopped:
		r.release()
		return ErrUnavailable
	}
	select {
	case err := <-r.done:
		return err
	case <-c.stopped:
	}
	select {
	case err := <-r.done:
		return err
	default: // queued behind the committer's back; its share keeps it out of the pool
		return ErrUnavailable
	}
}

// run works until stop is closed and the queue is empty.
func (c *committer) run(stop <-chan struct{}) {
	defer close(c.stopped)
	for {
		select {
		case first := <-c.queue:
			c.write(c.gather(first))
		case <-c.rotate:
			if err := c.spool.Rotate(); err != nil {
				c.failed(err)
			}
			c.rotated <- struct{}{}
		case <-stop:
			for {
				select {
				case first := <-c.queue:
					c.write(c.gather(first))
				default:
					return
				}
			}
		}
	}
}

func (c *committer) gather(first *request) *group {
	g := &group{requests: append(make([]*request, 0, 16), first), synced: make(chan struct{})}
	size := len(first.body)
	for len(g.requests) < maxGroupRequests && size < maxGroupBytes {
		select {
		case r := <-c.queue:
			g.requests = append(g.requests, r)
			size += len(r.body)
		default:
			return g
		}
	}
	return g
}

func (c *committer) write(g *group) {
	now := c.now()
	next := max(now.UnixMicro(), c.last+1)
	records := make([][][]byte, len(g.requests))
	for i, r := range g.requests {
		r.record.receivedAt = next
		next += int64(len(r.batch.Events))
		r.parts = [2][]byte{r.record.header(&r.header), r.body}
		records[i] = r.parts[:]
	}
	g.previous = c.spool.Durable()
	// The shipper may be done with the group before the disk is, so the list is
	// ours; each request stays, because its handler waits for done.
	requests := slices.Clone(g.requests)
	var err error
	if _, g.end, err = c.spool.Append(records...); err != nil {
		c.tell(requests, err)
		g.release()
		return
	}
	c.last = next - 1
	sent := c.send(g)
	started := c.now()
	err = c.spool.Sync()
	c.metrics.fsync.Observe(c.now().Sub(started).Seconds())
	if err == nil {
		for _, r := range requests {
			r.target.Accepted(len(r.batch.Events), now)
		}
	}
	g.err = err
	close(g.synced)
	c.tell(requests, err)
	if !sent {
		g.release()
		select {
		case c.missed <- struct{}{}:
		default:
		}
	}
}

// send gives the group to the shipper. If the shipper reads from the spool
// anyway, or does not take it in time, the group stays on disk only.
func (c *committer) send(g *group) bool {
	if c.behind() {
		return false
	}
	select {
	case c.ship <- g:
		return true
	default:
	}
	t := time.NewTimer(handOver)
	defer t.Stop()
	select {
	case c.ship <- g:
		return true
	case <-t.C:
		return false
	}
}

// tell answers the handlers, which may reuse their requests from then on.
func (c *committer) tell(requests []*request, err error) {
	if err != nil {
		c.failed(err)
		err = errors.Join(ErrUnavailable, err)
	} else if c.bad {
		c.bad = false
		c.logger.Info("the spool takes events again")
	}
	for _, r := range requests {
		r.done <- err
	}
}

func (c *committer) failed(err error) {
	c.metrics.spoolErrors.Inc()
	if !c.bad {
		c.bad = true
		c.logger.Error("the spool does not take events; senders get 503", "error", err)
	}
}
