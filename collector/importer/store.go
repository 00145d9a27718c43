package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// ErrUnavailable says that ClickHouse did not answer.
var ErrUnavailable = errors.New("ClickHouse is unavailable")

const storeTimeout = 10 * time.Second

// Table is the Store in ClickHouse, in the tables that the migrations make.
type Table struct{ conn driver.Conn }

// NewTable returns a Store over a connection whose default database holds the tables.
func NewTable(conn driver.Conn) *Table { return &Table{conn: conn} }

// stored is the body of an import's row.
type stored struct {
	Import
	Run          uint32 `json:"run"`
	RefusedBytes int64  `json:"refused_bytes"`
}

// Save implements Store.
func (t *Table) Save(ctx context.Context, x *Import) error {
	body, err := json.Marshal(stored{*x, x.run, x.refusedBytes})
	if err != nil {
		return fmt.Errorf("encode import: %w", err)
	}
	return t.insert(ctx, "INSERT INTO imports (connection_id, id, name, state, body, created_at, updated_at)", func(b driver.Batch) error {
		return b.Append(x.Connection, x.ID, x.Name, x.State, string(body), x.CreatedAt, x.UpdatedAt)
	})
}

func (t *Table) insert(ctx context.Context, statement string, rows func(driver.Batch) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	b, err := t.conn.PrepareBatch(ctx, statement)
	if err != nil {
		return unavailable("store import", err)
	}
	defer func() { _ = b.Close() }() // after Send nothing is left to close
	if err := rows(b); err != nil {
		return unavailable("store import", err)
	}
	if err := b.Send(); err != nil {
		return unavailable("store import", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}

const loadImports = "SELECT body, updated_at FROM imports FINAL WHERE connection_id = ?"

// Load implements Store.
func (t *Table) Load(ctx context.Context, connection, id uuid.UUID) (Import, bool, error) {
	found, err := t.load(ctx, loadImports+" AND id = ?", connection, id)
	if err != nil || len(found) == 0 {
		return Import{}, false, err
	}
	return found[0], true, nil
}

// List implements Store.
func (t *Table) List(ctx context.Context, connection uuid.UUID, limit int) ([]Import, error) {
	return t.load(ctx, loadImports+" ORDER BY updated_at DESC LIMIT ?", connection, limit)
}

func (t *Table) load(ctx context.Context, query string, args ...any) (found []Import, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, err := t.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable("read imports", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			body string
			at   time.Time
			x    stored
		)
		if err := rows.Scan(&body, &at); err != nil {
			return nil, unavailable("read imports", err)
		}
		if err := json.Unmarshal([]byte(body), &x); err != nil {
			return nil, fmt.Errorf("read import: %w", err)
		}
		x.run, x.refusedBytes, x.UpdatedAt = x.Run, x.RefusedBytes, at.UTC()
		found = append(found, x.Import)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("read imports", err)
	}
	return found, nil
}

// Refuse implements Store.
func (t *Table) Refuse(ctx context.Context, x *Import, rows []RefusedRow) error {
	const into = "INSERT INTO import_refused_rows (import_id, run, row, connection_id, reason, text, unreadable, refused_at)"
	return t.insert(ctx, into, func(b driver.Batch) error {
		for _, r := range rows {
			if err := b.Append(x.ID, x.run, uint64(r.Row), x.Connection, r.Reason, r.Text, r.Unreadable, x.UpdatedAt); err != nil {
				return err
			}
		}
		return nil
	})
}

// Refused implements Store. The rows are read in constant memory.
func (t *Table) Refused(ctx context.Context, x *Import, do func(RefusedRow) error) (err error) {
	rows, err := t.conn.Query(ctx, `SELECT row, reason, text, unreadable FROM import_refused_rows FINAL
WHERE import_id = ? AND run = ? AND connection_id = ? ORDER BY row`, x.ID, x.run, x.Connection)
	if err != nil {
		return unavailable("read refused rows", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			r   RefusedRow
			row uint64
		)
		if err := rows.Scan(&row, &r.Reason, &r.Text, &r.Unreadable); err != nil {
			return unavailable("read refused rows", err)
		}
		r.Row = int64(row)
		if err := do(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable("read refused rows", err)
	}
	return nil
}
