package board_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/engine/enginetest"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/migrations"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

func valid() board.Dashboard {
	return board.Dashboard{
		Slug: "sales-2026", Name: "Sales", Description: "All of it.\nDaily.", UpdatedBy: "ann",
		Panels: []board.Panel{
			{Report: "revenue", Width: 8, Height: "m"},
			{Report: "top", Title: "Ümsatz 'top' \\", Width: 4, Height: "l"},
			{Report: "revenue", Width: 12, Height: "s"},
		},
	}
}

func TestCheck(t *testing.T) {
	d := valid()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*board.Dashboard)
		want   []string // pointer and code
	}{
		"no slug":              {func(d *board.Dashboard) { d.Slug = "" }, []string{"/slug required slug"}},
		"a slug with a slash":  {func(d *board.Dashboard) { d.Slug = "a/b" }, []string{"/slug slug slug"}},
		"a long slug":          {func(d *board.Dashboard) { d.Slug = strings.Repeat("a", 65) }, []string{"/slug max slug"}},
		"a long name":          {func(d *board.Dashboard) { d.Name = strings.Repeat("ä", 201) }, []string{"/name max name"}},
		"a name of two lines":  {func(d *board.Dashboard) { d.Name = "a\nb" }, []string{"/name oneline name"}},
		"a blank name":         {func(d *board.Dashboard) { d.Name = "  " }, []string{"/name oneline name"}},
		"a long description":   {func(d *board.Dashboard) { d.Description = strings.Repeat("x", 2001) }, []string{"/description max description"}},
		"too many panels":      {func(d *board.Dashboard) { d.Panels = make([]board.Panel, 101) }, []string{"/panels max panels"}},
		"two wrong panels":     {func(d *board.Dashboard) { d.Panels[0].Width, d.Panels[1].Height = 5, "xl" }, []string{"/panels/0/width oneof width", "/panels/1/height oneof height"}},
		"a panel of no report": {func(d *board.Dashboard) { d.Panels[2].Report = "" }, []string{"/panels/2/report required report"}},
		"a title of two lines": {func(d *board.Dashboard) { d.Panels[1].Title = "\t" }, []string{"/panels/1/title oneline title"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := valid()
			tt.change(&d)
			var invalid *board.InvalidError
			if err := d.Check(); !errors.As(err, &invalid) {
				t.Fatalf("error %v", err)
			}
			var got []string
			for _, i := range invalid.Issues {
				got = append(got, i.Pointer+" "+i.Code+" "+i.Field())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShows(t *testing.T) {
	d := valid()
	if diff := cmp.Diff([]string{"revenue", "top"}, d.Reports()); diff != "" {
		t.Error(diff)
	}
	if !d.Shows("top") || d.Shows("to") || d.Shows("") {
		t.Error("what the dashboard shows")
	}
}

func TestTable(t *testing.T) {
	db := enginetest.New(t)
	options, err := clickhouse.ParseDSN(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := migrations.New(migrations.Config{Options: options, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer runner.Close()
	if err := runner.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, conn := t.Context(), db.Open(t)
	// The clock stands still, and then goes back: versions must not.
	now := time.Date(2026, 3, 4, 5, 6, 7, 891_234_567, time.UTC)
	table := board.NewTable(conn, func() time.Time { return now })
	other := board.NewTable(conn, func() time.Time { return now })

	if _, err := table.Get(ctx, "sales-2026"); !errors.Is(err, board.ErrNotFound) {
		t.Errorf("get what is not there: %v", err)
	}
	if err := table.Delete(ctx, "sales-2026"); !errors.Is(err, board.ErrNotFound) {
		t.Errorf("delete what is not there: %v", err)
	}
	var invalid *board.InvalidError
	if _, err := table.Put(ctx, board.Dashboard{Slug: "x"}); !errors.As(err, &invalid) {
		t.Errorf("put what is wrong: %v", err)
	}
	want := valid()
	want.UpdatedAt = now.Truncate(time.Microsecond)
	if got, err := table.Put(ctx, valid()); err != nil || cmp.Diff(want, got) != "" {
		t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
	}
	if got, err := other.Get(ctx, "sales-2026"); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	empty := board.Dashboard{Slug: "a", Name: "Empty"}
	if _, err := other.Put(ctx, empty); err != nil {
		t.Fatal(err)
	}
	changed := valid()
	changed.Name, now = "Sales again", now.Add(-time.Hour)
	if _, err := other.Put(ctx, changed); err != nil {
		t.Fatal(err)
	}
	all, err := table.List(ctx)
	if err != nil || len(all) != 2 || all[0].Slug != "a" || all[0].Panels == nil || all[1].Name != "Sales again" {
		t.Errorf("the list: %+v, %v", all, err)
	}
	if err := table.Delete(ctx, "sales-2026"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Get(ctx, "sales-2026"); !errors.Is(err, board.ErrNotFound) {
		t.Errorf("the deleted one: %v", err)
	}
	if _, err := other.Put(ctx, valid()); err != nil {
		t.Fatal(err)
	}
	if got, err := table.Get(ctx, "sales-2026"); err != nil || got.Name != "Sales" {
		t.Errorf("made again: %+v, %v", got, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := table.List(ctx); !errors.Is(err, board.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
}
