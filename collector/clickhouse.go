package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/block"
	"github.com/tributary-events/tributary/collector/dedup"
)

// ClickHouse is the Store. Over HTTP it sends blocks that are columnar already;
// over native TCP, where clickhouse-go takes no ready-made block, it sends rows
// with the payload as JSON text, which costs the server about three times as much.
type ClickHouse struct {
	conn driver.Conn
	cfg  ClickHouseConfig
	ids  *dedup.Index
}

// ClickHouseConfig says what a ClickHouse store has to know besides its
// connection. All fields are required.
type ClickHouseConfig struct {
	// Protocol is what the connection was opened with.
	Protocol clickhouse.Protocol
	// Collector names this process in what it writes about requests.
	Collector string
	// MaxDynamicPaths is that of the table's event_payload: ClickHouse converts a
	// block with another one, at several times the cost of inserting it.
	MaxDynamicPaths int
	// Alone says that no other collector writes to the database: then only ids that
	// may have been there before are looked up (package dedup).
	Alone bool
}

// NewClickHouse returns the store behind a connection.
func NewClickHouse(conn driver.Conn, cfg ClickHouseConfig) *ClickHouse {
	return &ClickHouse{conn: conn, cfg: cfg, ids: dedup.New(conn, cfg.Alone)}
}

// Learn reads which ids the database has, so that most need not be looked up. It
// returns when it is done or ctx ends; until then inserts are slower.
func (s *ClickHouse) Learn(ctx context.Context, logger *slog.Logger) { s.ids.Learn(ctx, logger) }

// insertSettings hold for every insert: we batch ourselves, an answer means the
// data is on every shard it belongs to, and a string is never read as a date.
var insertSettings = clickhouse.Settings{
	"async_insert":                     0,
	"optimize_on_insert":               0,
	"distributed_foreground_insert":    1,
	"json_type_escape_dots_in_keys":    1,
	"input_format_try_infer_dates":     0,
	"input_format_try_infer_datetimes": 0,
	"type_json_skip_duplicated_paths":  0,
	// In a cluster every collector writes to the same replica of each shard, and looks
	// ids up there (package dedup): what one has written the others see at once.
	"load_balancing":           "in_order",
	"prefer_localhost_replica": 0,
}

const insertTimeout = 2 * time.Minute

// NewBlock implements Store.
func (s *ClickHouse) NewBlock() Block {
	if s.cfg.Protocol == clickhouse.HTTP {
		return &columns{block.New(block.Options{MaxDynamicPaths: s.cfg.MaxDynamicPaths})}
	}
	return &rows{}
}

// keyed is what this store's blocks have besides Block.
type keyed interface {
	Block
	Keys(f func(dedup.Key))
	Supersede(tombstones []dedup.Tombstone)
	insertKeys(ctx context.Context, conn driver.Conn, ids []dedup.ID) error
	insertRows(ctx context.Context, conn driver.Conn) error
}

// Insert implements Store, in the three steps that package dedup gives the reasons of.
func (s *ClickHouse) Insert(ctx context.Context, b Block) error {
	if b.Rows() == 0 {
		return nil
	}
	block, ok := b.(keyed)
	if !ok {
		return fmt.Errorf("block of type %T is not this store's", b)
	}
	ctx, cancel := context.WithTimeout(clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings)), insertTimeout)
	defer cancel()
	ids := s.ids.IDs(block.Keys)
	if err := block.insertKeys(ctx, s.conn, ids); err != nil {
		return fmt.Errorf("insert event keys: %w", err)
	}
	tombstones, err := s.ids.Superseded(ctx, ids, block.Keys)
	if err != nil {
		return err
	}
	block.Supersede(tombstones)
	if err := block.insertRows(ctx, s.conn); err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	return nil
}

// columns is the Block for HTTP.
type columns struct{ *block.Builder }

func (c *columns) insertKeys(ctx context.Context, conn driver.Conn, ids []dedup.ID) error {
	return insertNative(ctx, conn, "INSERT INTO event_keys ("+c.KeyColumns()+")", func(w io.Writer) (int64, error) { return c.WriteKeys(w, ids) })
}

func (c *columns) insertRows(ctx context.Context, conn driver.Conn) error {
	return insertNative(ctx, conn, "INSERT INTO events ("+c.Columns()+")", c.WriteTo)
}

// insertNative sends what write writes as it is written.
func insertNative(ctx context.Context, conn driver.Conn, query string, write func(io.Writer) (int64, error)) error {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, err := write(w)
		w.CloseWithError(err)
	}()
	err := conn.InsertFormat(ctx, "Native", query, r)
	_ = r.Close() // ends the writer where the server answered before it had read all
	<-written     // the block may be changed as soon as we return
	return err
}

// insertBatch sends the rows that fill appends, as one block.
func insertBatch(ctx context.Context, conn driver.Conn, query string, fill func(driver.Batch) error) error {
	batch, err := conn.PrepareBatch(ctx, query)
	if err != nil {
		return err
	}
	if err := fill(batch); err != nil {
		return errors.Join(err, batch.Abort())
	}
	return batch.Send()
}

// Ping implements Store.
func (s *ClickHouse) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return s.conn.Ping(ctx)
}

const refusedColumns = "connection_id, received_at, id, kind, status, reason, content_type, encoding, size, body"

// Refuse implements Store.
func (s *ClickHouse) Refuse(ctx context.Context, refused []Refused) error {
	ctx, cancel := context.WithTimeout(clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings)), insertTimeout)
	defer cancel()
	err := insertBatch(ctx, s.conn, "INSERT INTO refused_requests ("+refusedColumns+", collector_id)", func(batch driver.Batch) error {
		for i := range refused {
			x := &refused[i]
			err := batch.Append(x.Connection, x.ReceivedAt, x.ID, string(x.Kind), uint16(x.Status), x.Reason, x.ContentType, x.Encoding,
				uint64(max(x.Size, 0)), string(x.Body), s.cfg.Collector)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep refused requests: %w", err)
	}
	return nil
}

// Trim implements Store. Refused events are not requests: they were
// acknowledged, so they go only when somebody deals with them.
func (s *ClickHouse) Trim(ctx context.Context, keep int) error {
	err := s.conn.Exec(ctx, `DELETE FROM refused_requests WHERE kind = 'request' AND (connection_id, id) NOT IN (
		SELECT connection_id, id FROM refused_requests WHERE kind = 'request'
		ORDER BY connection_id, received_at DESC LIMIT ? BY connection_id)`, keep)
	if err != nil {
		return fmt.Errorf("trim refused requests: %w", err)
	}
	return nil
}

// Refused implements RefusedReader. A batch that was written twice after a lost
// answer shows once.
func (s *ClickHouse) Refused(ctx context.Context, connection, id uuid.UUID, kind RefusedKind, limit int) ([]Refused, error) {
	return s.refused(ctx, `SELECT `+refusedColumns+` FROM refused_requests
		WHERE connection_id = ? AND (? OR id = ?) AND (? = '' OR toString(kind) = ?) AND (kind = 'event' OR received_at > now() - INTERVAL 7 DAY)
		ORDER BY received_at DESC, id LIMIT 1 BY id LIMIT ?`,
		connection, id == uuid.Nil, id, string(kind), string(kind), limit)
}

func (s *ClickHouse) refused(ctx context.Context, query string, args ...any) ([]Refused, error) {
	found, err := s.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read refused requests: %w", err)
	}
	defer func() { _ = found.Close() }() // Err below tells what matters
	var out []Refused
	for found.Next() {
		var (
			x      Refused
			kind   string
			status uint16
			size   uint64
			body   string
		)
		if err := found.Scan(&x.Connection, &x.ReceivedAt, &x.ID, &kind, &status, &x.Reason, &x.ContentType, &x.Encoding, &size, &body); err != nil {
			return nil, fmt.Errorf("read refused requests: %w", err)
		}
		x.Kind, x.Status, x.Size, x.Body = RefusedKind(kind), int(status), int64(size), []byte(body)
		out = append(out, x)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read refused requests: %w", err)
	}
	return out, nil
}
