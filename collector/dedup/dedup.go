// Package dedup owns what makes one event of all copies of an id: which timestamps an
// id has had, and which stored rows a new copy takes the place of.
//
// The table events is ordered by time, because reports ask for ranges of it. A copy
// with the same timestamp meets its predecessor in the table's key, and
// ReplacingMergeTree keeps the one received last. A copy with another timestamp does
// not, so it comes with a tombstone for every other timestamp of its id, in the same
// insert: a row of the old key, deleted, received when the winner was. event_keys
// remembers, beside the payloads, every timestamp that an id ever had.
//
//	block ──▶ 1 its keys into event_keys
//	          2 ids that may have been there before: their timestamps from event_keys
//	          3 rows and tombstones into events, as one part
//
// Invariants, whatever crashes between the steps and however many collectors write:
//
//   - Of two collectors that write copies of one id at the same time at least one sees
//     the other's key, because both write theirs before they read. So each stale row
//     gets its tombstone.
//   - A tombstone beats the rows received before its winner and loses to those received
//     after it, in whatever order they arrive. Writing it again changes nothing.
//   - Step 3 is one block and one part: readers see the new copy and the end of the old
//     one at the same instant.
//   - A key without a row (a crash after step 1) takes nothing away: tombstones
//     come with rows alone. Only where another collector has written the key of a newer
//     copy and died before its row, an older copy written meanwhile waits for the newer
//     one, which is in that collector's spool and acknowledged.
//
// An id is known by 128 bits of SHA-256 over its connection and itself: half the bytes
// of a UUID with its connection, cheap to sort and merge, and no two ids that anybody
// can find have the same.
//
// # Which ids are looked up
//
// A look-up of 10,000 ids among 20 million costs the engine 100 ms and more, far more
// than the insert. So the one collector of a database keeps a Bloom filter of all ids
// that it or its predecessors have written: what the filter does not know is new, for
// certain. It is filled from event_keys in the background after a start; until
// then, and where several collectors share the database, every id is looked up.
package dedup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// Key is one copy of an event. Timestamp is its event_timestamp in milliseconds,
// ReceivedAt its version in microseconds since 1970.
type Key struct {
	Connection uuid.UUID
	ID         []byte
	Timestamp  int64
	ReceivedAt int64
}

// Tombstone takes the place of the rows with its key whose version is lower. Version is
// in units of 100 ns since 1970, half a microsecond beside the winner's.
type Tombstone struct {
	Connection uuid.UUID
	ID         string
	Timestamp  int64
	Version    int64
}

// ID stands for one event_id of one connection.
type ID [16]byte

// short is what the filter keeps of it.
func (x ID) short() uint64 { return binary.LittleEndian.Uint64(x[:]) }

// Index knows the ids of a database. One goroutine at a time may use it; Learn may
// run beside it.
type Index struct {
	conn   driver.Conn
	filter *filter // nil: other collectors write, too
	filled atomic.Bool

	// Of the block in progress.
	scratch []byte
	ids     []ID
	short   []uint64
	seen    []bool
}

// New returns the index behind a connection. With alone set, no other process may
// write events to the database while this one runs.
func New(conn driver.Conn, alone bool) *Index {
	x := &Index{conn: conn}
	if alone {
		x.filter = &filter{}
	}
	return x
}

// IDs returns the ids of a block's rows, valid until the next call. each calls its
// argument for every row, in order.
func (x *Index) IDs(each func(func(Key))) []ID {
	x.ids = x.ids[:0]
	each(func(k Key) {
		x.scratch = append(append(x.scratch[:0], k.Connection[:]...), k.ID...)
		sum := sha256.Sum256(x.scratch)
		x.ids = append(x.ids, ID(sum[:16]))
	})
	return x.ids
}

// Learn fills the filter with all ids of the database, trying again until it is done
// or ctx ends. Without it every id is looked up: slower, and as exact.
func (x *Index) Learn(ctx context.Context, logger *slog.Logger) {
	if x.filter == nil {
		return
	}
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 30*time.Second) {
		started := time.Now()
		n, err := x.fill(ctx)
		if err == nil {
			x.filled.Store(true)
			if n > 0 {
				logger.Info("all event ids are known", "ids", n, "seconds", time.Since(started).Seconds())
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		logger.Warn("event ids can't be read; trying again", "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// fill reads what is in the table now. What is written meanwhile adds itself.
func (x *Index) fill(ctx context.Context) (n int, err error) {
	var count uint64
	if err := x.conn.QueryRow(ctx, "SELECT count() FROM event_keys").Scan(&count); err != nil {
		return 0, fmt.Errorf("count event ids: %w", err)
	}
	x.filter.reserve(int(count + count/4))
	if count == 0 {
		return 0, nil
	}
	rows, err := x.conn.Query(ctx, "SELECT reinterpretAsUInt64(substring(id, 1, 8)) FROM event_keys")
	if err != nil {
		return 0, fmt.Errorf("read event ids: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	const batch = 1024
	short, seen := make([]uint64, 0, batch), make([]bool, batch)
	for rows.Next() {
		short = append(short, 0)
		if err := rows.Scan(&short[len(short)-1]); err != nil {
			return n, fmt.Errorf("read event ids: %w", err)
		}
		n++
		if len(short) == batch {
			x.filter.add(short, seen)
			short = short[:0]
		}
	}
	x.filter.add(short, seen[:len(short)])
	if err := rows.Err(); err != nil {
		return n, fmt.Errorf("read event ids: %w", err)
	}
	return n, nil
}

// maxLookup bounds one look-up's memory and time.
const maxLookup = 10_000

// Superseded returns the tombstones that must go with a block whose keys have been
// written to event_keys. ids and each are those of IDs.
func (x *Index) Superseded(ctx context.Context, ids []ID, each func(func(Key))) ([]Tombstone, error) {
	all := !x.unseen(ids)
	if !all && !slices.Contains(x.seen, true) {
		return nil, nil
	}
	var (
		out     []Tombstone
		wanted  = map[ID]event{}
		fault   error
		current int
	)
	lookUp := func() {
		if len(wanted) == 0 || fault != nil {
			return
		}
		var more []Tombstone
		more, fault = x.lookUp(ctx, wanted)
		out = append(out, more...)
		clear(wanted)
	}
	each(func(k Key) {
		if all || x.seen[current] {
			wanted[ids[current]] = event{k.Connection, string(k.ID)}
		}
		if current++; len(wanted) == maxLookup {
			lookUp()
		}
	})
	lookUp()
	if fault != nil {
		return nil, fmt.Errorf("look up event ids: %w", fault)
	}
	return out, nil
}

// unseen adds ids to the filter and sets x.seen to which of them may have been there
// before. It returns false where the filter can't tell.
func (x *Index) unseen(ids []ID) bool {
	if x.filter == nil {
		return false
	}
	x.short = x.short[:0]
	for _, id := range ids {
		x.short = append(x.short, id.short())
	}
	x.seen = slices.Grow(x.seen[:0], len(ids))[:len(ids)]
	x.filter.add(x.short, x.seen)
	return x.filled.Load()
}

// event is what a tombstone says of an id.
type event struct {
	connection uuid.UUID
	id         string
}

// lookupSettings: all collectors ask the same replica of each shard, so that what one
// has written before it asks, the other sees.
var lookupSettings = clickhouse.Settings{"load_balancing": "in_order", "prefer_localhost_replica": 0}

// lookUp finds which of the ids have several timestamps and returns their tombstones.
func (x *Index) lookUp(ctx context.Context, wanted map[ID]event) (out []Tombstone, err error) {
	ids, err := ext.NewTable("ids", ext.Column("id", "FixedString(16)"))
	if err != nil {
		return nil, err
	}
	for id := range wanted {
		if err := ids.Append(string(id[:])); err != nil {
			return nil, err
		}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithExternalTable(ids), clickhouse.WithSettings(lookupSettings))
	// As numbers: the driver's times end in the year 2262, ours in 2299.
	rows, err := x.conn.Query(ctx, `SELECT id, groupArray(toUnixTimestamp64Milli(event_timestamp)), groupArray(newest)
FROM (
    SELECT id, event_timestamp, toUnixTimestamp64Micro(max(received_at)) AS newest
    FROM event_keys
    WHERE id IN ids
    GROUP BY id, event_timestamp
)
GROUP BY id
HAVING count() > 1`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var (
			id                 string
			timestamps, newest []int64
		)
		if err := rows.Scan(&id, &timestamps, &newest); err != nil {
			return nil, err
		}
		if len(id) != len(ID{}) {
			return nil, fmt.Errorf("event_keys has an id of %d bytes", len(id))
		}
		e := wanted[ID([]byte(id))]
		out = append(out, tombstones(e.connection, e.id, timestamps, newest)...)
	}
	return out, rows.Err()
}

// tombstones are those of all timestamps of an id but the winner's: the one received
// last, or of two received in the same microsecond by two collectors the later one.
func tombstones(connection uuid.UUID, id string, timestamps, newest []int64) []Tombstone {
	winner := 0
	for i := range timestamps {
		if newest[i] > newest[winner] || newest[i] == newest[winner] && timestamps[i] > timestamps[winner] {
			winner = i
		}
	}
	var out []Tombstone
	for i := range timestamps {
		if i == winner {
			continue
		}
		// Copies are in a total order, by version and then by timestamp: the tombstone
		// stands right below the winner in it, whatever else is or will be at its place.
		version := 10*newest[winner] + 5
		if timestamps[i] > timestamps[winner] {
			version -= 10
		}
		out = append(out, Tombstone{Connection: connection, ID: id, Timestamp: timestamps[i], Version: version})
	}
	return out
}
