package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// ErrUnavailable says that ClickHouse did not answer.
var ErrUnavailable = errors.New("ClickHouse is unavailable")

const storeTimeout = 20 * time.Second

// Store keeps counts in the table that the migrations make. It is safe for
// concurrent use.
type Store struct {
	conn      driver.Conn
	collector string
	epoch     uint64
	writing   sync.Mutex // one flush at a time, and none while samples are forgotten
}

// NewStore returns a store for one run of a collector, which started at started.
func NewStore(conn driver.Conn, collector string, started time.Time) *Store {
	return &Store{conn: conn, collector: collector, epoch: uint64(started.UnixMicro())}
}

// Run writes what the counter has counted every so often (0 = 5 s) until ctx ends,
// and once more then. Nothing is lost by an error but time: the counts are written
// with the next ones.
func (s *Store) Run(ctx context.Context, c *Counter, every time.Duration, logger *slog.Logger) {
	if every == 0 {
		every = 5 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.Flush(ctx, c); err != nil && ctx.Err() == nil {
				logger.Warn("the catalogue of fields could not be written; trying again", "error", err)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			if err := s.Flush(last, c); err != nil {
				logger.Warn("the last counts of the catalogue of fields were lost", "error", err)
			}
			return
		}
	}
}

// Flush writes what has changed. Errors wrap ErrUnavailable.
func (s *Store) Flush(ctx context.Context, c *Counter) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	entries := c.changed()
	if len(entries) == 0 {
		return nil
	}
	if err := s.write(ctx, entries); err != nil {
		c.again(entries)
		return fmt.Errorf("write catalogue: %w: %w", ErrUnavailable, err)
	}
	return nil
}

func (s *Store) write(ctx context.Context, entries []entry) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO field_catalogue (connection_id, path, type, collector_id, epoch, events, "+
		"sampled, fit_number, fit_integer, fit_boolean, fit_datetime, first_seen, last_seen, sample, version)")
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // after Send nothing is left to close
	for i := range entries {
		e := &entries[i]
		if err := batch.Append(e.connection, e.path, string(e.typ), s.collector, s.epoch, e.events,
			e.sampled, e.fit[0], e.fit[1], e.fit[2], e.fit[3], e.first, e.last, e.sample, e.events+e.sampled); err != nil {
			return err
		}
	}
	return batch.Send()
}

// Paths returns the paths of a connection in alphabetical order.
func (s *Store) Paths(ctx context.Context, connection uuid.UUID) ([]Path, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, err := s.conn.Query(ctx, `SELECT path, type, sum(events), sum(sampled), sum(fit_number), sum(fit_integer), sum(fit_boolean),
			sum(fit_datetime), min(first_seen), max(last_seen), argMax(sample, last_seen)
		FROM field_catalogue FINAL WHERE connection_id = ? GROUP BY path, type ORDER BY path, type`, connection)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w: %w", ErrUnavailable, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var paths []Path
	for rows.Next() {
		var (
			path, typ, sample string
			x                 part
			first, last       time.Time
		)
		if err := rows.Scan(&path, &typ, &x.events, &x.sampled, &x.fit[0], &x.fit[1], &x.fit[2], &x.fit[3], &first, &last, &sample); err != nil {
			return nil, fmt.Errorf("read catalogue: %w: %w", ErrUnavailable, err)
		}
		x.typ = Type(typ)
		if len(paths) == 0 || paths[len(paths)-1].Path != path {
			paths = append(paths, Path{Path: path, Types: map[string]uint64{}, FirstSeen: first.UTC(), LastSeen: last.UTC(), Sample: sample})
		}
		p := &paths[len(paths)-1]
		p.Types[typ] += x.events
		p.parts = append(p.parts, x)
		if first.Before(p.FirstSeen) {
			p.FirstSeen = first.UTC()
		}
		if last.After(p.LastSeen) {
			p.LastSeen = last.UTC()
		}
		if p.Sample == "" {
			p.Sample = sample
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read catalogue: %w: %w", ErrUnavailable, err)
	}
	slices.SortFunc(paths, func(a, b Path) int { return cmp.Compare(a.Path, b.Path) })
	return paths, nil
}
