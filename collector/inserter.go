package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/spool"
	"github.com/tributary-events/tributary/event"
)

// inserter brings a block into the store, whatever it takes: it waits while the
// store is away, and where the store refuses the data it halves the block until
// the offending event stands alone, keeps that one among the refused with the
// store's own message, and inserts all others.
type inserter struct {
	spool   *spool.Spool
	store   Store
	decoder *event.Decoder // for reading blocks again; not the shipper's
	metrics *metrics
	logger  *slog.Logger
	backOff time.Duration // first wait; tests shorten it
	// turn has one token, which whoever inserts takes: see Collector.Hold.
	turn chan struct{}
}

const (
	maxBackOff = 10 * time.Second
	// After so many failures in a row with a store that answers pings in between, the
	// data is suspected even where the error does not say so: a block that kills
	// the engine must not block its neighbours for ever.
	suspectAfter = 5
)

// insert returns nil once every event of [from,to), which is what b holds, is in
// the store or among the refused. Its only error is ctx's.
func (n *inserter) insert(ctx context.Context, b Block, from, to spool.Position) error {
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	rows := b.Rows()
	started := time.Now()
	verdict, err := n.try(ctx, b)
	if err != nil {
		return err
	}
	if verdict != nil {
		n.logger.Warn("the store refuses a block; looking for the event", "rows", rows, "error", verdict)
		for {
			err := n.isolate(ctx, b, from, to)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			n.logger.Error("looking for a refused event failed; trying again", "error", err)
			sleep(ctx, maxBackOff)
		}
	}
	n.metrics.inserted(rows, time.Since(started))
	return nil
}

// try inserts the block, waiting and trying again while the fault is not the
// data's. verdict is the store's message where the data is refused; err is ctx's.
func (n *inserter) try(ctx context.Context, b Block) (verdict, err error) {
	wait := n.backOff
	answered := 0
	for attempt := 1; ; attempt++ {
		insertErr := n.store.Insert(ctx, b)
		if insertErr == nil {
			if attempt > 1 {
				n.logger.Info("the store takes events again", "attempt", attempt)
			}
			return nil, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kind := classify(insertErr)
		if kind == faultOfData {
			return insertErr, nil
		}
		n.metrics.insertErrors.Inc()
		if attempt == 1 || attempt%10 == 0 {
			n.logger.Warn("insert failed; trying again", "attempt", attempt, "rows", b.Rows(), "error", insertErr)
		}
		sleep(ctx, wait/2+rand.N(wait/2+1))
		wait = min(2*wait, maxBackOff)
		if kind == faultUnknown && n.store.Ping(ctx) == nil {
			if answered++; answered >= suspectAfter {
				return insertErr, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// extent is a record and the number, within the block, of its first event.
type extent struct {
	start spool.Position
	first int
}

// isolate inserts the events of [from,to) in halves. It reads them from the
// spool again: this is rare, and a copy in memory for it would not be.
func (n *inserter) isolate(ctx context.Context, b Block, from, to spool.Position) error {
	var extents []extent
	total := 0
	err := n.each(ctx, from, to, func(rec spool.Record, _ record, batch *event.Batch) error {
		extents = append(extents, extent{rec.Start, total})
		total += len(batch.Events)
		return nil
	})
	if err != nil {
		return err
	}
	if len(extents) == 0 {
		return nil
	}
	// The whole is known to be refused: begin with its halves.
	if total > 1 {
		if err := n.halve(ctx, b, extents, to, 0, total/2); err != nil {
			return err
		}
		return n.halve(ctx, b, extents, to, total/2, total)
	}
	return n.halve(ctx, b, extents, to, 0, total)
}

func (n *inserter) halve(ctx context.Context, b Block, extents []extent, to spool.Position, lo, hi int) error {
	if lo == hi {
		return nil
	}
	var alone Refused
	i := 0 // the last record that begins at or before event lo
	for i+1 < len(extents) && extents[i+1].first <= lo {
		i++
	}
	b.Reset()
	at := extents[i].first
	err := n.each(ctx, extents[i].start, to, func(_ spool.Record, r record, batch *event.Batch) error {
		if at >= hi {
			return io.EOF
		}
		first, last := max(lo-at, 0), min(hi-at, len(batch.Events))
		if first < last {
			b.Append(r.connection, r.receivedAt, batch, first, last)
			if hi-lo == 1 {
				alone = refusedEvent(r, batch, first)
			}
		}
		at += len(batch.Events)
		return nil
	})
	if err != nil {
		return err
	}
	verdict, err := n.try(ctx, b)
	if err != nil || verdict == nil {
		return err
	}
	if hi-lo == 1 {
		alone.Reason = reasonOf(verdict)
		n.logger.Error("the store refuses an event; kept among the refused",
			"connection", alone.Connection, "error", verdict)
		return n.refuse(ctx, alone)
	}
	mid := lo + (hi-lo)/2
	if err := n.halve(ctx, b, extents, to, lo, mid); err != nil {
		return err
	}
	return n.halve(ctx, b, extents, to, mid, hi)
}

// each decodes the records of [from,to) in order; f ends it early with io.EOF.
func (n *inserter) each(ctx context.Context, from, to spool.Position, f func(spool.Record, record, *event.Batch) error) error {
	reader := n.spool.NewReader(from)
	defer func() { _ = reader.Close() }() // opened for reading: nothing can be lost
	for {
		rec, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) || err == nil && !rec.Start.Before(to) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read spool again: %w", err)
		}
		r, err := parseRecord(rec.Payload)
		if err != nil {
			continue // the shipper has put it among the refused
		}
		batch, err := n.decoder.Decode(r.body, event.Options{AllowAnonymous: r.allowAnonymous})
		if err != nil {
			continue // likewise
		}
		if err := f(rec, r, batch); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// refuse keeps what can't be inserted; it does not return before that is durable, or ctx ends.
func (n *inserter) refuse(ctx context.Context, x Refused) error {
	n.metrics.refusedEvents.Inc()
	for wait := n.backOff; ; wait = min(2*wait, maxBackOff) {
		err := n.store.Refuse(ctx, []Refused{x})
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.logger.Error("a refused event could not be kept; trying again", "error", err)
		sleep(ctx, wait)
	}
}

func refusedEvent(r record, batch *event.Batch, i int) Refused {
	body := append([]byte{'['}, appendEvent(nil, batch, i)...)
	body = append(body, ']')
	return Refused{
		ID:          uuid.NewSHA1(r.connection, batch.Text(batch.Events[i].ID)),
		Connection:  r.connection,
		ReceivedAt:  time.UnixMicro(r.receivedAt + int64(i)).UTC(),
		Kind:        RefusedEvent,
		ContentType: "application/json",
		Size:        int64(len(body)),
		Body:        body,
	}
}

// refusedRecord is for a whole spooled request that can't be decoded any more.
// Its body is kept whole: it was acknowledged.
func refusedRecord(r record, payload []byte, cause error) Refused {
	body := r.body
	if body == nil {
		body = payload
	}
	return Refused{
		ID:          uuid.NewSHA1(r.connection, payload),
		Connection:  r.connection,
		ReceivedAt:  time.UnixMicro(r.receivedAt).UTC(),
		Kind:        RefusedEvent,
		Reason:      reasonOf(cause),
		ContentType: "application/json",
		Size:        int64(len(body)),
		Body:        append([]byte(nil), body...),
	}
}

// reasonOf renders the store's message in the shape of the problem documents
// that refused requests are kept with.
func reasonOf(err error) string {
	text := err.Error()
	var e *clickhouse.Exception
	if errors.As(err, &e) {
		text = e.Message
	}
	b, err := json.Marshal(struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}{"ClickHouse refused the event", text})
	if err != nil {
		return `{"title":"ClickHouse refused the event"}`
	}
	return string(b)
}
