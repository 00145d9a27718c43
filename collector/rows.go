package collector

import (
	"context"
	"encoding/hex"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/dedup"
	"github.com/tributary-events/tributary/event"
)

// rows is the Block for native TCP.
type rows struct {
	all        []row
	size       int
	tombstones []dedup.Tombstone
}

type row struct {
	connection              uuid.UUID
	id, email, cdt, payload string
	timestamp, receivedAt   int64
	deleted                 uint8
	version                 int64 // received_at as the table events has it, in units of 100 ns
}

func (r *rows) Append(connection uuid.UUID, receivedAt int64, b *event.Batch, from, to int) {
	for i := from; i < to; i++ {
		e := &b.Events[i]
		payload := "{}"
		if e.Payload != 0 {
			payload = string(event.AppendPayload(nil, b, e.Payload))
		}
		x := row{
			connection: connection, id: string(b.Text(e.ID)), email: string(b.Text(e.Email)), cdt: string(b.Text(e.CDT)),
			payload: payload, timestamp: e.Timestamp, receivedAt: receivedAt + int64(i), version: 10 * (receivedAt + int64(i)),
		}
		r.all = append(r.all, x)
		r.size += 128 + len(x.id) + len(x.email) + len(x.cdt) + len(x.payload)
	}
}

func (r *rows) Rows() int { return len(r.all) }
func (r *rows) Size() int { return r.size }

func (r *rows) Reset() {
	clear(r.all)
	*r = rows{all: r.all[:0]}
}

func (r *rows) Supersede(tombstones []dedup.Tombstone) { r.tombstones = tombstones }

func (r *rows) Keys(f func(dedup.Key)) {
	for i := range r.all {
		x := &r.all[i]
		f(dedup.Key{Connection: x.connection, ID: []byte(x.id), Timestamp: x.timestamp, ReceivedAt: x.receivedAt})
	}
}

// lastTime is the last millisecond that the driver's times can hold: in the year 2262,
// where ClickHouse goes on to 2299. Later rows go as statements with numbers in them,
// each by itself: slow, and nobody sends them but by mistake.
const lastTime = math.MaxInt64 / 1_000_000

func (r *rows) insertKeys(ctx context.Context, conn driver.Conn, ids []dedup.ID) error {
	err := insertBatch(ctx, conn, "INSERT INTO event_keys (id, event_timestamp, received_at)", func(batch driver.Batch) error {
		for i := range r.all {
			x := &r.all[i]
			if x.timestamp > lastTime {
				continue
			}
			if err := batch.Append(string(ids[i][:]), time.UnixMilli(x.timestamp).UTC(), time.UnixMicro(x.receivedAt).UTC()); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range r.all {
		if x := &r.all[i]; err == nil && x.timestamp > lastTime {
			err = conn.Exec(ctx, `INSERT INTO event_keys (id, event_timestamp, received_at)
				SELECT toFixedString(unhex(?), 16), fromUnixTimestamp64Milli(?, 'UTC'), fromUnixTimestamp64Micro(?, 'UTC')`,
				hex.EncodeToString(ids[i][:]), x.timestamp, x.receivedAt)
		}
	}
	return err
}

const rowColumns = "connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at, is_deleted"

// insertRows sends all rows as one block, tombstones included; only rows beyond lastTime
// come after it.
func (r *rows) insertRows(ctx context.Context, conn driver.Conn) error {
	all := r.all[:len(r.all):len(r.all)]
	for _, x := range r.tombstones {
		all = append(all, row{connection: x.Connection, id: x.ID, payload: "{}", timestamp: x.Timestamp, version: x.Version, deleted: 1})
	}
	err := insertBatch(ctx, conn, "INSERT INTO events ("+rowColumns+")", func(batch driver.Batch) error {
		for i := range all {
			x := &all[i]
			if x.timestamp > lastTime {
				continue
			}
			if err := batch.Append(x.connection, x.id, time.UnixMilli(x.timestamp).UTC(), x.email, x.cdt, x.payload, time.Unix(0, 100*x.version).UTC(), x.deleted); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range all {
		if x := &all[i]; err == nil && x.timestamp > lastTime {
			err = conn.Exec(ctx, "INSERT INTO events ("+rowColumns+`)
				SELECT toUUID(?), ?, fromUnixTimestamp64Milli(?, 'UTC'), ?, ?, CAST(?, 'JSON'), fromUnixTimestamp64Nano(?, 'UTC'), ?`,
				x.connection.String(), x.id, x.timestamp, x.email, x.cdt, x.payload, 100*x.version, x.deleted)
		}
	}
	return err
}
