package collector

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/feed"
)

// Activity is what happens on this collector now: the last accepted requests of
// each connection, and a live feed. It lives in memory alone; refused requests,
// which matter longer, are in the store. Safe for concurrent use. With nobody
// watching it costs a request one uncontended lock.
type Activity struct {
	now   func() time.Time
	rings sync.Map // uuid.UUID → *ring

	watching atomic.Int64
	mu       sync.Mutex
	feeds    map[uuid.UUID]map[*reader]struct{}
}

// Accepted is one accepted request.
type Accepted struct {
	ID       uuid.UUID
	At       time.Time
	Events   int
	Bytes    int // of the body after decompression
	Warnings int
}

const (
	recentAccepted = 100
	feedBuffer     = 256
)

type ring struct {
	mu   sync.Mutex
	all  [recentAccepted]Accepted
	next int // where the next one goes; the slots before it are newer
	n    int
}

type reader struct {
	ch      chan feed.Message
	dropped atomic.Int64
}

func newActivity(now func() time.Time) *Activity {
	return &Activity{now: now, feeds: map[uuid.UUID]map[*reader]struct{}{}}
}

func (a *Activity) accepted(connection uuid.UUID, x Accepted) {
	v, ok := a.rings.Load(connection)
	if !ok {
		v, _ = a.rings.LoadOrStore(connection, &ring{})
	}
	r := v.(*ring)
	r.mu.Lock()
	r.all[r.next] = x
	r.next = (r.next + 1) % recentAccepted
	r.n = min(r.n+1, recentAccepted)
	r.mu.Unlock()
}

// Recent returns the newest accepted requests of a connection on this collector,
// newest first, at most limit and never more than 100.
func (a *Activity) Recent(connection uuid.UUID, limit int) []Accepted {
	v, ok := a.rings.Load(connection)
	if !ok {
		return nil
	}
	r := v.(*ring)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Accepted, 0, min(limit, r.n))
	for i := 1; i <= r.n && len(out) < limit; i++ {
		out = append(out, r.all[(r.next-i+recentAccepted)%recentAccepted])
	}
	return out
}

// Subscribe opens a live feed of one connection. A reader that falls behind by
// more than 256 messages loses some; Feed.Dropped tells how many. Close the feed.
func (a *Activity) Subscribe(connection uuid.UUID) *Feed {
	f := &reader{ch: make(chan feed.Message, feedBuffer)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.feeds[connection] == nil {
		a.feeds[connection] = map[*reader]struct{}{}
	}
	a.feeds[connection][f] = struct{}{}
	a.watching.Add(1)
	return &Feed{activity: a, connection: connection, reader: f}
}

// Feed is one reader's live feed.
type Feed struct {
	activity   *Activity
	connection uuid.UUID
	reader     *reader
	once       sync.Once
}

// Messages is the channel of messages. It is never closed.
func (f *Feed) Messages() <-chan feed.Message { return f.reader.ch }

// Dropped returns how many messages were lost since the last call.
func (f *Feed) Dropped() int64 { return f.reader.dropped.Swap(0) }

// Close ends the feed. It may be called more than once.
func (f *Feed) Close() {
	f.once.Do(func() {
		a := f.activity
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.feeds[f.connection], f.reader)
		if len(a.feeds[f.connection]) == 0 {
			delete(a.feeds, f.connection)
		}
		a.watching.Add(-1)
	})
}

// watched tells whether anybody watches the connection; cheap when nobody watches anything.
func (a *Activity) watched(connection uuid.UUID) bool {
	if a.watching.Load() == 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.feeds[connection]) > 0
}

func (a *Activity) publish(connection uuid.UUID, m feed.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.feeds[connection] {
		select {
		case f.ch <- m:
		default:
			f.dropped.Add(1)
		}
	}
}

// discard drops what waits for the readers of live feeds.
func (a *Activity) discard() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, feeds := range a.feeds {
		for f := range feeds {
			for waiting := true; waiting; {
				select {
				case <-f.ch:
					f.dropped.Add(1)
				default:
					waiting = false
				}
			}
		}
	}
}
