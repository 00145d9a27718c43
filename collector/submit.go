package collector

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/problem"
)

// How long Submit waits between looks at a spool that is too full for it.
const submitPause = 100 * time.Millisecond

// Submit accepts events that do not come through a webhook: body is checked and
// stored as a webhook's body is, by the same code, and when Submit returns without
// an error its events are on stable storage. It returns how many there were.
//
// It holds its caller up while more than half of the spool is in use: what can wait
// must not take the room of senders that cannot. Errors are problems as the webhook
// answers them; one of kind CannotStore or Unavailable can be tried again, and
// nothing is kept of what was refused. body may be reused after the call. It is safe
// for concurrent use; calls one after the other are received in their order.
func (c *Collector) Submit(ctx context.Context, connection uuid.UUID, body []byte) (int, []event.Warning, error) {
	if len(body) > event.MaxBody {
		return 0, nil, problem.New(problem.TooLarge, "The events are larger than 300 kB together.")
	}
	target := c.cfg.Registry.Target(connection)
	if target.Paused() {
		return 0, nil, problem.New(problem.Paused, "This connection is paused and takes no events until it is resumed.")
	}
	if err := c.awaitRoom(ctx); err != nil {
		return 0, nil, err
	}
	r := c.pool.get()
	defer r.release()
	r.target = target
	r.body = append(r.body[:0], body...)
	warnings, err := c.accept(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	return len(r.batch.Events), warnings, nil
}

func (c *Collector) awaitRoom(ctx context.Context) error {
	for {
		if st := c.spool.Stats(); st.Bytes <= st.Limit/2 {
			return nil
		}
		select {
		case <-time.After(submitPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
