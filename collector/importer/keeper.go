package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/tributary-events/tributary/internal/problem"
)

// keeper keeps the state of one import: in memory after every batch, in the store
// every second. Refused rows are stored before the state that counts them.
type keeper struct {
	service  *Service
	state    Import
	running  *running
	progress func(Import)
	body     *counter     // the reader's while it runs
	refused  []RefusedRow // not stored yet
	size     int
	saved    time.Time
	told     time.Time
	warned   bool // the store does not answer; said once
}

// maxWaiting is how many bytes of refused rows wait for the store.
const maxWaiting = 4 << 20

// done counts a batch that is durable.
func (k *keeper) done(ctx context.Context, b *batch, accepted int) error {
	x := &k.state
	x.Rows, x.Bytes, x.UpdatedAt = max(x.Rows, b.last), b.bytes, k.service.cfg.Now().UTC()
	x.Accepted += int64(accepted)
	x.Refused += int64(len(b.refused))
	x.Warnings += int64(len(b.warned))
	samples := slices.Clone(x.Samples) // readers may hold the old one
	for i := range b.refused {
		r := &b.refused[i]
		if k.service.cfg.Mentioned([]byte(r.Text)) {
			r.Text = ""
		}
		k.size += len(r.Text) + len(r.Reason)
		x.refusedBytes += int64(len(r.Text) + len(r.Reason))
		if len(samples) < maxSamples {
			samples = append(samples, Sample{Row: r.Row, Message: r.Reason})
		}
	}
	for _, w := range b.warned {
		if len(samples) < maxSamples {
			samples = append(samples, Sample{Row: w.Row, Message: w.Field + ": " + w.Message, Warning: true})
		}
	}
	x.Samples = samples
	k.refused = append(k.refused, b.refused...)
	k.tell(false)
	if k.size > maxWaiting || time.Since(k.saved) >= saveInterval {
		if err := k.save(ctx, k.size > maxWaiting); err != nil {
			return err
		}
	}
	most := x.Plan.MaxRefused
	if most <= 0 {
		most = defaultMaxRefused
	}
	switch {
	case x.Refused > most:
		return broken(nil, "More than %d rows were refused: the mapping is probably wrong. Row %d: %s", most, samples[0].Row, samples[0].Message)
	case x.refusedBytes > maxRefusedBytes:
		return broken(nil, "The refused rows have more than %d bytes: the mapping is probably wrong.", maxRefusedBytes)
	}
	return nil
}

func (k *keeper) tell(now bool) {
	k.running.set(k.state)
	if k.progress != nil && (now || time.Since(k.told) >= 200*time.Millisecond) {
		k.told = time.Now()
		k.progress(k.state)
	}
}

// save stores refused rows and state. Where the store does not answer it waits for as
// long as it must, and otherwise leaves it for the next time.
func (k *keeper) save(ctx context.Context, must bool) error {
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		err := k.write(ctx)
		if err == nil {
			k.warned = false
			return nil
		}
		if !k.warned {
			k.warned = true
			k.service.cfg.Logger.Warn("an import's progress could not be stored yet; trying again", "import", k.state.ID, "error", err)
		}
		if !must {
			k.saved = time.Now()
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *keeper) write(ctx context.Context) error {
	if len(k.refused) > 0 {
		if err := k.service.cfg.Store.Refuse(ctx, &k.state, k.refused); err != nil {
			return err
		}
		k.refused, k.size = nil, 0
	}
	if err := k.service.cfg.Store.Save(ctx, &k.state); err != nil {
		return err
	}
	k.saved = time.Now()
	return nil
}

// lastSave is how long the end of an import that was cut off waits for the store.
const lastSave = 2 * time.Second

// finish notes how an import ended.
func (k *keeper) finish(ctx context.Context, err error) Import {
	x := &k.state
	x.UpdatedAt = k.service.cfg.Now().UTC()
	if k.body != nil {
		x.Bytes = k.body.n
	}
	x.State, x.Message = k.outcome(ctx, err)
	if x.State == Interrupted {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
		defer cancel()
		_ = k.save(short, true) // what is not stored is read again
	} else if err := k.save(ctx, true); err != nil {
		x.State, x.Message = Interrupted, "The import was cut off before its result was stored."
	}
	k.tell(true)
	return *x
}

func (k *keeper) outcome(ctx context.Context, err error) (state, message string) {
	var (
		file  *FileError
		plan  *PlanError
		known *problem.Error
		gone  net.Error
	)
	switch {
	case err == nil:
		return Done, ""
	case errors.Is(context.Cause(ctx), errTakenOver):
		return Interrupted, "The same import was started again."
	case k.body != nil && k.body.err != nil || ctx.Err() != nil || errors.As(err, &gone) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &file):
		return Interrupted, "The connection broke before the whole file was read. Import the file again: it goes on behind the rows that are stored."
	case errors.As(err, &file):
		return Failed, file.Error()
	case errors.As(err, &plan):
		return Failed, "The mapping: " + plan.Error() + "."
	case errors.As(err, &known):
		return Failed, known.Detail
	}
	k.service.cfg.Logger.Error("an import failed", "import", k.state.ID, "error", err)
	return Failed, fmt.Sprintf("The import failed on the server; its log tells more. Rows up to %d are dealt with.", k.state.Rows)
}
