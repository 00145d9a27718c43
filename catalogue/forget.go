package catalogue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
)

// ForgetSamples lets go of the samples of some connections, and of every connection
// with a sample that match says yes to; the next events bring new ones. It returns how
// many samples there were in the table. Errors wrap ErrUnavailable; then it has to be called again.
func (s *Store) ForgetSamples(ctx context.Context, c *Counter, connections []uuid.UUID, match func([]byte) bool) (n int, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	matching, err := s.matching(ctx, match)
	if err != nil {
		return 0, fmt.Errorf("look at samples: %w: %w", ErrUnavailable, err)
	}
	all := append(slices.Clone(connections), matching...)
	c.forget(all, match)
	if len(all) == 0 {
		return 0, nil
	}
	// Ids may stand in the text of the statement, which ClickHouse keeps.
	ids := make([]string, len(all))
	for i, id := range all {
		ids[i] = "'" + id.String() + "'"
	}
	condition := "connection_id IN (" + strings.Join(ids, ", ") + ") AND sample != ''"
	var count uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM field_catalogue WHERE "+condition).Scan(&count); err != nil {
		return 0, fmt.Errorf("count samples: %w: %w", ErrUnavailable, err)
	}
	if count == 0 {
		return 0, nil
	}
	err = s.conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2, "max_execution_time": 0})),
		"ALTER TABLE field_catalogue UPDATE sample = '' WHERE "+condition)
	if err != nil {
		return 0, fmt.Errorf("forget samples: %w: %w", ErrUnavailable, err)
	}
	return int(count), nil
}

// matching returns the connections with samples in the table that match.
func (s *Store) matching(ctx context.Context, match func([]byte) bool) (ids []uuid.UUID, err error) {
	rows, err := s.conn.Query(ctx, "SELECT connection_id, sample FROM field_catalogue WHERE sample != '' ORDER BY connection_id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var (
			id     uuid.UUID
			sample string
		)
		if err := rows.Scan(&id, &sample); err != nil {
			return nil, err
		}
		if match([]byte(sample)) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}

// forget lets go of samples in memory.
func (c *Counter) forget(connections []uuid.UUID, match func([]byte) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, k := range c.connections {
		whole := slices.Contains(connections, id)
		for _, n := range k.counts {
			if n.sample != "" && (whole || match([]byte(n.sample))) {
				n.sample, n.changed = "", true
			}
		}
	}
}

// Drop lets go of all that is counted of connections and not written yet: they were
// deleted.
func (s *Store) Drop(c *Counter, connections []uuid.UUID) {
	s.writing.Lock()
	defer s.writing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range connections {
		delete(c.connections, id)
	}
}
