package access

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// tableTimeout bounds each call, so that a server that hangs holds up nobody.
const tableTimeout = 10 * time.Second

const (
	insertKeys = "INSERT INTO api_keys (id, name, role, hash, created_at, expires_at, dashboard, version, deleted)"
	selectKeys = "SELECT id, name, role, hash, created_at, expires_at, dashboard, version, deleted FROM api_keys FINAL"
)

// Table is the Store in ClickHouse: api_keys, which the migrations make.
type Table struct {
	conn driver.Conn
}

// NewTable returns the store over a connection whose default database holds the table.
func NewTable(conn driver.Conn) *Table { return &Table{conn: conn} }

// Rows implements Store.
func (t *Table) Rows(ctx context.Context) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	found, err := t.conn.Query(ctx, selectKeys)
	if err != nil {
		return nil, unavailable("load API keys", err)
	}
	var rows []Row
	for found.Next() {
		var (
			r       Row
			role    string
			expires *time.Time
		)
		if err := found.Scan(&r.ID, &r.Name, &role, &r.Hash, &r.CreatedAt, &expires, &r.Dashboard, &r.Version, &r.Deleted); err != nil {
			_ = found.Close() // the error that matters is the first
			return nil, unavailable("load API keys", err)
		}
		r.Role, r.CreatedAt = Role(role), r.CreatedAt.UTC()
		if expires != nil {
			r.ExpiresAt = expires.UTC()
		}
		rows = append(rows, r)
	}
	if err := found.Close(); err != nil {
		return nil, unavailable("load API keys", err)
	}
	if err := found.Err(); err != nil {
		return nil, unavailable("load API keys", err)
	}
	return rows, nil
}

// Save implements Store.
func (t *Table) Save(ctx context.Context, r Row) error {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	batch, err := t.conn.PrepareBatch(ctx, insertKeys)
	if err != nil {
		return unavailable("save API key", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	var expires *time.Time
	if !r.ExpiresAt.IsZero() {
		expires = &r.ExpiresAt
	}
	if err := batch.Append(r.ID, r.Name, string(r.Role), r.Hash, r.CreatedAt, expires, r.Dashboard, r.Version, r.Deleted); err != nil {
		return unavailable("save API key", err)
	}
	if err := batch.Send(); err != nil {
		return unavailable("save API key", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}
