package sqlrun

import (
	"context"
	"time"
)

// Table is a view that a statement may read.
type Table struct {
	Name    string
	Columns []Column
}

// Column is a column of a view, with ClickHouse's type.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

const schemaTimeout = 10 * time.Second

// Schema lists what a statement may read: asked as the analyst, so that it shows no
// more than there are rights for. In alphabetical order, columns in theirs. Errors: as
// of Run.
func (r *Runner) Schema(ctx context.Context) ([]Table, error) {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	rows, err := r.conn.Query(ctx, "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position")
	if err != nil {
		return nil, clean(ctx, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var tables []Table
	for rows.Next() {
		var table string
		var c Column
		if err := rows.Scan(&table, &c.Name, &c.Type); err != nil {
			return nil, clean(ctx, err)
		}
		if len(tables) == 0 || tables[len(tables)-1].Name != table {
			tables = append(tables, Table{Name: table})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, c)
	}
	if err := rows.Err(); err != nil {
		return nil, clean(ctx, err)
	}
	return tables, nil
}
