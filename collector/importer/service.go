package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
)

// The states of an import.
const (
	Running     = "running"
	Done        = "done"
	Failed      = "failed"      // the rest of the file cannot be read, or the plan is wrong
	Interrupted = "interrupted" // sending it again goes on where it stood
)

// Import is how far an import is.
type Import struct {
	ID         uuid.UUID `json:"id"`
	Connection uuid.UUID `json:"connection_id"`
	Name       string    `json:"name"` // of the file
	State      string    `json:"state"`
	// Message says why an import failed or was interrupted.
	Message string `json:"message,omitempty"`
	Plan    *Plan  `json:"plan"`
	// Rows were dealt with: accepted, which is on stable storage, or refused.
	Rows     int64 `json:"rows"`
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
	Warnings int64 `json:"warnings"`
	// Resumed is with how many of the rows an earlier attempt had dealt.
	Resumed int64 `json:"resumed"`
	// Bytes were read of the file's size; 0 where that is not known.
	Bytes int64 `json:"bytes"`
	Size  int64 `json:"size"`
	// Samples are some of the first refused rows and warnings.
	Samples   []Sample  `json:"samples"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`

	// run tells attempts from the start apart, whose refused rows differ.
	run uint32
	// refusedBytes are kept of refused rows.
	refusedBytes int64
}

// Sample is a refused row, or a warning, with its reason.
type Sample struct {
	Row     int64  `json:"row"`
	Message string `json:"message"`
	Warning bool   `json:"warning"`
}

const (
	maxSamples      = 20
	maxRefusedBytes = 256 << 20
	saveInterval    = time.Second
	maxRunning      = 4
)

// ErrBusy says that as many imports run as may at once.
var ErrBusy = errors.New("too many imports run at once")

// ErrNotFound says that there is no such import.
var ErrNotFound = errors.New("no such import")

// Store keeps imports and refused rows; *Table is one. Saving again replaces.
type Store interface {
	Save(ctx context.Context, x *Import) error
	Load(ctx context.Context, connection, id uuid.UUID) (Import, bool, error)
	List(ctx context.Context, connection uuid.UUID, limit int) ([]Import, error)
	Refuse(ctx context.Context, x *Import, rows []RefusedRow) error
	// Refused calls do for the refused rows of an import in their order.
	Refused(ctx context.Context, x *Import, do func(RefusedRow) error) error
}

// Config of a Service. All but Mentioned, Logger and Now are required.
type Config struct {
	Accept Accept
	Store  Store
	// AllowAnonymous is the connection's choice now.
	AllowAnonymous func(connection uuid.UUID) bool
	// Mentioned tells whether a text holds the address of a person who was erased: of a
	// refused row that does, only the reason is kept. Default: nobody was.
	Mentioned func(text []byte) bool
	// TempDir is where Parquet files lie while they are read; it is made if it is not there.
	TempDir string
	Logger  *slog.Logger
	Now     func() time.Time
}

// Service runs imports. It is safe for concurrent use.
type Service struct {
	cfg Config

	mu      sync.Mutex
	running map[uuid.UUID]*running
}

type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu    sync.Mutex
	state Import
}

var errTakenOver = errors.New("the same import was started again")

// New returns a service, ready to run imports.
func New(cfg Config) (*Service, error) {
	if cfg.Accept == nil || cfg.Store == nil || cfg.AllowAnonymous == nil || cfg.TempDir == "" {
		return nil, errors.New("the importer lacks a part of its configuration")
	}
	if cfg.Mentioned == nil {
		cfg.Mentioned = func([]byte) bool { return false }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.TempDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of imports: %w", err)
	}
	return &Service{cfg: cfg, running: map[uuid.UUID]*running{}}, nil
}

// Job is a file to import.
type Job struct {
	// ID names the file with its plan: an import of the same ID that was cut off goes on
	// where it stood.
	ID         uuid.UUID
	Connection uuid.UUID
	Name       string
	Size       int64 // 0 = unknown
	Plan       *Plan
	Body       io.Reader
	// Interrupt makes a Read of Body that hangs return. Nil: reads end by themselves.
	Interrupt func()
	// Progress is told how far it is, a few times a second. Nil: nobody is.
	Progress func(Import)
}

// OpenPlanError holds the questions that a plan leaves open.
type OpenPlanError struct{ Questions []Question }

func (e *OpenPlanError) Error() string {
	text := "the mapping leaves a question open"
	for _, q := range e.Questions {
		text += ": " + q.Message
	}
	return text
}

// Run imports a file and returns how it ended; the error then is nil, though the state
// may be Failed or Interrupted. Errors, before anything was read: *PlanError,
// *OpenPlanError, ErrBusy, or that of the store.
func (s *Service) Run(ctx context.Context, job Job) (Import, error) {
	if err := job.Plan.check(); err != nil {
		return Import{}, err
	}
	anonymous := s.cfg.AllowAnonymous(job.Connection)
	if q := job.Plan.questions(anonymous); len(q) > 0 {
		return Import{}, &OpenPlanError{q}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := s.enter(ctx, job, cancel)
	if err != nil {
		return Import{}, err
	}
	defer s.leave(job.ID, r)
	state, err := s.begin(ctx, job)
	if err != nil {
		return Import{}, err
	}
	r.set(state)
	if job.Interrupt != nil {
		defer context.AfterFunc(ctx, job.Interrupt)()
	}
	k := &keeper{service: s, state: state, running: r, progress: job.Progress}
	err = s.read(ctx, job, k, anonymous)
	return k.finish(ctx, err), nil
}

// enter makes the job the one that runs under its id.
func (s *Service) enter(ctx context.Context, job Job, cancel context.CancelCauseFunc) (*running, error) {
	r := &running{cancel: cancel, done: make(chan struct{})}
	for {
		s.mu.Lock()
		before := s.running[job.ID]
		if before == nil && len(s.running) >= maxRunning {
			s.mu.Unlock()
			return nil, ErrBusy
		}
		if before == nil {
			s.running[job.ID] = r
			s.mu.Unlock()
			return r, nil
		}
		s.mu.Unlock()
		before.cancel(errTakenOver)
		select {
		case <-before.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Service) leave(id uuid.UUID, r *running) {
	s.mu.Lock()
	delete(s.running, id)
	s.mu.Unlock()
	close(r.done)
}

// begin finds where an import that was cut off goes on.
func (s *Service) begin(ctx context.Context, job Job) (Import, error) {
	old, found, err := s.cfg.Store.Load(ctx, job.Connection, job.ID)
	if err != nil {
		return Import{}, err
	}
	now := s.cfg.Now().UTC()
	x := Import{
		ID: job.ID, Connection: job.Connection, Name: job.Name, State: Running, Plan: job.Plan, Size: job.Size,
		Samples: []Sample{}, CreatedAt: now, UpdatedAt: now,
	}
	switch {
	case found && (old.State == Running || old.State == Interrupted):
		x.Rows, x.Accepted, x.Refused, x.Warnings, x.Resumed = old.Rows, old.Accepted, old.Refused, old.Warnings, old.Rows
		x.Samples, x.CreatedAt, x.run, x.refusedBytes = old.Samples, old.CreatedAt, old.run, old.refusedBytes
	case found:
		x.run = old.run + 1
	}
	return x, s.cfg.Store.Save(ctx, &x)
}

func (s *Service) read(ctx context.Context, job Job, k *keeper, anonymous bool) error {
	body := &counter{r: job.Body}
	k.body = body
	source, err := Open(body, job.Plan, s.cfg.TempDir)
	if err != nil {
		return err
	}
	builder, err := newBuilder(job.Plan, source.Columns())
	if err != nil {
		return errors.Join(err, source.Close())
	}
	r := &reader{
		source: source, body: body, builder: builder, decoder: event.NewDecoder(), options: event.Options{AllowAnonymous: anonymous},
		skip: k.state.Rows, interrupt: job.Interrupt,
	}
	err = run(ctx, r, &submitter{accept: s.cfg.Accept, connection: job.Connection}, func(b *batch, accepted int) error {
		return k.done(ctx, b, accepted)
	})
	return errors.Join(err, source.Close())
}

func (r *running) set(x Import) {
	r.mu.Lock()
	r.state = x
	r.mu.Unlock()
}

// Get returns one import of a connection. Errors: ErrNotFound, or that of the store.
func (s *Service) Get(ctx context.Context, connection, id uuid.UUID) (Import, error) {
	s.mu.Lock()
	r := s.running[id]
	s.mu.Unlock()
	if r != nil {
		r.mu.Lock()
		x := r.state
		r.mu.Unlock()
		if x.Connection == connection {
			return x, nil
		}
	}
	x, found, err := s.cfg.Store.Load(ctx, connection, id)
	if err == nil && !found {
		err = ErrNotFound
	}
	return x, err
}

// List returns the newest imports of a connection.
func (s *Service) List(ctx context.Context, connection uuid.UUID, limit int) ([]Import, error) {
	return s.cfg.Store.List(ctx, connection, limit)
}
