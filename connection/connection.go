// Package connection owns connections: the named places that events are posted
// to, their tokens, their status and their counters, how these are kept in
// ClickHouse, and the in-memory registry that the ingest path reads.
//
// Invariants:
//   - Registry.Lookup never touches the store, takes no lock and allocates
//     nothing; a token that is deleted or whose grace has ended is not found.
//   - A change made through a Service is in the store before the call returns,
//     and in this process's registry at once; other collectors see it within a
//     second while they run Service.Run.
//   - Counters are absolute and cumulative for each collector, so writing them
//     again after a crash changes nothing, and they never decrease in the store.
//   - A row of the store is replaced only by one with a greater version.
package connection

import (
	"time"

	"github.com/google/uuid"
)

// Connection is one place that events are posted to.
type Connection struct {
	ID uuid.UUID
	// Name is what people call it; EventSource and EventObject say, as on the
	// hosted product's "Create connection" page, which system the events come
	// from and what they are about.
	Name, EventSource, EventObject string
	// AllowAnonymous accepts events without event_email that have event_adb_cdt.
	AllowAnonymous bool
	// Paused refuses all events with 403.
	Paused bool
	// RetentionDays is for how many days events are kept, by their timestamp; 0 = for ever.
	RetentionDays int
	// Token is the secret last part of the webhook URL.
	Token string
	// Previous are rotated tokens that work until their grace ends, newest
	// first. Expired ones may still be listed: ask Active.
	Previous []GraceToken
	// CreatedAt and UpdatedAt are UTC, to the microsecond.
	CreatedAt, UpdatedAt time.Time

	// version orders the rows of one connection in the store: UpdatedAt in
	// microseconds, or one more than the row it replaces where clocks disagree.
	version uint64
}

// GraceToken is a rotated token that works until ExpiresAt (not included).
type GraceToken struct {
	Token     string
	ExpiresAt time.Time
}

// Active says whether the token still works at the given time.
func (g GraceToken) Active(now time.Time) bool { return now.Before(g.ExpiresAt) }

// Stats are what all collectors together have accepted for a connection. The
// times are times of receipt, zero before the first event.
type Stats struct {
	EventsReceived            uint64
	FirstEventAt, LastEventAt time.Time
}

// add returns both collectors' stats as one.
func (s Stats) add(o Stats) Stats {
	s.EventsReceived += o.EventsReceived
	if s.FirstEventAt.IsZero() || (!o.FirstEventAt.IsZero() && o.FirstEventAt.Before(s.FirstEventAt)) {
		s.FirstEventAt = o.FirstEventAt
	}
	if o.LastEventAt.After(s.LastEventAt) {
		s.LastEventAt = o.LastEventAt
	}
	return s
}

// Status is where a connection stands, as CONTRACT section 3 names it.
type Status string

// The statuses. Paused wins over the others.
const (
	StatusAwaitingData Status = "awaiting_data" // no event accepted yet
	StatusConnected    Status = "connected"     // at least one event accepted
	StatusPaused       Status = "paused"        // refuses events until resumed
)

// Detail is a connection with its stats and status.
type Detail struct {
	Connection
	Stats  Stats
	Status Status
}

func statusOf(paused bool, received uint64) Status {
	switch {
	case paused:
		return StatusPaused
	case received > 0:
		return StatusConnected
	default:
		return StatusAwaitingData
	}
}

// New is what a connection is created from.
type New struct {
	Name, EventSource, EventObject string
	AllowAnonymous                 bool
	RetentionDays                  int // 0 = for ever
}

// Patch changes the fields that are not nil.
type Patch struct {
	Name, EventSource, EventObject *string
	AllowAnonymous, Paused         *bool
	RetentionDays                  *int // 0 = for ever
}

// ListOptions choose a page of connections, newest first.
type ListOptions struct {
	// Cursor is the Next of the page before, empty for the first page.
	Cursor string
	// Limit is the page's size: 0 = DefaultLimit, at most MaxLimit.
	Limit int
	// Search keeps connections whose name, event source, event object or id
	// contains it, regardless of case. Empty keeps all.
	Search string
}

// Page is one page of a list. Next is empty on the last page.
type Page struct {
	Connections []Detail
	Next        string
}

// Limits of the fields and parameters. Lengths are in characters (Unicode code points).
const (
	MaxName      = 200
	MaxRetention = 36_500 // days
	DefaultLimit = 50
	MaxLimit     = 500

	// DefaultGrace is how long a rotated token goes on working where the caller
	// names no time (CONTRACT section 3); MaxGrace is the longest time allowed.
	DefaultGrace = 24 * time.Hour
	MaxGrace     = 90 * 24 * time.Hour
)
