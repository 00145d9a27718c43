package collector

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
)

// Block gathers the rows of one insert. One goroutine uses it at a time.
type Block interface {
	// Append adds the events [from,to) of a batch; event i gets receivedAt+i µs.
	// It copies what it needs.
	Append(connection uuid.UUID, receivedAt int64, batch *event.Batch, from, to int)
	Rows() int
	Size() int // bytes held
	Reset()
}

// Store is where events end up: ClickHouse behind one of its two protocols.
type Store interface {
	NewBlock() Block
	// Insert returns nil once the store has every row of the block. After an error
	// any part of it may be there: inserting it again is harmless.
	Insert(ctx context.Context, b Block) error
	// Ping tells whether the store answers at all.
	Ping(ctx context.Context) error
	// Refuse keeps what was refused, durably once it returns nil.
	Refuse(ctx context.Context, refused []Refused) error
	// Trim keeps the newest requests of each connection among the refused and
	// lets go of the rest.
	Trim(ctx context.Context, keep int) error
}

// RefusedKind says who refused.
type RefusedKind string

// The kinds of refusals.
const (
	RefusedRequest RefusedKind = "request" // by the collector, answered with Status
	RefusedEvent   RefusedKind = "event"   // one accepted event, by ClickHouse
)

// Refused is a request or an event that was not stored, kept for the operator to
// see, mend and replay.
type Refused struct {
	ID          uuid.UUID
	Connection  uuid.UUID
	ReceivedAt  time.Time
	Kind        RefusedKind
	Status      int    // HTTP status that was answered; 0 for an event
	Reason      string // a problem document as JSON
	ContentType string
	Encoding    string // Content-Encoding of Body as kept
	Size        int64  // bytes of the whole body, as far as known
	Body        []byte // the first MaxKeptBody bytes
}

// What is kept of refused requests (CONTRACT section 2).
const (
	MaxKeptBody    = 32 << 10
	MaxKeptRefused = 1_000 // a connection
)
