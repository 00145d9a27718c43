package privacy

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

var (
	// ErrUnavailable says that ClickHouse, or the spool, did not let go in time. An
	// erasure that ended with it is unfinished: do it again.
	ErrUnavailable = errors.New("the data cannot be removed now")
	// ErrAddress says that a text is no e-mail address.
	ErrAddress = errors.New("not an e-mail address")
)

// Receipt says what an erasure removed. It holds nothing of the person but the hash.
type Receipt struct {
	ID uuid.UUID `json:"id"`
	// EmailHash is the HMAC-SHA256 of the address in lower case, in hexadecimal.
	EmailHash string `json:"email_hash"`
	// Finished is false while it runs, and for ever where it was cut off.
	Finished    bool       `json:"finished"`
	RequestedBy string     `json:"requested_by"`
	StartedAt   time.Time  `json:"started_at"`
	ErasedAt    *time.Time `json:"erased_at"` // nil until it is finished
	// EventsErased counts events, each once, whatever the number of its copies.
	EventsErased          uint64 `json:"events_erased"`
	RefusedRequestsErased uint64 `json:"refused_requests_erased"`
	// Removed lists what was removed where: rows of tables, and what lay elsewhere.
	Removed []Removed `json:"removed"`
	// Remaining is what a last count found, in all tables together.
	Remaining uint64 `json:"remaining"`
	// DryRun: nothing was removed or noted; the figures are what would have been removed.
	DryRun bool `json:"dry_run,omitempty"`
}

// Removed is how much was removed in one place.
type Removed struct {
	Where string `json:"where"`
	Count uint64 `json:"count"`
}

// refused counts texts that were refused: requests, or rows of imports.
func (r *Receipt) refused(k kept, n uint64) {
	if k.name == "refused_requests" {
		r.RefusedRequestsErased += n
	}
	r.removed(k.name, n)
}

func (r *Receipt) removed(where string, n uint64) {
	for i := range r.Removed {
		if r.Removed[i].Where == where {
			r.Removed[i].Count += n
			return
		}
	}
	r.Removed = append(r.Removed, Removed{where, n})
}
