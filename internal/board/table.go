package board

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// tableTimeout bounds each call, so that a server that hangs holds up nobody.
const tableTimeout = 10 * time.Second

const (
	columns    = "slug, name, description, panels, updated_at, updated_by, version, deleted"
	insertRow  = "INSERT INTO dashboards (" + columns + ")"
	selectRows = "SELECT " + columns + " FROM dashboards FINAL"
)

// Table keeps dashboards in ClickHouse, in the table that the migrations make. All
// methods are safe for concurrent use; their errors wrap ErrUnavailable where the
// database is at fault.
type Table struct {
	conn driver.Conn
	now  func() time.Time
	// mu makes two changes through this process follow each other, so that each gets a
	// version of its own.
	mu sync.Mutex
}

// NewTable returns the store over a connection whose default database holds the
// table. A nil clock is time.Now.
func NewTable(conn driver.Conn, now func() time.Time) *Table {
	if now == nil {
		now = time.Now
	}
	return &Table{conn: conn, now: now}
}

// row is a dashboard as it is stored.
type row struct {
	Dashboard
	version uint64
	deleted bool
}

// List returns all dashboards, ordered by slug.
func (t *Table) List(ctx context.Context) ([]Dashboard, error) {
	rows, err := t.read(ctx, selectRows+" WHERE NOT deleted ORDER BY slug")
	if err != nil {
		return nil, err
	}
	all := make([]Dashboard, len(rows))
	for i, r := range rows {
		all[i] = r.Dashboard
	}
	return all, nil
}

// Get returns a dashboard, or ErrNotFound.
func (t *Table) Get(ctx context.Context, slug string) (Dashboard, error) {
	r, found, err := t.row(ctx, slug)
	switch {
	case err != nil:
		return Dashboard{}, err
	case !found || r.deleted:
		return Dashboard{}, ErrNotFound
	}
	return r.Dashboard, nil
}

// Put saves a dashboard under its slug, in place of the one that is there, and
// returns it as it is stored. An *InvalidError says what is wrong with it.
func (t *Table) Put(ctx context.Context, d Dashboard) (Dashboard, error) {
	if err := d.Check(); err != nil {
		return Dashboard{}, err
	}
	if d.Panels == nil {
		d.Panels = []Panel{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before, _, err := t.row(ctx, d.Slug)
	if err != nil {
		return Dashboard{}, err
	}
	r := t.next(before, d)
	return r.Dashboard, t.save(ctx, r)
}

// Delete removes a dashboard. Errors: ErrNotFound.
func (t *Table) Delete(ctx context.Context, slug string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, found, err := t.row(ctx, slug)
	switch {
	case err != nil:
		return err
	case !found || before.deleted:
		return ErrNotFound
	}
	r := t.next(before, Dashboard{Slug: slug, Panels: []Panel{}})
	r.deleted = true
	return t.save(ctx, r)
}

// next is the row that replaces another one.
func (t *Table) next(before row, d Dashboard) row {
	d.UpdatedAt = t.now().UTC().Truncate(time.Microsecond)
	return row{Dashboard: d, version: max(uint64(d.UpdatedAt.UnixMicro()), before.version+1)}
}

func (t *Table) row(ctx context.Context, slug string) (r row, found bool, err error) {
	rows, err := t.read(ctx, selectRows+" WHERE slug = ?", slug)
	if err != nil || len(rows) == 0 {
		return row{}, false, err
	}
	return rows[0], true, nil
}

func (t *Table) read(ctx context.Context, query string, args ...any) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	found, err := t.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable("read dashboards", err)
	}
	var rows []row
	for found.Next() {
		var r row
		var panels string
		if err := found.Scan(&r.Slug, &r.Name, &r.Description, &panels, &r.UpdatedAt, &r.UpdatedBy, &r.version, &r.deleted); err != nil {
			_ = found.Close() // the error that matters is the first
			return nil, unavailable("read dashboards", err)
		}
		if err := json.Unmarshal([]byte(panels), &r.Panels); err != nil {
			_ = found.Close()
			return nil, fmt.Errorf("read the panels of dashboard %s: %w", r.Slug, err)
		}
		r.UpdatedAt = r.UpdatedAt.UTC()
		rows = append(rows, r)
	}
	if err := found.Close(); err != nil {
		return nil, unavailable("read dashboards", err)
	}
	if err := found.Err(); err != nil {
		return nil, unavailable("read dashboards", err)
	}
	return rows, nil
}

// save finishes even if the caller goes away: half a change would be none that
// anybody knows of.
func (t *Table) save(ctx context.Context, r row) error {
	panels, err := json.Marshal(r.Panels)
	if err != nil {
		return fmt.Errorf("write panels: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tableTimeout)
	defer cancel()
	batch, err := t.conn.PrepareBatch(ctx, insertRow)
	if err != nil {
		return unavailable("save dashboard", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := batch.Append(r.Slug, r.Name, r.Description, string(panels), r.UpdatedAt, r.UpdatedBy, r.version, r.deleted); err != nil {
		return unavailable("save dashboard", err)
	}
	if err := batch.Send(); err != nil {
		return unavailable("save dashboard", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}
