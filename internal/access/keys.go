package access

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Store keeps keys. Its errors wrap ErrUnavailable. *Table is the one in ClickHouse.
type Store interface {
	// Rows returns the newest row of every key, deleted ones included.
	Rows(ctx context.Context) ([]Row, error)
	// Save adds a row, which replaces those of its id with lower versions.
	Save(ctx context.Context, r Row) error
}

// Row is a key as it is stored.
type Row struct {
	Key
	Hash    string // SHA-256 in lower-case hexadecimal, of a shared link's key behind "share:"
	Version uint64
	Deleted bool
}

// Config of Keys. Store and AdminKey are required.
type Config struct {
	Store Store
	// AdminKey is the administrator's key (LoadOrCreateAdminKey).
	AdminKey string
	// Poll is how often Run asks the store for other collectors' changes: 0 =
	// 500 ms; negative = never, where this process is the only one.
	Poll time.Duration
	// Logger takes what Run cannot return: nil = slog.Default().
	Logger *slog.Logger
	// Now is the clock: nil = time.Now.
	Now func() time.Time
}

func (c *Config) setDefaults() error {
	if c.Store == nil || c.AdminKey == "" {
		return errors.New("API keys need a store and an administrator's key")
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Keys recognises keys and changes them. All methods are safe for concurrent use.
type Keys struct {
	cfg   Config
	admin hash
	known atomic.Pointer[index] // nil before the first Load

	mu   sync.Mutex // one change or reading is taken over at a time
	rows map[uuid.UUID]Row
}

// index finds a key by the first eight bytes of its hash. They say nothing about
// the key, so that the time a map takes may depend on them.
type index map[uint64][]entry

type entry struct {
	hash hash
	key  Key
}

func (h hash) prefix() uint64 { return binary.BigEndian.Uint64(h[:8]) }

// New returns Keys that know the administrator's key alone; call Load next.
func New(cfg Config) (*Keys, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	return &Keys{cfg: cfg, admin: hashOf(cfg.AdminKey), rows: map[uuid.UUID]Row{}}, nil
}

// Authenticate returns the key that a secret is. Errors: ErrUnknown, or
// ErrUnavailable for any but the administrator's before the store could be read
// for the first time. It never touches the store.
func (k *Keys) Authenticate(secret string) (Key, error) {
	if secret == "" || len(secret) > MaxSecret {
		return Key{}, ErrUnknown
	}
	h := hashOf(secret)
	if subtle.ConstantTimeCompare(h[:], k.admin[:]) == 1 {
		return Key{Name: "administrator", Role: Admin}, nil
	}
	known := k.known.Load()
	if known == nil {
		return Key{}, ErrUnavailable
	}
	for _, e := range (*known)[h.prefix()] {
		if subtle.ConstantTimeCompare(h[:], e.hash[:]) == 1 && e.key.Active(k.cfg.Now()) {
			return e.key, nil
		}
	}
	return Key{}, ErrUnknown
}

// Create makes a key. The secret is not kept: it cannot be shown again. The caller
// has checked name and role. Errors: ErrUnavailable.
func (k *Keys) Create(ctx context.Context, name string, role Role, expires time.Time) (Key, string, error) {
	return k.create(ctx, Key{Name: name, Role: role, ExpiresAt: expires})
}

// Share makes a viewer's key that opens one dashboard, which the caller knows to be
// there. Otherwise it is like Create.
func (k *Keys) Share(ctx context.Context, dashboard, name string, expires time.Time) (Key, string, error) {
	return k.create(ctx, Key{Name: name, Role: Viewer, ExpiresAt: expires, Dashboard: dashboard})
}

func (k *Keys) create(ctx context.Context, key Key) (Key, string, error) {
	var err error
	if key.ID, err = uuid.NewRandom(); err != nil {
		return Key{}, "", fmt.Errorf("create API key: %w", err)
	}
	secret := NewSecret(key.Role)
	key.CreatedAt = k.now()
	if !key.ExpiresAt.IsZero() {
		key.ExpiresAt = key.ExpiresAt.UTC().Truncate(time.Microsecond)
	}
	row := Row{Key: key, Hash: hashOf(secret).stored(key.Dashboard), Version: uint64(key.CreatedAt.UnixMicro())}
	if err := k.write(ctx, row); err != nil {
		return Key{}, "", err
	}
	return key, secret, nil
}

// List returns all keys but the administrator's of the configuration, newest
// first, expired ones included. Errors: ErrUnavailable before the first Load.
func (k *Keys) List(context.Context) ([]Key, error) {
	if k.known.Load() == nil {
		return nil, ErrUnavailable
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := make([]Key, 0, len(k.rows))
	for _, r := range k.rows {
		if !r.Deleted {
			keys = append(keys, r.Key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return keys, nil
}

// Delete ends a key. Errors: ErrNotFound, ErrUnavailable. A key that another
// collector made a moment ago is looked up in the store.
func (k *Keys) Delete(ctx context.Context, id uuid.UUID) error {
	return k.delete(ctx, id, func(Key) bool { return true })
}

// DeleteShare ends the key of a dashboard's shared link. Errors: as Delete's;
// ErrNotFound for any key that is not one of this dashboard's.
func (k *Keys) DeleteShare(ctx context.Context, dashboard string, id uuid.UUID) error {
	return k.delete(ctx, id, func(key Key) bool { return dashboard != "" && key.Dashboard == dashboard })
}

// DeleteShares ends the keys of all of a dashboard's shared links, those made through
// other collectors too. Errors: ErrUnavailable; some keys may have ended then.
func (k *Keys) DeleteShares(ctx context.Context, dashboard string) error {
	if err := k.Load(ctx); err != nil {
		return err
	}
	keys, err := k.List(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.Dashboard != dashboard || dashboard == "" {
			continue
		}
		if err := k.DeleteShare(ctx, dashboard, key.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

func (k *Keys) delete(ctx context.Context, id uuid.UUID, may func(Key) bool) error {
	r, ok := k.row(id)
	if !ok {
		if err := k.Load(ctx); err != nil {
			return err
		}
		r, ok = k.row(id)
	}
	if !ok || !may(r.Key) {
		return ErrNotFound
	}
	r.Deleted = true
	r.Version = max(uint64(k.now().UnixMicro()), r.Version+1)
	return k.write(ctx, r)
}

func (k *Keys) row(id uuid.UUID) (Row, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.rows[id]
	return r, ok && !r.Deleted
}

// write finishes even if the caller goes away: half a change would be none that
// anybody knows of.
func (k *Keys) write(ctx context.Context, r Row) error {
	if err := k.cfg.Store.Save(context.WithoutCancel(ctx), r); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows[r.ID] = r
	if k.known.Load() != nil {
		k.publish()
	}
	return nil
}

// Load reads all keys from the store.
func (k *Keys) Load(ctx context.Context) error {
	stored, err := k.cfg.Store.Rows(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range stored {
		// What this process wrote may be newer than the reading, or the replica that
		// answered may lag behind.
		if known, ok := k.rows[r.ID]; !ok || r.Version >= known.Version {
			k.rows[r.ID] = r
		}
	}
	k.publish()
	return nil
}

// publish makes the rows what Authenticate sees; k.mu is held.
func (k *Keys) publish() {
	known := make(index, len(k.rows))
	for _, r := range k.rows {
		if r.Deleted {
			continue
		}
		h, ok := parseHash(r.Hash, r.Dashboard)
		if !ok || !r.Role.Valid() {
			k.cfg.Logger.Warn("stored API key is not usable", "key_id", r.ID)
			continue
		}
		known[h.prefix()] = append(known[h.prefix()], entry{h, r.Key})
	}
	k.known.Store(&known)
}

// Run keeps the keys in step with the store until ctx is done. While the store is
// down it goes on trying and the keys last known stay valid.
func (k *Keys) Run(ctx context.Context) {
	const retryMost = 5 * time.Second
	failures := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	if k.known.Load() != nil {
		if k.cfg.Poll < 0 {
			return
		}
		timer.Reset(k.cfg.Poll)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := k.Load(ctx)
		switch {
		case err == nil && failures > 0:
			k.cfg.Logger.Info("store of API keys is available again")
			failures = 0
		case err != nil && ctx.Err() == nil:
			if failures++; failures == 1 {
				k.cfg.Logger.Warn("store of API keys is unavailable: going on with what is known", "error", err)
			}
		}
		switch {
		case err == nil && k.cfg.Poll < 0:
			return
		case err == nil:
			timer.Reset(k.cfg.Poll)
		default:
			timer.Reset(min(max(k.cfg.Poll, 200*time.Millisecond)<<min(failures, 5), retryMost))
		}
	}
}

func (k *Keys) now() time.Time { return k.cfg.Now().UTC().Truncate(time.Microsecond) }
