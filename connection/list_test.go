package connection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestList(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	var ids []uuid.UUID
	for i := range 7 {
		ids = append(ids, create(t, s, fmt.Sprintf("Größe %d", i)).ID)
	}
	slices.Reverse(ids) // newest first
	if _, err := s.Update(t.Context(), ids[2], Patch{EventSource: ptr("CRM")}); err != nil {
		t.Fatal(err)
	}
	list := func(opts ListOptions) (got []uuid.UUID, pages int) {
		t.Helper()
		for {
			page, err := s.List(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, d := range page.Connections {
				got = append(got, d.ID)
			}
			if page.Next == "" {
				return got, pages
			}
			opts.Cursor = page.Next
		}
	}
	for _, test := range []struct {
		opts  ListOptions
		want  []uuid.UUID
		pages int
	}{
		{ListOptions{}, ids, 1},
		{ListOptions{Limit: 7}, ids, 1},
		{ListOptions{Limit: 3}, ids, 3},
		{ListOptions{Limit: 1}, ids, 7},
		{ListOptions{Search: " größe 1 "}, ids[5:6], 1},
		{ListOptions{Search: "crm"}, ids[2:3], 1},
		{ListOptions{Search: strings.ToUpper(ids[3].String()[:13])}, ids[3:4], 1},
		{ListOptions{Search: "GRÖSSE"}, nil, 1},
		{ListOptions{Search: "web", Limit: 2}, slices.Delete(slices.Clone(ids), 2, 3), 3},
	} {
		got, pages := list(test.opts)
		if diff := cmp.Diff(test.want, got); diff != "" || pages != test.pages {
			t.Errorf("%+v: %d pages, want %d; %s", test.opts, pages, test.pages, diff)
		}
	}
	// What happens between two pages moves nothing.
	page, err := s.List(t.Context(), ListOptions{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "new")
	if err := s.Delete(t.Context(), ids[2]); err != nil { // the cursor's own
		t.Fatal(err)
	}
	if got, _ := list(ListOptions{Limit: 3, Cursor: page.Next}); cmp.Diff(ids[3:], got) != "" {
		t.Errorf("the pages after: %v, want %v", got, ids[3:])
	}
	for field, opts := range map[string]ListOptions{
		"limit":  {Limit: MaxLimit + 1},
		"cursor": {Cursor: "nonsense"},
	} {
		var e *ValidationError
		if _, err := s.List(t.Context(), opts); !errors.As(err, &e) || e.Field != field {
			t.Errorf("%+v: %v", opts, err)
		}
	}
	if _, err := s.List(t.Context(), ListOptions{Limit: -1}); err == nil {
		t.Error("a negative limit was taken")
	}
}
