package privacy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// Ingest is what takes events in.
type Ingest interface {
	// Forget returns once everything that was accepted before is in the tables and
	// nowhere else, and what mentions the person is gone from memory and files; it
	// says how much of that there was.
	Forget(ctx context.Context, mentions func([]byte) bool) (map[string]int, error)
}

// Samples are values of payloads that are kept to be shown.
type Samples interface {
	// Forget lets go of the samples of connections, and of all that mention somebody.
	// It returns how many there were.
	Forget(ctx context.Context, connections []uuid.UUID, mentions func([]byte) bool) (int, error)
}

// Config of an Eraser. Conn and Database are required.
type Config struct {
	Conn driver.Conn
	// Database holds the tables; Cluster is the cluster's name, empty = one server.
	Database, Cluster string
	// Ingest and Samples are this process's; nil = there are none.
	Ingest  Ingest
	Samples Samples
	// Forget empties caches of answers. Nil: there are none.
	Forget func()
	// Refuse says whether events of erased people are refused or only flagged.
	Refuse bool
	// Poll is how often Run asks for other collectors' erasures: 0 = 500 ms;
	// negative = never, where this process is the only one.
	Poll   time.Duration
	Logger *slog.Logger // nil = slog.Default()
}

func (c *Config) setDefaults() error {
	if c.Conn == nil || c.Database == "" {
		return errors.New("erasing needs a connection and a database")
	}
	if c.Forget == nil {
		c.Forget = func() {}
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// Eraser erases people. It is safe for concurrent use: one erasure runs at a time.
type Eraser struct {
	cfg         Config
	store       store
	remover     *remover
	suppression *Suppression
	busy        sync.Mutex
}

// eraseTimeout bounds one erasure: with 20 million events it takes a minute or so.
const eraseTimeout = time.Hour

// maxRounds bounds how often an erasure looks for rows that arrived while it ran.
const maxRounds = 20

// New returns an Eraser that knows nobody yet; call Load next.
func New(cfg Config) (*Eraser, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	return &Eraser{
		cfg: cfg, store: store{cfg.Conn}, suppression: NewSuppression(cfg.Refuse),
		remover: &remover{conn: cfg.Conn, database: cfg.Database, cluster: cfg.Cluster, pause: 200 * time.Millisecond, events: eventTables()},
	}, nil
}

// Connect names what is to forget besides the tables, before the first Erase: ingest
// needs the Suppression first.
func (e *Eraser) Connect(ingest Ingest, samples Samples, forget func()) {
	e.cfg.Ingest, e.cfg.Samples, e.cfg.Forget = ingest, samples, forget
}

// Suppression tells who was erased.
func (e *Eraser) Suppression() *Suppression { return e.suppression }

// Load reads who was erased. Errors wrap ErrUnavailable.
func (e *Eraser) Load(ctx context.Context) error {
	key, err := e.store.key(ctx)
	if err != nil {
		return err
	}
	_, people, err := e.store.list(ctx)
	if err != nil {
		return err
	}
	e.suppression.set(newHasher(key), people)
	return nil
}

// Run keeps up with the erasures of other collectors until ctx ends, and goes on trying
// where Load failed at the start.
func (e *Eraser) Run(ctx context.Context) {
	wait := e.cfg.Poll
	if wait < 0 {
		wait = time.Second
	}
	for told := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		err := e.Load(ctx)
		switch {
		case err == nil && e.cfg.Poll < 0:
			return // nobody else writes
		case err == nil:
			told = false
		case ctx.Err() == nil && !told:
			told = true
			e.cfg.Logger.Warn("who was erased is not known now; trying again", "error", err)
		}
	}
}

// List returns all receipts, newest first. Errors wrap ErrUnavailable.
func (e *Eraser) List(ctx context.Context) ([]Receipt, error) {
	receipts, _, err := e.store.list(ctx)
	return receipts, err
}

// Erase removes everything of a person, on behalf of somebody, and returns when it is
// gone. It goes on when the caller leaves. Errors: ErrAddress, ErrUnavailable; after
// the latter the receipt stays in the list as unfinished, and doing it again is right.
func (e *Eraser) Erase(ctx context.Context, email, by string) (Receipt, error) {
	address, err := check(email)
	if err != nil {
		return Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseTimeout)
	defer cancel()
	e.busy.Lock()
	defer e.busy.Unlock()
	key, err := e.store.key(ctx)
	if err != nil {
		return Receipt{}, err
	}
	h := newHasher(key)
	sum, prefilter := h.sum([]byte(address)), h.prefilter([]byte(address))
	r := Receipt{ID: uuid.New(), EmailHash: sum.String(), RequestedBy: by, StartedAt: now(), Removed: []Removed{}}
	e.suppression.running(sum, 1)
	defer func() {
		e.suppression.running(sum, -1)
		_ = e.Load(ctx) // an error leaves the person refused until the next one
	}()
	if err := e.store.save(ctx, r, prefilter); err != nil {
		return Receipt{}, err
	}
	if err := e.Load(ctx); err != nil {
		return Receipt{}, err
	}
	if e.cfg.Poll > 0 {
		time.Sleep(3 * e.cfg.Poll) // until the other collectors know
	}
	e.cfg.Logger.Info("erasure begun", "erasure", r.ID)
	if err := e.empty(ctx, &r, &work{remover: e.remover, id: r.ID, address: address}); err != nil {
		e.cfg.Logger.Error("erasure was not finished; do it again", "erasure", r.ID, "error", err)
		return Receipt{}, err
	}
	at := now()
	r.Finished, r.ErasedAt = true, &at
	if err := e.store.save(ctx, r, prefilter); err != nil {
		return Receipt{}, err
	}
	e.cfg.Logger.Info("erasure finished", "erasure", r.ID, "events", r.EventsErased, "took", at.Sub(r.StartedAt))
	return r, nil
}

// empty removes until a count finds nothing, and waits until the bytes are gone.
func (e *Eraser) empty(ctx context.Context, r *Receipt, w *work) error {
	for range maxRounds {
		rest, err := e.round(ctx, r, w)
		if err != nil {
			return err
		}
		if r.Remaining = rest; rest == 0 {
			break
		}
	}
	if r.Remaining > 0 {
		return fmt.Errorf("%w: %d rows kept arriving", ErrUnavailable, r.Remaining)
	}
	n, err := e.remover.number(w.context(ctx), countNoted)
	if err != nil {
		return err
	}
	r.EventsErased = n
	if err := w.drop(ctx); err != nil {
		return err
	}
	return e.remover.gone(ctx, append(e.remover.all(), table{name: "erasure_work"})...)
}

// round removes what there is now, and counts what has come meanwhile.
func (e *Eraser) round(ctx context.Context, r *Receipt, w *work) (rest uint64, err error) {
	found := mentions(w.address)
	if e.cfg.Ingest != nil {
		held, err := e.cfg.Ingest.Forget(ctx, found)
		if err != nil {
			return 0, unavailable("let go of what is being taken in", err)
		}
		for where, n := range held {
			r.removed(where, uint64(n))
		}
	}
	if err := w.find(ctx); err != nil {
		return 0, err
	}
	for _, t := range e.remover.events {
		n, err := w.remove(ctx, t)
		if err != nil {
			return 0, err
		}
		r.removed(t.name, n)
	}
	refused, err := w.findRefused(ctx, found, true)
	if err != nil {
		return 0, err
	}
	if refused > 0 {
		if err := w.removeRefused(ctx); err != nil {
			return 0, err
		}
	}
	r.RefusedRequestsErased += refused
	r.removed("refused_requests", refused)
	if e.cfg.Samples != nil {
		ids, err := w.connections(ctx)
		if err != nil {
			return 0, err
		}
		n, err := e.cfg.Samples.Forget(ctx, ids, found)
		if err != nil {
			return 0, unavailable("let go of samples", err)
		}
		r.removed("samples", uint64(n))
	}
	e.cfg.Forget()
	if rest, _, err = w.rows(ctx); err != nil {
		return 0, err
	}
	refused, err = w.findRefused(ctx, found, false)
	return rest + refused, err
}

// Exclude waits for an erasure that runs and keeps others from beginning until release
// is called: whoever has a copy of the tables for a while must not have it then.
func (e *Eraser) Exclude() (release func()) {
	e.busy.Lock()
	return e.busy.Unlock
}

// Preview says what Erase would remove of the tables, and changes nothing. Events that
// wait to be inserted are not counted. Errors: as Erase's.
func (e *Eraser) Preview(ctx context.Context, email string) (_ Receipt, err error) {
	address, err := check(email)
	if err != nil {
		return Receipt{}, err
	}
	key, err := e.store.key(ctx)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{ID: uuid.New(), EmailHash: newHasher(key).sum([]byte(address)).String(), StartedAt: now(), Removed: []Removed{}, DryRun: true}
	w := &work{remover: e.remover, id: r.ID, address: address}
	defer func() { err = errors.Join(err, w.drop(context.WithoutCancel(ctx))) }()
	if err := w.find(ctx); err != nil {
		return Receipt{}, err
	}
	for _, t := range e.remover.events {
		n, err := e.remover.number(ctx, "SELECT count() FROM "+quote(t.name)+" WHERE "+w.condition(t))
		if err != nil {
			return Receipt{}, err
		}
		r.removed(t.name, n)
	}
	if r.EventsErased, err = e.remover.number(w.context(ctx), countNoted); err != nil {
		return Receipt{}, err
	}
	if r.RefusedRequestsErased, err = w.findRefused(ctx, mentions(address), false); err != nil {
		return Receipt{}, err
	}
	r.removed("refused_requests", r.RefusedRequestsErased)
	rows, _, err := w.rows(ctx)
	r.Remaining = rows + r.RefusedRequestsErased
	return r, err
}

// check returns an address as it is compared.
func check(email string) (string, error) {
	address := Normalise(email)
	user, domain, ok := strings.Cut(address, "@")
	if !ok || user == "" || domain == "" || len(address) > 320 || strings.ContainsAny(address, "\x00\n\r") {
		return "", fmt.Errorf("%w: write the whole address, such as ada@example.com", ErrAddress)
	}
	return address, nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
