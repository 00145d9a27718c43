package define

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// storeTimeout bounds every call to ClickHouse.
const storeTimeout = 10 * time.Second

const definitionColumns = "kind, name, version, body, changed_by, changed_at, deleted"

// row is one version of a definition as the table holds it.
type row struct {
	kind    Kind
	name    string
	body    []byte
	version uint64
	by      string
	at      time.Time
	deleted bool
}

// Revision is one version of a definition.
type Revision struct {
	Change
	Deleted bool `json:"deleted"`
	// Definition is what held from then on, null for a deletion.
	Definition json.RawMessage `json:"definition"`
}

// store keeps definitions in the table that the migrations make.
type store struct {
	conn driver.Conn
}

// newest returns the newest version of every definition, deleted ones included.
func (s *store) newest(ctx context.Context) ([]row, error) {
	// LIMIT 1 BY instead of FINAL: versions are kept, so each has a row of its own.
	return s.rows(ctx, "SELECT "+definitionColumns+" FROM definitions ORDER BY kind, name, version DESC LIMIT 1 BY kind, name")
}

// history returns the versions of one definition, newest first.
func (s *store) history(ctx context.Context, kind Kind, name string) ([]row, error) {
	return s.rows(ctx, "SELECT "+definitionColumns+" FROM definitions FINAL WHERE kind = ? AND name = ? ORDER BY version DESC LIMIT 500",
		string(kind), name)
}

func (s *store) rows(ctx context.Context, query string, args ...any) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	found, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable("load definitions", err)
	}
	defer func() { _ = found.Close() }() // Err below tells what matters
	var rows []row
	for found.Next() {
		var (
			r          row
			kind, body string
		)
		if err := found.Scan(&kind, &r.name, &r.version, &body, &r.by, &r.at, &r.deleted); err != nil {
			return nil, unavailable("load definitions", err)
		}
		r.kind, r.body, r.at = Kind(kind), []byte(body), r.at.UTC()
		rows = append(rows, r)
	}
	if err := found.Err(); err != nil {
		return nil, unavailable("load definitions", err)
	}
	return rows, nil
}

// save adds versions, all in one insert: all or none of them come to hold.
func (s *store) save(ctx context.Context, rows []row) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO definitions ("+definitionColumns+")")
	if err != nil {
		return unavailable("save definition", err)
	}
	defer func() { _ = batch.Close() }() // after Send nothing is left to close
	for _, r := range rows {
		if err := batch.Append(string(r.kind), r.name, r.version, string(r.body), r.by, r.at, r.deleted); err != nil {
			return unavailable("save definition", err)
		}
	}
	if err := batch.Send(); err != nil {
		return unavailable("save definition", err)
	}
	return nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}

// decode adds a row's definition to the set.
func (r *row) decode(set *Set) error {
	change := Change{Version: r.version, ChangedBy: r.by, ChangedAt: r.at}
	var err error
	switch r.kind {
	case KindField:
		f := &Field{}
		err = json.Unmarshal(r.body, f)
		f.Change = change
		set.Fields[r.name] = f
	case KindConversion:
		c := &Conversion{}
		err = unmarshal(r.body, c)
		c.Change = change
		set.Conversions[r.name] = c
	case KindReport:
		x := &Saved{}
		err = json.Unmarshal(r.body, x)
		x.Change = change
		set.Reports[r.name] = x
	default:
		err = fmt.Errorf("unknown kind %q", r.kind)
	}
	if err != nil {
		return fmt.Errorf("read %s %s: %w", r.kind, r.name, err)
	}
	return nil
}
