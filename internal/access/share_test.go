package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/internal/access"
)

func TestShares(t *testing.T) {
	store, ctx := newMemory(), t.Context()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(c *access.Config) { c.Now = func() time.Time { return now } }
	a, b := newKeys(t, store, at), newKeys(t, store, at)
	for _, k := range []*access.Keys{a, b} {
		if err := k.Load(ctx); err != nil {
			t.Fatal(err)
		}
	}
	key, secret, err := a.Share(ctx, "sales", "Ann", now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	want := access.Key{ID: key.ID, Name: "Ann", Role: access.Viewer, CreatedAt: now, ExpiresAt: now.Add(time.Hour), Dashboard: "sales"}
	if diff := cmp.Diff(want, key); diff != "" {
		t.Error(diff)
	}
	if err := b.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Authenticate(secret); err != nil || got != want {
		t.Errorf("through another collector: %+v, %v", got, err)
	}
	plain, _, err := a.Create(ctx, "plain", access.Viewer, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another dashboard's": a.DeleteShare(ctx, "people", key.ID),
		"no dashboard's":      a.DeleteShare(ctx, "", key.ID),
		"a plain key":         a.DeleteShare(ctx, "sales", plain.ID),
		"a plain key of none": a.DeleteShare(ctx, "", plain.ID),
	} {
		if !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, kept, err := a.Share(ctx, "people", "Joe", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	// b does not know yet what a made; all links of the dashboard end all the same.
	_, fresh, err := a.Share(ctx, "sales", "Sue", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteShares(ctx, "sales"); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteShares(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if err := a.Load(ctx); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*access.Keys{a, b} {
		for _, dead := range []string{secret, fresh} {
			if _, err := k.Authenticate(dead); !errors.Is(err, access.ErrUnknown) {
				t.Errorf("a link of the deleted dashboard: %v", err)
			}
		}
		if _, err := k.Authenticate(kept); err != nil {
			t.Errorf("another dashboard's link: %v", err)
		}
		if keys, err := k.List(ctx); err != nil || len(keys) != 2 {
			t.Errorf("%+v, %v", keys, err)
		}
	}
	if _, _, err := a.Share(ctx, "sales", "late", now); err != nil {
		t.Fatal(err)
	}
	store.setDown(true)
	if err := a.DeleteShares(ctx, "sales"); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("while the store is down: %v", err)
	}
}

// A store that has lost which dashboard a link is for must not make it a key to all of
// them, nor a plain key one of a dashboard.
func TestShareWithoutItsDashboard(t *testing.T) {
	store := newMemory()
	k := newKeys(t, store, nil)
	_, shared, err := k.Share(t.Context(), "sales", "Ann", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	_, plain, err := k.Create(t.Context(), "plain", access.Viewer, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Rows(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if (r.Dashboard == "") == strings.HasPrefix(r.Hash, "share:") {
			t.Errorf("stored as %+v", r)
		}
		if r.Dashboard == "" {
			r.Dashboard = "sales"
		} else {
			r.Dashboard = ""
		}
		store.rows[r.ID] = r
	}
	after := newKeys(t, store, nil)
	if err := after.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{shared, plain} {
		if key, err := after.Authenticate(secret); !errors.Is(err, access.ErrUnknown) {
			t.Errorf("%+v, %v", key, err)
		}
	}
}
