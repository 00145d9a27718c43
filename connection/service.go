package connection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Config of a Service. Store and CollectorID are required.
type Config struct {
	Store *Store
	// CollectorID names this collector's counters in the store. It must be the
	// same after a restart on the same data and differ between collectors. Keep
	// it beside the spool: who loses one should lose both (Registry.RestoreCounts).
	CollectorID string
	// Poll is how often Run asks the store for other collectors' changes: 0 =
	// 300 ms; negative = never, where this process is the only one.
	Poll time.Duration
	// SnapshotPath is the local copy of all connections that a start without the
	// store falls back to; empty = none. It holds tokens: written with mode 0600.
	SnapshotPath string
	// Logger takes what Run cannot return: nil = slog.Default().
	Logger *slog.Logger
	// Now is the clock: nil = time.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() error {
	if c.Store == nil || c.CollectorID == "" {
		return errors.New("connection service needs a store and a collector id")
	}
	if c.Poll == 0 {
		c.Poll = 300 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Service changes connections and keeps this process's registry in step with the
// store. All methods are safe for concurrent use. A change that has begun is
// finished even if the caller's context ends: a request that goes away leaves
// nothing half done.
//
// Changes of one process are made one after the other, each upon the newest row
// of the store, so that two people who patch different fields both win. Between
// collectors the last write of a row wins: two patches of the same connection
// within one round trip to the store, through two collectors, may lose one.
type Service struct {
	cfg      Config
	registry *Registry

	changing sync.Mutex    // one change at a time
	again    chan struct{} // of one token: Run is to read the store again
	snapshot snapshotFile
	sync     syncState // Load's and Run's; see sync.go
}

// NewService returns a service with an empty registry; call Load next.
func NewService(cfg Config) (*Service, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	return &Service{
		cfg: cfg, registry: NewRegistry(), again: make(chan struct{}, 1),
		snapshot: snapshotFile{path: cfg.SnapshotPath},
		sync:     syncState{written: map[uuid.UUID]uint64{}},
	}, nil
}

// Registry returns the registry that this service keeps up to date.
func (s *Service) Registry() *Registry { return s.registry }

// Create makes a connection with a fresh token. Errors: *InvalidError,
// ErrUnavailable.
func (s *Service) Create(ctx context.Context, in New) (Detail, error) {
	c := Connection{
		Name: in.Name, EventSource: in.EventSource, EventObject: in.EventObject, AllowAnonymous: in.AllowAnonymous,
		RetentionDays: in.RetentionDays,
		Token:         newToken(),
	}
	if err := c.check(); err != nil {
		return Detail{}, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return Detail{}, fmt.Errorf("create connection: %w", err)
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	c.ID = id
	c.CreatedAt = s.now()
	return s.put(ctx, row{Connection: c})
}

// Get returns one connection. Errors: ErrNotFound, ErrUnavailable. One that
// another collector made a moment ago is looked up in the store.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Detail, error) {
	if d, ok := s.registry.detail(id); ok {
		return d, nil
	}
	if _, known := s.registry.newest(id); known || (s.cfg.Poll < 0 && s.registry.Ready()) {
		return Detail{}, ErrNotFound
	}
	if _, err := s.fresh(context.WithoutCancel(ctx), id); err != nil {
		return Detail{}, err
	}
	if d, ok := s.registry.detail(id); ok {
		return d, nil
	}
	return Detail{}, ErrNotFound
}

// Update changes the fields that the patch names. Errors: *InvalidError,
// ErrNotFound, ErrUnavailable.
func (s *Service) Update(ctx context.Context, id uuid.UUID, p Patch) (Detail, error) {
	return s.change(ctx, id, func(c *Connection) error {
		set(&c.Name, p.Name)
		set(&c.EventSource, p.EventSource)
		set(&c.EventObject, p.EventObject)
		set(&c.AllowAnonymous, p.AllowAnonymous)
		set(&c.Paused, p.Paused)
		set(&c.RetentionDays, p.RetentionDays)
		return c.check()
	})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Rotate gives the connection a fresh token; the one so far works until grace has
// passed, 0 = ends at once. Earlier tokens keep their own grace. Errors:
// *InvalidError for a grace outside 0 to MaxGrace or too many rotations at once,
// ErrNotFound, ErrUnavailable.
func (s *Service) Rotate(ctx context.Context, id uuid.UUID, grace time.Duration) (Detail, error) {
	if grace < 0 || grace > MaxGrace {
		return Detail{}, invalid("grace", "range", fmt.Sprintf("must be between 0 and %d hours", int(MaxGrace.Hours())))
	}
	return s.change(ctx, id, func(c *Connection) error {
		if grace > 0 {
			if len(c.Previous) >= maxPrevious {
				return invalid("grace", "too_many", fmt.Sprintf(
					"%d earlier tokens still work; rotate without grace, or wait until one ends", maxPrevious))
			}
			old := GraceToken{Token: c.Token, ExpiresAt: s.now().Add(grace)}
			c.Previous = append([]GraceToken{old}, c.Previous...)
		}
		c.Token = newToken()
		return nil
	})
}

// Delete ends the connection: all its tokens are dead at once, and its events are
// hidden from the views. Removing them is somebody else's work. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	_, err := s.changeRow(ctx, id, func(r *row) error {
		r.deleted = true
		// Nothing needs the secrets any more.
		r.Token, r.Previous = "", nil
		return nil
	})
	return err
}

func (s *Service) change(ctx context.Context, id uuid.UUID, f func(*Connection) error) (Detail, error) {
	return s.changeRow(ctx, id, func(r *row) error { return f(&r.Connection) })
}

// changeRow reads the newest row, has f change it, and writes it.
func (s *Service) changeRow(ctx context.Context, id uuid.UUID, f func(*row) error) (Detail, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	r, err := s.fresh(context.WithoutCancel(ctx), id)
	if err != nil {
		return Detail{}, err
	}
	now := s.now()
	var working []GraceToken
	for _, g := range r.Previous {
		if g.Active(now) {
			working = append(working, g)
		}
	}
	r.Previous = working // a copy: the registry shares the row's
	if err := f(&r); err != nil {
		return Detail{}, err
	}
	return s.put(ctx, r)
}

// fresh returns the newest row of a connection that is not deleted, from the
// store or, where a replica of it lags behind, as this process wrote it.
func (s *Service) fresh(ctx context.Context, id uuid.UUID) (row, error) {
	stored, found, err := s.cfg.Store.one(ctx, id)
	if err != nil {
		return row{}, err
	}
	if found && s.registry.Ready() && s.registry.merge([]row{stored}, false, s.cfg.Now()) {
		s.changed()
	}
	known, ok := s.registry.newest(id)
	if !ok || (found && stored.version > known.version) {
		known, ok = stored, found
	}
	if !ok || known.deleted {
		return row{}, ErrNotFound
	}
	return known, nil
}

// put writes a row with the next version and takes it into the registry.
func (s *Service) put(ctx context.Context, r row) (Detail, error) {
	r.UpdatedAt = s.now()
	// Clocks of two collectors may disagree: never below what it replaces.
	r.version = max(uint64(r.UpdatedAt.UnixMicro()), r.version+1)
	if err := s.cfg.Store.save(context.WithoutCancel(ctx), r); err != nil {
		// It may have reached the store all the same.
		s.readAgain()
		return Detail{}, err
	}
	s.registry.wrote(r, s.cfg.Now())
	s.changed()
	d, ok := s.registry.detail(r.ID)
	if !ok { // deleted, or nothing has been loaded yet
		d = Detail{Connection: r.clone(), Status: statusOf(r.Paused, 0)}
	}
	return d, nil
}

// now is the clock as the store keeps it.
func (s *Service) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) readAgain() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}
