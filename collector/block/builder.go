package block

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/dedup"
	"github.com/tributary-events/tributary/event"
)

// Options are what a builder has to know of the table.
type Options struct {
	// MaxDynamicPaths is that of the table's event_payload, JSON(max_dynamic_paths=N).
	// ClickHouse converts a block with another one, at ten times the cost of
	// inserting it. 0: DefaultMaxDynamicPaths.
	MaxDynamicPaths int
}

// DefaultMaxDynamicPaths is what the table should be created with. Up to 100
// paths in use it makes no difference. With 1,000, ClickHouse's own default of
// 1024 makes inserts 5 times and merges 11 times as dear as this, reads of one
// path in compact parts 3 to 15 times as slow, and wide parts of 10,500 files.
const DefaultMaxDynamicPaths = 128

// Builder gathers events and writes them as one block. It reuses its buffers
// from block to block and is not safe for concurrent use.
type Builder struct {
	sources []source
	rows    int
	size    int

	ids        []byte
	timestamps []byte
	emails     []byte
	cdts       []byte
	payload    *objectColumn
	tombstones []dedup.Tombstone // written behind the events

	table    table
	maxNodes int
	crowded  bool   // a path was refused a column for want of room
	epoch    uint32 // counts Resets

	// Of the Append in progress.
	batch *event.Batch
	tape  []event.Word

	// Of the event in progress, see shared.go.
	pairs   []pair
	scratch []byte
	path    []byte
	budget  budget

	out stream
}

// source is the rows of one Append.
type source struct {
	connection uuid.UUID
	receivedAt int64 // of the first row, µs since 1970
	rows       int
}

// New returns an empty builder.
func New(opts Options) *Builder {
	if opts.MaxDynamicPaths == 0 {
		opts.MaxDynamicPaths = DefaultMaxDynamicPaths
	}
	// Room for the paths at the top, those inside arrays, and the objects on the way.
	maxNodes := 4 * max(opts.MaxDynamicPaths, DefaultMaxDynamicPaths)
	return &Builder{
		payload:  newObjectColumn(newRoot(opts.MaxDynamicPaths)),
		table:    newTable(maxNodes),
		maxNodes: maxNodes,
	}
}

// Rows returns the number of events in the block.
func (b *Builder) Rows() int { return b.rows }

// Size returns the bytes that the events take in memory, which is within a few
// percent of what WriteTo will write unless many paths are rare: then more is
// written, one byte per path and row.
func (b *Builder) Size() int { return b.size }

// Columns is the INSERT's column list.
func (b *Builder) Columns() string {
	return "connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at, is_deleted"
}

// KeyColumns is the column list of what WriteKeys writes.
func (b *Builder) KeyColumns() string { return "id, event_timestamp, received_at" }

// Keys calls f for every event of the block, in order. The id is valid during the call.
func (b *Builder) Keys(f func(dedup.Key)) {
	ids, row := b.ids, 0
	for _, src := range b.sources {
		for i := range src.rows {
			n, width := binary.Uvarint(ids)
			id := ids[width : width+int(n)]
			ids = ids[width+int(n):]
			f(dedup.Key{
				Connection: src.connection, ID: id, ReceivedAt: src.receivedAt + int64(i),
				Timestamp: int64(binary.LittleEndian.Uint64(b.timestamps[8*row:])),
			})
			row++
		}
	}
}

// Supersede sets the tombstones that are written with the events, in the place of
// those of an earlier call.
func (b *Builder) Supersede(tombstones []dedup.Tombstone) { b.tombstones = tombstones }

// Append adds the events [from,to) of the batch, which was decoded without an
// error. Event i is given receivedAt+i microseconds since 1970 as its
// received_at. The batch is not needed afterwards.
func (b *Builder) Append(connection uuid.UUID, receivedAt int64, batch *event.Batch, from, to int) {
	if from >= to {
		return
	}
	b.batch, b.tape = batch, batch.Tape
	b.sources = append(b.sources, source{connection, receivedAt + int64(from), to - from})
	const fixed = 16 + 8 + 8 + 3 // the columns without texts, and the lengths of those
	b.size += fixed * (to - from)
	for i := from; i < to; i++ {
		e := &batch.Events[i]
		id, email, cdt := batch.Text(e.ID), batch.Text(e.Email), batch.Text(e.CDT)
		b.ids = appendText(b.ids, id)
		b.emails = appendText(b.emails, email)
		b.cdts = appendText(b.cdts, cdt)
		b.timestamps = binary.LittleEndian.AppendUint64(b.timestamps, uint64(e.Timestamp))
		b.size += len(id) + len(email) + len(cdt)
		if e.Payload != 0 {
			b.budget.begin(e.Payload)
			b.appendObject(b.payload, e.Payload)
		} else {
			b.payload.rows++
		}
	}
	b.rows += to - from
	b.batch, b.tape = nil, nil
}

// appendText appends text with its length before it.
func appendText[T string | []byte](dst []byte, text T) []byte {
	if len(text) < 0x80 {
		dst = append(dst, byte(len(text)))
	} else {
		dst = binary.AppendUvarint(dst, uint64(len(text)))
	}
	return append(dst, text...)
}
