package connection

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// storeTimeout bounds every call to the store, so that a server that hangs holds
// up neither a caller nor the background loop for longer.
const storeTimeout = 10 * time.Second

// Store keeps connections and counters in ClickHouse, in the tables that the
// migrations make. All methods are safe for concurrent use; their errors wrap
// ErrUnavailable. Each ends within storeTimeout.
type Store struct {
	conn driver.Conn
}

// NewStore returns a store over a connection whose default database holds the tables.
func NewStore(conn driver.Conn) *Store { return &Store{conn: conn} }

const (
	connectionColumns = "id, name, event_source, event_object, allow_anonymous, paused, token, " +
		"previous.token, previous.expires_at, created_at, updated_at, version, deleted, retention_days"
	selectConnections = "SELECT " + connectionColumns + " FROM connections FINAL"
	insertConnections = "INSERT INTO connections (" + connectionColumns + ")"
	insertCounts      = "INSERT INTO connection_counters (connection_id, collector_id, events_received, first_event_at, last_event_at)"
	// One row for each connection and side, this collector's (own) and all others'.
	selectCounts = `SELECT connection_id, toBool(collector_id = ?) AS own, sum(events_received), min(first_event_at), max(last_event_at)
		FROM connection_counters FINAL GROUP BY connection_id, own`
	// Both hashes together change whenever a row is added; that they change after
	// a merge as well costs one reading in vain.
	selectFingerprint = `WITH
		(SELECT (count(), groupBitXor(cityHash64(id, version))) FROM connections) AS connections,
		(SELECT (count(), groupBitXor(cityHash64(connection_id, collector_id, events_received)))
			FROM connection_counters WHERE collector_id != ?) AS counters
		SELECT connections.1, connections.2, counters.1, counters.2`
)

// fingerprint stands for what the tables hold: equal means nothing was added.
type fingerprint struct {
	connections, counters [2]uint64
}

// save adds rows, each replacing those of its id with lower versions.
func (s *Store) save(ctx context.Context, rows ...row) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	batch, err := s.conn.PrepareBatch(ctx, insertConnections)
	if err != nil {
		return unavailable("save connection", err)
	}
	defer batch.Close()
	for _, r := range rows {
		tokens := make([]string, len(r.Previous))
		ends := make([]time.Time, len(r.Previous))
		for i, g := range r.Previous {
			tokens[i], ends[i] = g.Token, g.ExpiresAt
		}
		if err := batch.Append(r.ID, r.Name, r.EventSource, r.EventObject, r.AllowAnonymous, r.Paused, r.Token,
			tokens, ends, r.CreatedAt, r.UpdatedAt, r.version, r.deleted, storedDays(r.RetentionDays)); err != nil {
			return unavailable("save connection", err)
		}
	}
	if err := batch.Send(); err != nil {
		return unavailable("save connection", err)
	}
	return nil
}

// storedDays is a retention as the table has it: NULL = for ever.
func storedDays(days int) *uint32 {
	if days == 0 {
		return nil
	}
	n := uint32(days)
	return &n
}

// all returns every connection, deleted ones included.
func (s *Store) all(ctx context.Context) ([]row, error) {
	return s.rows(ctx, selectConnections)
}

// one returns a connection, deleted or not; false where the store has none.
func (s *Store) one(ctx context.Context, id uuid.UUID) (row, bool, error) {
	rows, err := s.rows(ctx, selectConnections+" WHERE id = ?", id)
	if err != nil || len(rows) == 0 {
		return row{}, false, err
	}
	return rows[0], true, nil
}

func (s *Store) rows(ctx context.Context, query string, args ...any) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	found, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, unavailable("load connections", err)
	}
	defer found.Close()
	var rows []row
	for found.Next() {
		var (
			r      row
			tokens []string
			ends   []time.Time
			days   *uint32
		)
		if err := found.Scan(&r.ID, &r.Name, &r.EventSource, &r.EventObject, &r.AllowAnonymous, &r.Paused, &r.Token,
			&tokens, &ends, &r.CreatedAt, &r.UpdatedAt, &r.version, &r.deleted, &days); err != nil {
			return nil, unavailable("load connections", err)
		}
		if days != nil {
			r.RetentionDays = int(*days)
		}
		r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
		for i, token := range tokens {
			r.Previous = append(r.Previous, GraceToken{Token: token, ExpiresAt: ends[i].UTC()})
		}
		rows = append(rows, r)
	}
	if err := found.Err(); err != nil {
		return nil, unavailable("load connections", err)
	}
	return rows, nil
}

// saveCounts writes absolute counts: writing the same again changes nothing.
func (s *Store) saveCounts(ctx context.Context, collectorID string, counts []Count) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	batch, err := s.conn.PrepareBatch(ctx, insertCounts)
	if err != nil {
		return unavailable("save counts", err)
	}
	defer batch.Close()
	for _, c := range counts {
		if err := batch.Append(c.ConnectionID, collectorID, c.EventsReceived, c.FirstEventAt, c.LastEventAt); err != nil {
			return unavailable("save counts", err)
		}
	}
	if err := batch.Send(); err != nil {
		return unavailable("save counts", err)
	}
	return nil
}

// counts returns what this collector wrote and the sums of all others.
func (s *Store) counts(ctx context.Context, collectorID string) (own, others []Count, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	found, err := s.conn.Query(ctx, selectCounts, collectorID)
	if err != nil {
		return nil, nil, unavailable("load counts", err)
	}
	defer found.Close()
	for found.Next() {
		var (
			c    Count
			mine bool
		)
		if err := found.Scan(&c.ConnectionID, &mine, &c.EventsReceived, &c.FirstEventAt, &c.LastEventAt); err != nil {
			return nil, nil, unavailable("load counts", err)
		}
		c.FirstEventAt, c.LastEventAt = c.FirstEventAt.UTC(), c.LastEventAt.UTC()
		if mine {
			own = append(own, c)
		} else {
			others = append(others, c)
		}
	}
	if err := found.Err(); err != nil {
		return nil, nil, unavailable("load counts", err)
	}
	return own, others, nil
}

// fingerprint is the cheap question whether anything but this collector's own
// counters has changed.
func (s *Store) fingerprint(ctx context.Context, collectorID string) (f fingerprint, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = s.conn.QueryRow(ctx, selectFingerprint, collectorID).
		Scan(&f.connections[0], &f.connections[1], &f.counters[0], &f.counters[1])
	if err != nil {
		return fingerprint{}, unavailable("check for changes", err)
	}
	return f, nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}
