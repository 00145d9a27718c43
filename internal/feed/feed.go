// Package feed holds what the ingest side tells and the API shows of requests: the
// list of recent ones and the live stream. It is apart from both, so that neither
// has to know the other.
package feed

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted" // answered with 201
	Refused  Outcome = "refused"  // answered with Status, nothing of it stored
	// EventRefused is one event of an accepted request that ClickHouse did not take.
	EventRefused Outcome = "event_refused"
)

// Request is one request of a connection, in the form that the API shows.
type Request struct {
	ID         uuid.UUID `json:"id"`
	ReceivedAt time.Time `json:"received_at"`
	// Status is the HTTP status that was answered; 201 with EventRefused.
	Status   int     `json:"status"`
	Outcome  Outcome `json:"outcome"`
	Events   int     `json:"events,omitempty"` // how many were accepted
	Warnings int     `json:"warnings,omitempty"`
	Bytes    int64   `json:"bytes"` // size of the whole body, as far as it is known
	// Reason is why it was refused: a problem document.
	Reason json.RawMessage `json:"reason,omitempty"`
	// Body is what is kept of a refused body, the first 32 kB. BodyEncoding is
	// "text", or "base64" where it is not UTF-8.
	Body         string `json:"body,omitempty"`
	BodyEncoding string `json:"body_encoding,omitempty"`
	// Complete tells that Body is the whole, so that it can be replayed as it is.
	Complete bool `json:"complete,omitempty"`
}

// Query says which requests are wanted.
type Query struct {
	Connection uuid.UUID
	// Outcome keeps those with one outcome; Refused keeps EventRefused too. Empty = all.
	Outcome Outcome
	Limit   int // at least 1
}

// Kind is the kind of a live message: the "event" of a server-sent event.
type Kind string

// The kinds of live messages.
const (
	KindEvent   Kind = "event"   // Data is the event as it was posted
	KindRequest Kind = "request" // Data is a Request as JSON
	KindDropped Kind = "dropped" // Data is {"messages": N}: the reader was too slow
)

// Message is one message of a live feed. Data is JSON and is not changed any more.
type Message struct {
	Kind Kind
	Data []byte
}
