package collector

import (
	"sync"
	"time"

	"github.com/tributary-events/tributary/collector/spool"
)

// progress is how far the store has confirmed the spool, for metrics, health
// and tests. Safe for concurrent use.
type progress struct {
	mu        sync.Mutex
	position  spool.Position // everything before it is confirmed
	inserting int64          // received_at of the oldest event being inserted, µs; 0 = none
	open      int64          // likewise of the open block
	changed   chan struct{}  // closed and replaced at every change of position
}

func newProgress(p spool.Position) *progress {
	return &progress{position: p, changed: make(chan struct{})}
}

func (p *progress) confirmed() spool.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position
}

// lag is the age of the oldest event that is acknowledged and not confirmed.
func (p *progress) lag(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.inserting
	if oldest == 0 {
		oldest = p.open
	}
	if oldest == 0 {
		return 0
	}
	return max(now.Sub(time.UnixMicro(oldest)), 0)
}

func (p *progress) opened(receivedAt int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = receivedAt
}

func (p *progress) flushed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inserting, p.open = p.open, 0
}

func (p *progress) confirm(to spool.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inserting = 0
	if p.position.Before(to) {
		p.position = to
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// wait returns a channel that is closed at the next change of the confirmed position.
func (p *progress) wait() (spool.Position, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position, p.changed
}
