package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/problem"
)

// Accept stores events durably: collector.Submit.
type Accept func(ctx context.Context, connection uuid.UUID, body []byte) (int, []event.Warning, error)

// RefusedRow is a row that is not an event.
type RefusedRow struct {
	Row    int64
	Reason string
	// Text is the row as it stood in the file.
	Text string
	// Unreadable says that Text cannot stand in a file as it is.
	Unreadable bool
}

// A batch is what is accepted, counted and stored at once.
const (
	batchBytes = 256 << 10 // of events, and of refused rows
	batchRows  = 4000
)

// batch is a part of a file: every row behind the batch before it, up to last.
type batch struct {
	body    []byte // a JSON array of the rows that are events
	rows    []int64
	raw     []byte // their texts, one behind the other
	ends    []int
	refused []RefusedRow
	size    int // of the texts of refused
	warned  []Warning
	last    int64
	bytes   int64 // of the file that had been read
	err     error // io.EOF or why the file cannot be read behind this batch
}

// Warning says what was accepted, but perhaps not as it was meant.
type Warning struct {
	Row     int64  `json:"row"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

func newBatch() *batch { return &batch{body: make([]byte, 0, batchBytes+batchBytes/4)} }

func (b *batch) reset() {
	*b = batch{body: append(b.body[:0], '['), rows: b.rows[:0], raw: b.raw[:0], ends: b.ends[:0]}
}

func (b *batch) text(i int) string {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return string(b.raw[start:b.ends[i]])
}

// reader makes batches of a source's rows.
type reader struct {
	source  Source
	body    *counter // below source; nil where nobody counts
	builder *builder
	decoder *event.Decoder
	options event.Options
	skip    int64 // rows that have been dealt with before
	// interrupt ends a read of the file that hangs; nil where none does.
	interrupt func()
	event     []byte
	held      bool // event holds the row that did not fit into the batch before
	heldRow   Row
	row       Row
	last      int64
}

// fill makes one batch. It ends with b.err set behind the last row.
func (r *reader) fill(b *batch) {
	b.reset()
	if r.held {
		r.held = false
		r.add(b, r.heldRow.Number, r.heldRow.Raw)
	}
	for len(b.body) < batchBytes && len(b.rows) < batchRows && b.size < batchBytes && len(b.refused) < batchRows {
		if err := r.source.Next(&r.row); err != nil {
			b.err = err
			break
		}
		if r.row.Number <= r.skip {
			r.last = r.row.Number
			continue
		}
		if !r.take(b) {
			break
		}
		r.last = r.row.Number
	}
	b.last = r.last
	if r.body != nil {
		b.bytes = r.body.n // here, since reading goes on while the batch is stored
	}
	b.body = append(b.body, ']')
}

// take checks a row and adds it, or returns false where it has to go to the next batch.
func (r *reader) take(b *batch) bool {
	fault := r.row.Fault
	if fault == nil {
		r.event, fault = r.builder.event(r.event[:0], &r.row)
	}
	if fault != nil {
		r.refuse(b, fault.String(), fault.Unreadable)
		return true
	}
	checked, err := r.decoder.DecodeEvent(r.event, r.options)
	switch {
	case err != nil:
		_, syntax := errors.AsType[*event.SyntaxError](err)
		r.refuse(b, reasonOf(err), syntax)
		return true
	case len(r.event)+2 > event.MaxBody:
		r.refuse(b, fmt.Sprintf("the event is larger than %d bytes", event.MaxBody), false)
		return true
	}
	for _, w := range checked.Warnings {
		b.warned = append(b.warned, Warning{r.row.Number, w.Field, w.Message})
	}
	if len(b.body)+1+len(r.event)+1 > event.MaxBody {
		r.held = true
		r.heldRow = Row{Number: r.row.Number, Raw: slices.Clone(r.row.Raw)}
		return false
	}
	r.add(b, r.row.Number, r.row.Raw)
	return true
}

func (r *reader) add(b *batch, row int64, raw []byte) {
	if len(b.rows) > 0 {
		b.body = append(b.body, ',')
	}
	b.body = append(b.body, r.event...)
	b.rows = append(b.rows, row)
	b.raw = append(b.raw, raw...)
	b.ends = append(b.ends, len(b.raw))
	r.last = row
}

func (r *reader) refuse(b *batch, reason string, unreadable bool) {
	b.refused = append(b.refused, RefusedRow{r.row.Number, reason, string(r.row.Raw), unreadable})
	b.size += len(reason) + len(r.row.Raw)
}

// reasonOf says in one line which rules a row breaks.
func reasonOf(err error) string {
	invalid, ok := errors.AsType[*event.InvalidError](err)
	if !ok {
		return "is not a JSON object that can be stored: " + err.Error()
	}
	return reasons(invalid.Errors)
}

func reasons(list []event.FieldError) string {
	var parts []string
	for _, e := range list {
		part := e.Message
		if !strings.HasPrefix(part, e.Field) {
			part = e.Field + ": " + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts[:min(len(parts), 10)], "; ")
}

// submitter gives batches to the collector.
type submitter struct {
	accept     Accept
	connection uuid.UUID
}

const (
	firstWait = 200 * time.Millisecond
	mostWait  = 5 * time.Second
)

// submit stores a batch durably, waiting for as long as the collector cannot take it.
// Rows that the collector refuses, for what it alone can know, are moved to b.refused.
func (s *submitter) submit(ctx context.Context, b *batch) (accepted int, err error) {
	wait := firstWait
	for len(b.rows) > 0 {
		n, _, err := s.accept(ctx, s.connection, b.body)
		if err == nil {
			return n, nil
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		p, known := errors.AsType[*problem.Error](err)
		switch {
		case known && (p.Kind == problem.CannotStore || p.Kind == problem.Unavailable):
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			wait = min(2*wait, mostWait)
		case known && p.Kind == problem.InvalidEvents:
			if err := s.drop(b, p); err != nil {
				return 0, err
			}
		default:
			return 0, err
		}
	}
	return 0, nil
}

// drop moves the events that a problem names to the refused rows.
func (s *submitter) drop(b *batch, p *problem.Error) error {
	list, _ := p.Errors.([]event.FieldError)
	bad := map[int][]event.FieldError{}
	for _, e := range list {
		bad[e.Index] = append(bad[e.Index], e)
	}
	events, err := split(b.body)
	if err != nil || len(bad) == 0 || len(events) != len(b.rows) {
		return errors.Join(p, err)
	}
	kept := newBatch()
	kept.reset()
	for i, text := range events {
		if errs, ok := bad[i]; ok {
			b.refused = append(b.refused, RefusedRow{Row: b.rows[i], Reason: reasons(errs), Text: b.text(i)})
			continue
		}
		if len(kept.rows) > 0 {
			kept.body = append(kept.body, ',')
		}
		kept.body = append(kept.body, text...)
		kept.rows = append(kept.rows, b.rows[i])
		kept.raw = append(kept.raw, b.text(i)...)
		kept.ends = append(kept.ends, len(kept.raw))
	}
	b.body, b.rows, b.raw, b.ends = append(kept.body, ']'), kept.rows, kept.raw, kept.ends
	return nil
}

// run reads a source to its end and calls done for every batch once it is durable.
// Reading, building and checking go on while a batch is being stored.
func run(ctx context.Context, r *reader, s *submitter, done func(b *batch, accepted int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free, full := make(chan *batch, 2), make(chan *batch)
	free <- newBatch()
	free <- newBatch()
	stopped, ended := make(chan struct{}), false
	defer func() {
		cancel()
		if !ended && r.interrupt != nil {
			r.interrupt()
		}
		<-stopped
	}()
	go func() {
		defer close(stopped)
		defer close(full)
		for {
			var b *batch
			select {
			case b = <-free:
			case <-ctx.Done():
				return
			}
			r.fill(b)
			end := b.err != nil
			select {
			case full <- b:
			case <-ctx.Done():
				return
			}
			if end {
				return
			}
		}
	}()
	for b := range full {
		accepted, err := s.submit(ctx, b)
		if err == nil {
			err = done(b, accepted)
		}
		ended = b.err != nil
		switch {
		case err != nil:
			return err
		case errors.Is(b.err, io.EOF):
			return nil
		case b.err != nil:
			return b.err
		}
		free <- b
	}
	return ctx.Err()
}
