package privacy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// Kept is a connection that keeps its events for a number of days.
type Kept struct {
	ID   uuid.UUID
	Days int
}

// JanitorConfig is what a Janitor is made of. Conn, Database and Connections are required.
type JanitorConfig struct {
	Conn driver.Conn
	// Database holds the tables; Cluster is the cluster's name, empty = one server.
	Database, Cluster string
	// Connections returns those with a retention.
	Connections func(context.Context) ([]Kept, error)
	// Ingest may still hold events of a connection that was deleted; nil = there is none.
	Ingest Ingest
	// Forget lets go of what is kept in memory of connections that were deleted. Nil:
	// nothing is.
	Forget func(connections []uuid.UUID)
	// Every is how often old events are looked for. Default 24 h.
	Every  time.Duration
	Logger *slog.Logger     // nil = slog.Default()
	Now    func() time.Time // nil = time.Now
}

// Janitor removes events that are too old and what deleted connections leave. What is
// to do follows from the tables alone, so that whatever was cut off is done after the
// next start, and doing it in several collectors does no harm. It is safe for
// concurrent use.
type Janitor struct {
	cfg     JanitorConfig
	remover *remover
	again   chan struct{} // of one token: a connection was deleted
}

// Expired says what Apply removed.
type Expired struct {
	// Before is the moment that older events were removed of.
	Before time.Time `json:"before"`
	// Rows counts rows of all tables, older copies of events included.
	Rows uint64 `json:"rows"`
}

// NewJanitor returns a Janitor that has done nothing yet.
func NewJanitor(cfg JanitorConfig) (*Janitor, error) {
	if cfg.Conn == nil || cfg.Database == "" || cfg.Connections == nil {
		return nil, errors.New("removing old events needs a connection, a database and the connections")
	}
	if cfg.Forget == nil {
		cfg.Forget = func([]uuid.UUID) {}
	}
	if cfg.Every <= 0 {
		cfg.Every = 24 * time.Hour
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Janitor{
		cfg: cfg, again: make(chan struct{}, 1),
		remover: &remover{conn: cfg.Conn, database: cfg.Database, cluster: cfg.Cluster, pause: 200 * time.Millisecond},
	}, nil
}

// Deleted asks for what a deleted connection left to be removed soon. It never blocks.
func (j *Janitor) Deleted() {
	select {
	case j.again <- struct{}{}:
	default:
	}
}

// Pauses of Run: before its first work, so that a start is not slowed down, and after
// a failure.
const (
	firstWork = 2 * time.Second
	tryAgain  = time.Minute
)

// Run removes what deleted connections left at the start and after Deleted, and old
// events once in every Every, until ctx ends.
func (j *Janitor) Run(ctx context.Context) {
	daily := time.NewTimer(firstWork)
	defer daily.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-j.again:
			err = j.Purge(ctx)
		case <-daily.C:
			err = j.day(ctx)
			daily.Reset(j.cfg.Every)
		}
		if err != nil && ctx.Err() == nil {
			j.cfg.Logger.Error("old data could not be removed; trying again", "error", err)
			daily.Reset(tryAgain)
		}
	}
}

func (j *Janitor) day(ctx context.Context) error {
	errs := []error{j.dropLeftovers(ctx), j.Purge(ctx)}
	connections, err := j.cfg.Connections(ctx)
	errs = append(errs, err)
	for _, c := range connections {
		expired, err := j.Apply(ctx, c.ID, c.Days)
		if err == nil && expired.Rows > 0 {
			j.cfg.Logger.Info("old events removed", "connection", c.ID, "rows", expired.Rows, "before", expired.Before)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// dropLeftovers forgets lists of what was to be deleted that a crash has left behind.
func (j *Janitor) dropLeftovers(ctx context.Context) error {
	rows, err := j.cfg.Conn.Query(ctx, `SELECT DISTINCT partition FROM system.parts
		WHERE active AND database = ? AND table = 'erasure_work' AND modification_time < now() - INTERVAL 1 DAY`, j.cfg.Database)
	if err != nil {
		return unavailable("look for lists that were left behind", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var left []uuid.UUID
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return unavailable("look for lists that were left behind", err)
		}
		if id, err := uuid.Parse(text); err == nil {
			left = append(left, id)
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable("look for lists that were left behind", err)
	}
	for _, id := range left {
		if err := (&work{remover: j.remover, id: id}).drop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Apply removes the events of a connection that are older than a number of days, and
// the refused events received before, and returns when their bytes are gone. Errors
// wrap ErrUnavailable.
func (j *Janitor) Apply(ctx context.Context, connection uuid.UUID, days int) (Expired, error) {
	ctx = context.WithoutCancel(ctx)
	x := Expired{Before: j.cfg.Now().UTC().AddDate(0, 0, -days).Truncate(time.Millisecond)}
	w := &work{remover: j.remover, id: uuid.New()}
	defer func() { _ = w.drop(ctx) }() // what stays goes a day later
	if err := j.noteMoved(ctx, w, connection, x.Before); err != nil {
		return Expired{}, err
	}
	own := "connection_id = " + uuidText(connection)
	before := quoteText(x.Before.Format("2006-01-02 15:04:05.000"))
	tooOld := "event_timestamp < toDateTime64(" + before + ", 3, 'UTC')"
	if err := j.removeKeys(ctx, w, own, tooOld); err != nil {
		return Expired{}, err
	}
	conditions := map[table]string{{name: "refused_requests"}: own + " AND received_at < toDateTime64(" + before + ", 6, 'UTC')"}
	for _, t := range eventTables() {
		conditions[t] = own + " AND " + tooOld + " OR " + w.condition(table{name: t.name})
	}
	for t, condition := range conditions {
		n, err := j.remover.number(ctx, "SELECT count() FROM "+quote(t.name)+" WHERE "+condition)
		if err != nil {
			return Expired{}, err
		}
		if n == 0 {
			continue
		}
		x.Rows += n
		if err := j.remover.remove(ctx, t, condition); err != nil {
			return Expired{}, err
		}
	}
	if x.Rows == 0 {
		return x, nil
	}
	return x, j.remover.gone(ctx, append(eventTables(), keys(), table{name: "refused_requests"})...)
}

// removeKeys deletes the keys of a connection's events that are too old, if there are
// any, and all keys of those that are noted. An event that has moved to a time that is
// not too old keeps the key of that one.
func (j *Janitor) removeKeys(ctx context.Context, w *work, own, tooOld string) error {
	events := own + " AND " + tooOld
	n, err := j.remover.number(ctx, "SELECT count() FROM events WHERE "+events)
	if err != nil || n == 0 {
		return err
	}
	return j.remover.remove(ctx, keys(), tooOld+" AND "+j.remover.keysOf(events)+" OR "+w.keys())
}

// moved are ids whose event is too old now but has older copies that are not: without
// the newest one they would come back. The list of all ids is made on disk where it
// does not fit in memory.
const moved = `INSERT INTO erasure_work (work, kind, connection_id, id, received_at)
SELECT {work:UUID}, 'event', connection_id, event_id, toDateTime64(0, 6, 'UTC')
FROM events FINAL
WHERE connection_id = {connection:UUID} AND event_timestamp < fromUnixTimestamp64Milli({before:Int64}, 'UTC') AND event_id GLOBAL IN (
    SELECT event_id FROM events WHERE connection_id = {connection:UUID}
    GROUP BY event_id
    HAVING min(event_timestamp) < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
        AND max(event_timestamp) >= fromUnixTimestamp64Milli({before:Int64}, 'UTC')
)`

func (j *Janitor) noteMoved(ctx context.Context, w *work, connection uuid.UUID, before time.Time) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"work": w.id.String(), "connection": connection.String(), "before": fmt.Sprint(before.UnixMilli()),
	}), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0, "max_bytes_before_external_group_by": 256 << 20}))
	return j.remover.exec(ctx, "look for events that have moved", moved)
}

// Purge removes what deleted connections left: events, refused requests and what is
// known of their payloads. Errors wrap ErrUnavailable.
func (j *Janitor) Purge(ctx context.Context) error {
	tables := append(eventTables(), otherTables()...)
	left, err := j.orphans(ctx, tables)
	if err != nil || len(left) == 0 && j.cfg.Ingest == nil {
		return err
	}
	if j.cfg.Ingest != nil {
		// What was accepted before the end of the connection is still to come.
		if _, err := j.cfg.Ingest.Forget(ctx, func([]byte) bool { return false }); err != nil {
			return unavailable("wait for the last events", err)
		}
		if left, err = j.orphans(ctx, tables); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	j.cfg.Forget(left)
	texts := make([]string, len(left))
	for i, id := range left {
		texts[i] = uuidText(id)
	}
	condition := "connection_id IN (" + strings.Join(texts, ", ") + ")"
	if err := j.remover.remove(ctx, keys(), j.remover.keysOf(condition)); err != nil {
		return err
	}
	for _, t := range tables {
		if err := j.remover.remove(ctx, t, condition); err != nil {
			return err
		}
	}
	j.cfg.Logger.Info("what deleted connections left was removed", "connections", len(left))
	return j.remover.gone(ctx, append(tables, keys())...)
}

// orphans are deleted connections that have rows in any of the tables.
func (j *Janitor) orphans(ctx context.Context, tables []table) ([]uuid.UUID, error) {
	parts := make([]string, len(tables))
	for i, t := range tables {
		parts[i] = "SELECT DISTINCT connection_id FROM " + quote(t.name) +
			" WHERE connection_id GLOBAL IN (SELECT id FROM connections FINAL WHERE deleted)"
	}
	rows, err := j.cfg.Conn.Query(ctx, strings.Join(parts, " UNION DISTINCT "))
	if err != nil {
		return nil, unavailable("look for what deleted connections left", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var left []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, unavailable("look for what deleted connections left", err)
		}
		left = append(left, id)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("look for what deleted connections left", err)
	}
	return left, nil
}
