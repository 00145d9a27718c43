package collector

import (
	"context"
	"errors"
	"fmt"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/problem"
)

// codeErased is the code of the error, or of the warning, about an event of a person
// who was erased.
const codeErased = "erased"

// erasedReason stands for why a request was refused that mentions an erased person.
const erasedReason = `{"title":"The request mentions a person who was erased; nothing of it was kept."}`

// nobody is the Erasures of a collector without any.
type nobody struct{}

func (nobody) Lookup() func([]byte) (erased, refuse bool) { return nil }
func (nobody) Mentioned([]byte) bool                      { return false }

// checkErased looks for events of people who were erased: it refuses the request, or
// adds a warning for each. The messages do not repeat the address.
func (c *Collector) checkErased(b *event.Batch) error {
	lookup := c.cfg.Erasures.Lookup()
	if lookup == nil {
		return nil
	}
	var refused []event.FieldError
	for i := range b.Events {
		if b.Events[i].Email == 0 {
			continue
		}
		erased, refuse := lookup(b.Text(b.Events[i].Email))
		if !erased {
			continue
		}
		e := event.FieldError{Index: i, Field: "event_email", Pointer: fmt.Sprintf("/%d/event_email", i), Code: codeErased}
		switch {
		case refuse && len(refused) < event.MaxErrors:
			e.Message = "belongs to a person who was erased; events of this person are refused"
			refused = append(refused, e)
		case !refuse && len(b.Warnings) < event.MaxWarnings:
			e.Message = "belongs to a person who was erased; the event was taken all the same"
			b.Warnings = append(b.Warnings, e)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	p := problem.New(problem.InvalidEvents, "%v. Nothing of the request was stored.", &event.InvalidError{Errors: refused})
	p.Errors = refused
	return p
}

// Forgotten is what Forget removed.
type Forgotten struct {
	Refused int // refused requests that waited to be kept
	Damaged int // copies of damaged spool records
}

// Forget lets go of what this collector holds of somebody beside the store. When it
// returns, every event that was acknowledged before the call is in the store and no
// longer in the spool; copies of damaged records and waiting refused requests that
// mention the person are gone; readers of live feeds have lost what waited for them.
// It waits for the store until ctx ends. Events that Erasures did not know when they
// were looked at count as acknowledged before, if Erasures knew before the call.
func (c *Collector) Forget(ctx context.Context, mentions func([]byte) bool) (f Forgotten, err error) {
	c.awaitAccepting()
	if err := c.emptySpool(ctx); err != nil {
		return f, fmt.Errorf("empty the spool: %w", err)
	}
	f.Refused = c.refusals.discard(mentions)
	c.activity.discard()
	f.Damaged, err = c.spool.Discard(mentions)
	return f, err
}

// awaitAccepting returns when every request is through that was looked at before: who
// gets the lock knows.
func (c *Collector) awaitAccepting() {
	c.accepting.Lock()
	defer c.accepting.Unlock()
}

// errStopped says that the collector does not run any more.
var errStopped = errors.New("the collector has stopped")

// emptySpool has everything that is acknowledged inserted and its segments deleted.
func (c *Collector) emptySpool(ctx context.Context) error {
	if err := c.Settled(ctx); err != nil {
		return err
	}
	select {
	case c.rotate <- struct{}{}:
		<-c.rotated
	case <-c.committer.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	begun := c.spool.Durable()
	// The shipper steps into the new segment when it reads the spool.
	select {
	case c.missed <- struct{}{}:
	default: // it is told already
	}
	if err := c.Settled(ctx); err != nil {
		return err
	}
	return c.spool.Release(begun)
}
