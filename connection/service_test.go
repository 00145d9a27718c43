package connection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

var sameConnection = cmp.Options{cmpopts.IgnoreUnexported(Connection{}), cmpopts.EquateEmpty()}

func ptr[T any](v T) *T { return &v }

func TestCreate(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	d, err := s.Create(t.Context(), New{Name: "  Shop orders ", EventSource: "\tWeb", EventObject: "Order 🛒", AllowAnonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	want := Detail{Status: StatusAwaitingData, Connection: Connection{
		ID: d.ID, Name: "Shop orders", EventSource: "Web", EventObject: "Order 🛒", AllowAnonymous: true,
		Token: d.Token, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}}
	if diff := cmp.Diff(want, d, sameConnection); diff != "" {
		t.Error(diff)
	}
	if len(d.Token) != tokenLength || d.ID.Version() != 4 || d.CreatedAt.Sub(c.Now()).Abs() > time.Second {
		t.Errorf("token %q, id %v, created %v", d.Token, d.ID, d.CreatedAt)
	}
	if target, ok := s.Registry().Lookup(d.Token, c.Now()); !ok || target.ID() != d.ID || !target.AllowAnonymous() {
		t.Error("its token does not work at once")
	}
	// The same after a restart, from the store.
	again := db.loaded(t, "a", withClock(c))
	if diff := cmp.Diff(d, get(t, again, d), sameConnection); diff != "" {
		t.Error("after a restart:", diff)
	}
	if !works(again, d.Token) {
		t.Error("its token does not work after a restart")
	}
}

func TestValidation(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	d := create(t, s, "fine")
	long := strings.Repeat("ä", MaxName)
	for name, test := range map[string]struct {
		name, source, object string
		want                 []string // field and code
	}{
		"longest":       {long, long, long, nil},
		"joined emoji":  {"👩‍💻", "x", "x", nil},
		"all empty":     {"", " ", "\n", []string{"name required", "event_source required", "event_object required"}},
		"too long":      {long + "x", "x", "x", []string{"name max"}},
		"not UTF-8":     {"x", "\xff", "x", []string{"event_source utf8"}},
		"line break":    {"x", "x", "a\nb", []string{"event_object printable"}},
		"NUL":           {"a\x00b", "x", "x", []string{"name printable"}},
		"right to left": {"a\u202eb", "x", "x", []string{"name printable"}},
		"line sep":      {"a\u2028b", "x", "x", []string{"name printable"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, createErr := s.Create(t.Context(), New{Name: test.name, EventSource: test.source, EventObject: test.object})
			_, updateErr := s.Update(t.Context(), d.ID, Patch{Name: &test.name, EventSource: &test.source, EventObject: &test.object})
			for _, err := range []error{createErr, updateErr} {
				var got []string
				var e *InvalidError
				if errors.As(err, &e) {
					for _, v := range e.Errors {
						got = append(got, v.Field+" "+v.Code)
						if v.Message == "" {
							t.Error("no message")
						}
					}
				} else if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
				var first *ValidationError
				if errors.As(err, &first) != (test.want != nil) {
					t.Errorf("as a ValidationError: %v", first)
				}
			}
		})
	}
	if page, err := s.List(t.Context(), ListOptions{}); err != nil || len(page.Connections) != 3 {
		t.Errorf("%d connections, %v; want what was valid: 3", len(page.Connections), err)
	}
}

func TestUpdate(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	d := create(t, s, "before")
	accept(t, s, d.Token, 3, c.Now())
	got, err := s.Update(t.Context(), d.ID, Patch{Name: ptr(" after "), Paused: ptr(true)})
	if err != nil {
		t.Fatal(err)
	}
	want := d
	want.Name, want.Paused, want.Status = "after", true, StatusPaused
	want.UpdatedAt, want.Stats = got.UpdatedAt, got.Stats
	if diff := cmp.Diff(want, got, sameConnection); diff != "" {
		t.Error(diff)
	}
	if !got.UpdatedAt.After(d.UpdatedAt) || got.Stats.EventsReceived != 3 {
		t.Errorf("updated %v, stats %v", got.UpdatedAt, got.Stats)
	}
	target, ok := s.Registry().Lookup(d.Token, c.Now())
	if !ok || !target.Paused() {
		t.Error("not paused at once, or not found while paused")
	}
	if got, err = s.Update(t.Context(), d.ID, Patch{Paused: ptr(false), AllowAnonymous: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	if got.Status != StatusConnected || !got.AllowAnonymous || got.Name != "after" || target.Paused() {
		t.Errorf("resumed: %+v", got)
	}
	if diff := cmp.Diff(got.Connection, get(t, db.loaded(t, "a"), d).Connection, sameConnection); diff != "" {
		t.Error("after a restart:", diff)
	}
	// Even where the clock has been set back, the newer row wins.
	c.advance(-time.Hour)
	if _, err := s.Update(t.Context(), d.ID, Patch{Name: ptr("by a late clock")}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, db.loaded(t, "a"), d); got.Name != "by a late clock" {
		t.Errorf("kept %q", got.Name)
	}
}

func TestManyPatchesAtOnceLoseNothing(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	d := create(t, s, "c")
	var group sync.WaitGroup
	for i := range 4 {
		for _, patch := range []Patch{
			{Name: ptr(fmt.Sprint("name ", i))},
			{EventSource: ptr("source")},
			{EventObject: ptr("object")},
			{AllowAnonymous: ptr(true)},
			{Paused: ptr(true)},
		} {
			group.Go(func() {
				if _, err := s.Update(t.Context(), d.ID, patch); err != nil {
					t.Error(err)
				}
			})
		}
		group.Go(func() {
			if _, err := s.Rotate(t.Context(), d.ID, time.Hour); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := get(t, db.loaded(t, "a"), d)
	if !strings.HasPrefix(got.Name, "name ") || got.EventSource != "source" || got.EventObject != "object" ||
		!got.AllowAnonymous || !got.Paused || len(got.Previous) != 4 {
		t.Errorf("lost something: %+v", got)
	}
}

// Two collectors that change different fields one after the other both win, long
// before the one polls what the other did.
func TestChangesBuildOnTheStore(t *testing.T) {
	db := newDatabase(t)
	a, b := db.loaded(t, "a"), db.loaded(t, "b")
	d := create(t, a, "c")
	if _, err := b.Update(t.Context(), d.ID, Patch{EventSource: ptr("by b")}); err != nil {
		t.Fatal(err)
	}
	got, err := a.Update(t.Context(), d.ID, Patch{EventObject: ptr("by a")})
	if err != nil {
		t.Fatal(err)
	}
	if got.EventSource != "by b" || got.EventObject != "by a" {
		t.Errorf("%+v", got)
	}
	if d = create(t, a, "another"); get(t, b, d).Name != "another" {
		t.Error("b does not get what a has made")
	}
	if err := a.Delete(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(t.Context(), d.ID, Patch{Name: ptr("x")}); !errors.Is(err, ErrNotFound) {
		t.Errorf("b changed what a has deleted: %v", err)
	}
	if works(b, d.Token) {
		t.Error("b knows of the deletion, yet the token works")
	}
}

func TestRotate(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	d := create(t, s, "c")
	tokens := []string{d.Token}
	rotate := func(grace time.Duration) Detail {
		t.Helper()
		got, err := s.Rotate(t.Context(), d.ID, grace)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(tokens, got.Token) || !works(s, got.Token) {
			t.Fatal("no new token that works")
		}
		tokens = append(tokens, got.Token)
		return got
	}
	check := func(when string, want ...bool) {
		t.Helper()
		for _, service := range []*Service{s, db.loaded(t, "a", withClock(c))} { // and after a restart
			var got []bool
			for _, token := range tokens {
				got = append(got, works(service, token))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(when, diff)
			}
		}
	}
	got := rotate(DefaultGrace)
	if len(got.Previous) != 1 || got.Previous[0].Token != d.Token || got.Previous[0].ExpiresAt.Sub(c.Now()).Round(time.Minute) != 24*time.Hour {
		t.Errorf("previous: %v", got.Previous)
	}
	check("one grace", true, true)
	rotate(time.Hour)
	check("two graces", true, true, true)
	c.advance(time.Hour)
	check("the later one has ended", true, false, true)
	rotate(0)
	check("rotated at once", true, false, false, true)
	c.advance(23 * time.Hour)
	check("all have ended", false, false, false, true)
	if got := rotate(MaxGrace); len(got.Previous) != 1 {
		t.Errorf("ended tokens are kept: %v", got.Previous)
	}
	for _, grace := range []time.Duration{-1, MaxGrace + 1} {
		var e *ValidationError
		if _, err := s.Rotate(t.Context(), d.ID, grace); !errors.As(err, &e) || e.Field != "grace" || e.Code != "range" {
			t.Errorf("grace %v: %v", grace, err)
		}
	}
}

func TestRotationsAreBounded(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	d := create(t, s, "c")
	r, _ := s.registry.newest(d.ID)
	for i := range maxPrevious {
		r.Previous = append(r.Previous, GraceToken{Token: fmt.Sprint("token ", i), ExpiresAt: c.Now().Add(time.Hour)})
	}
	if _, err := s.put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var e *ValidationError
	if _, err := s.Rotate(t.Context(), d.ID, time.Hour); !errors.As(err, &e) || e.Code != "too_many" {
		t.Errorf("one more: %v", err)
	}
	if _, err := s.Rotate(t.Context(), d.ID, 0); err != nil {
		t.Errorf("without grace: %v", err)
	}
	c.advance(time.Hour)
	if _, err := s.Rotate(t.Context(), d.ID, time.Hour); err != nil {
		t.Errorf("once they have ended: %v", err)
	}
}

func TestDelete(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	d := create(t, s, "c")
	rotated, err := s.Rotate(t.Context(), d.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	for _, service := range []*Service{s, db.loaded(t, "a")} {
		if works(service, d.Token) || works(service, rotated.Token) {
			t.Error("a token still works")
		}
		if page, err := service.List(t.Context(), ListOptions{}); err != nil || len(page.Connections) > 0 {
			t.Errorf("still listed: %v, %v", page, err)
		}
		if _, err := service.Get(t.Context(), d.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("get: %v", err)
		}
	}
	if r, ok, err := s.cfg.Store.one(t.Context(), d.ID); err != nil || !ok || !r.deleted || r.Token != "" || len(r.Previous) > 0 {
		t.Errorf("the store has %+v, %v", r, err)
	}
}

func TestNotFound(t *testing.T) {
	db := newDatabase(t)
	for _, poll := range []time.Duration{time.Minute, -1} {
		s := db.loaded(t, "a", func(c *Config) { c.Poll = poll })
		id := uuid.New()
		_, getErr := s.Get(t.Context(), id)
		_, updateErr := s.Update(t.Context(), id, Patch{Name: ptr("x")})
		_, rotateErr := s.Rotate(t.Context(), id, 0)
		for _, err := range []error{getErr, updateErr, rotateErr, s.Delete(t.Context(), id)} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%v, want ErrNotFound", err)
			}
		}
	}
}

// A caller that goes away leaves no half change.
func TestChangesOutliveTheirCaller(t *testing.T) {
	db := newDatabase(t)
	s := db.loaded(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := s.Create(ctx, New{Name: "x", EventSource: "x", EventObject: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if get(t, db.loaded(t, "a"), d).Name != "x" {
		t.Error("not stored")
	}
}
