package access_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/access"
)

const adminKey = "trb_admin_of_the_tests"

// memory is a Store that several Keys share, as collectors share a server.
type memory struct {
	mu    sync.Mutex
	rows  map[uuid.UUID]access.Row
	down  bool
	reads int
	// hold, if set, delays the answer of a reading that has seen the rows.
	hold chan struct{}
	held chan struct{}
}

func newMemory() *memory { return &memory{rows: map[uuid.UUID]access.Row{}} }

func (m *memory) Rows(context.Context) ([]access.Row, error) {
	m.mu.Lock()
	m.reads++
	if m.down {
		m.mu.Unlock()
		return nil, fmt.Errorf("load: %w", access.ErrUnavailable)
	}
	var rows []access.Row
	for _, r := range m.rows {
		rows = append(rows, r)
	}
	hold := m.hold
	m.mu.Unlock()
	if hold != nil {
		m.held <- struct{}{}
		<-hold
	}
	return rows, nil
}

func (m *memory) Save(_ context.Context, r access.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return fmt.Errorf("save: %w", access.ErrUnavailable)
	}
	if r.Version > m.rows[r.ID].Version {
		m.rows[r.ID] = r
	}
	return nil
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func newKeys(t *testing.T, s access.Store, change func(*access.Config)) *access.Keys {
	t.Helper()
	cfg := access.Config{Store: s, AdminKey: adminKey, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	k, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRoles(t *testing.T) {
	roles := []access.Role{access.Viewer, access.Analyst, access.Admin}
	for i, r := range roles {
		for j, need := range roles {
			if got, want := r.Includes(need), i >= j; got != want {
				t.Errorf("%s includes %s: %t", r, need, got)
			}
		}
		if r.Includes("") || access.Role("owner").Includes(r) || !r.Valid() {
			t.Errorf("%s and unknown roles", r)
		}
	}
}

func TestKeyLifeCycle(t *testing.T) {
	store := newMemory()
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	k := newKeys(t, store, func(c *access.Config) { c.Now = func() time.Time { return now } })
	ctx := t.Context()
	if err := k.Load(ctx); err != nil {
		t.Fatal(err)
	}
	key, secret, err := k.Create(ctx, "grafana", access.Viewer, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^trb_viewer_[a-z2-7]{32}$`).MatchString(secret) {
		t.Errorf("secret %q", secret)
	}
	want := access.Key{
		ID: key.ID, Name: "grafana", Role: access.Viewer,
		CreatedAt: now.Truncate(time.Microsecond), ExpiresAt: now.Add(time.Hour).Truncate(time.Microsecond),
	}
	if diff := cmp.Diff(want, key); diff != "" || key.ID == uuid.Nil {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	if strings.Contains(fmt.Sprintf("%+v", store.rows), secret[11:]) {
		t.Error("the store holds the secret")
	}
	for name, wrong := range map[string]string{
		"empty": "", "cut": secret[:len(secret)-1], "longer": secret + "a", "upper case": strings.ToUpper(secret),
		"the hash": store.rows[key.ID].Hash, "endless": strings.Repeat("x", 1<<20),
	} {
		if _, err := k.Authenticate(wrong); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := k.Authenticate(secret); err != nil || got != want {
		t.Errorf("authenticate: %+v, %v", got, err)
	}
	now = now.Add(time.Hour)
	if _, err := k.Authenticate(secret); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("an expired key: %v", err)
	}
	if list, err := k.List(ctx); err != nil || len(list) != 1 {
		t.Errorf("an expired key is still listed: %v, %v", list, err)
	}
	if err := k.Delete(ctx, key.ID); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(ctx, key.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if list, err := k.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestStoreDown(t *testing.T) {
	store := newMemory()
	store.setDown(true)
	k := newKeys(t, store, nil)
	if key, err := k.Authenticate(adminKey); err != nil || key.Role != access.Admin || key.ID != uuid.Nil {
		t.Errorf("the administrator's key: %+v, %v", key, err)
	}
	if _, err := k.Authenticate("trb_viewer_x"); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("a key that may be valid: %v", err)
	}
	if _, err := k.List(t.Context()); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("list: %v", err)
	}
	if _, _, err := k.Create(t.Context(), "x", access.Viewer, time.Time{}); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("create: %v", err)
	}
	if err := k.Delete(t.Context(), uuid.New()); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("delete: %v", err)
	}
}

// A deletion that fails must leave the key working: the caller is told so.
func TestDeleteFails(t *testing.T) {
	store := newMemory()
	k := newKeys(t, store, nil)
	if err := k.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, secret, err := k.Create(t.Context(), "x", access.Analyst, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	store.setDown(true)
	if err := k.Delete(t.Context(), key.ID); !errors.Is(err, access.ErrUnavailable) {
		t.Fatalf("delete: %v", err)
	}
	if _, err := k.Authenticate(secret); err != nil {
		t.Errorf("authenticate: %v", err)
	}
}

func TestCollectorsShareKeysWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		store.setDown(true)
		a, b := newKeys(t, store, nil), newKeys(t, store, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { a.Run(ctx) })
		wg.Go(func() { b.Run(ctx) })
		time.Sleep(10 * time.Second)
		store.setDown(false)
		time.Sleep(6 * time.Second) // the longest pause after failures
		key, secret, err := a.Create(ctx, "shared", access.Admin, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := b.Authenticate(secret); err != nil {
			t.Errorf("the other collector, a second after: %v", err)
		}
		if err := b.Delete(ctx, key.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := a.Authenticate(secret); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("who made it, a second after the deletion: %v", err)
		}
		cancel()
		wg.Wait()
	})
}

// A reading that began before a deletion and ends after it must not bring the key back.
func TestDeleteDuringAReading(t *testing.T) {
	store := newMemory()
	k := newKeys(t, store, nil)
	if err := k.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, secret, err := k.Create(t.Context(), "x", access.Viewer, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	store.hold, store.held = make(chan struct{}), make(chan struct{})
	read := make(chan error)
	go func() { read <- k.Load(context.Background()) }()
	<-store.held
	if err := k.Delete(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	close(store.hold)
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	if _, err := k.Authenticate(secret); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("the deleted key: %v", err)
	}
}

func TestNoPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		store.setDown(true)
		k := newKeys(t, store, func(c *access.Config) { c.Poll = -1 })
		done := make(chan struct{})
		go func() { k.Run(t.Context()); close(done) }()
		time.Sleep(time.Second)
		store.setDown(false)
		<-done // it ends once it has read what was there at the start
		if _, err := k.Authenticate("x"); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("after the start: %v", err)
		}
	})
}

func TestAdminKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "secrets")
	key, err := access.LoadOrCreateAdminKey(dir, "")
	if err != nil || !regexp.MustCompile(`^trb_admin_[a-z2-7]{32}$`).MatchString(key) {
		t.Fatalf("key %q, %v", key, err)
	}
	modes := map[string]fs.FileMode{}
	for _, path := range []string{dir, filepath.Join(dir, access.AdminKeyFile)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		modes[filepath.Base(path)] = info.Mode().Perm()
	}
	if diff := cmp.Diff(map[string]fs.FileMode{"secrets": 0o700, "admin-key": 0o600}, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
	if again, err := access.LoadOrCreateAdminKey(dir, ""); again != key || err != nil {
		t.Errorf("the next start: %q, %v", again, err)
	}
	if files, err := os.ReadDir(dir); len(files) != 1 || err != nil {
		t.Errorf("files left behind: %v, %v", files, err)
	}
	if got, err := access.LoadOrCreateAdminKey(dir, "configured"); got != "configured" || err != nil {
		t.Errorf("configured: %q, %v", got, err)
	}
	for _, bad := range []string{"with blank", "ümlaut", "line\n", strings.Repeat("x", access.MaxSecret+1)} {
		if _, err := access.LoadOrCreateAdminKey(dir, bad); err == nil || !strings.Contains(err.Error(), "--admin-key") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, access.AdminKeyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := access.LoadOrCreateAdminKey(dir, ""); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestAdminKeyOfProcessesThatStartAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := access.LoadOrCreateAdminKey(dir, "")
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] || key == "" {
			t.Errorf("keys differ: %q", keys)
		}
	}
}
