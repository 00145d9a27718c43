package block

import (
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/dedup"
)

// Versions of ClickHouse's serialization of JSON and Dynamic that this package
// writes, and the plain form of which row has which type.
const (
	objectVersion       = 2
	dynamicVersion      = 2
	basicDiscriminators = 0
	nullDiscriminator   = 0xFF
)

// WriteTo writes the block in ClickHouse's Native format, as a client of
// revision 0 sends it: nothing if there are no rows. The builder stays as it
// is, so a block can be written again. The error is w's.
func (b *Builder) WriteTo(w io.Writer) (int64, error) {
	if b.rows == 0 {
		return 0, nil
	}
	s := &b.out
	s.open(w)
	dead := len(b.tombstones)
	s.uvarint(8)
	s.uvarint(uint64(b.rows + dead))
	s.header("connection_id", "UUID")
	for _, src := range b.sources {
		s.uuid(src.connection, src.rows)
	}
	for i := range b.tombstones {
		s.uuid(b.tombstones[i].Connection, 1)
	}
	s.header("event_id", "String")
	s.write(b.ids)
	for i := range b.tombstones {
		s.text(b.tombstones[i].ID)
	}
	s.header("event_timestamp", "DateTime64(3, 'UTC')")
	s.write(b.timestamps)
	for i := range b.tombstones {
		s.uint64(uint64(b.tombstones[i].Timestamp))
	}
	s.header("event_email", "String")
	s.write(b.emails)
	s.fill(0, dead)
	s.header("event_adb_cdt", "String")
	s.write(b.cdts)
	s.fill(0, dead)
	s.header("event_payload", b.payload.typ.name)
	b.payload.rows += uint32(dead) // without a value at any path
	s.objectPrefix(b.payload)
	s.object(b.payload)
	b.payload.rows -= uint32(dead)
	s.header("received_at", "DateTime64(7, 'UTC')")
	b.writeVersions(s, 10)
	for i := range b.tombstones {
		s.uint64(uint64(b.tombstones[i].Version))
	}
	s.header("is_deleted", "UInt8")
	s.fill(0, b.rows)
	s.fill(1, dead)
	return s.close()
}

// WriteKeys writes what event_keys holds of the block, without tombstones, in the
// same format as WriteTo. ids are those of the rows (dedup.ID), in order.
func (b *Builder) WriteKeys(w io.Writer, ids []dedup.ID) (int64, error) {
	if b.rows == 0 {
		return 0, nil
	}
	s := &b.out
	s.open(w)
	s.uvarint(3)
	s.uvarint(uint64(b.rows))
	s.header("id", "FixedString(16)")
	for i := range ids {
		s.write(ids[i][:])
	}
	s.header("event_timestamp", "DateTime64(3, 'UTC')")
	s.write(b.timestamps)
	s.header("received_at", "DateTime64(6, 'UTC')")
	b.writeVersions(s, 1)
	return s.close()
}

// writeVersions writes received_at in so many units a microsecond.
func (b *Builder) writeVersions(s *stream, units uint64) {
	for _, src := range b.sources {
		for i := range src.rows {
			s.uint64((uint64(src.receivedAt) + uint64(i)) * units)
		}
	}
}

// stream is the Native format on its way to a writer.
type stream struct {
	w       io.Writer
	buf     []byte
	written int64
	err     error
}

const streamBuffer = 64 << 10

func (s *stream) open(w io.Writer) {
	if s.buf == nil {
		s.buf = make([]byte, 0, streamBuffer)
	}
	*s = stream{w: w, buf: s.buf[:0]}
}

func (s *stream) close() (int64, error) {
	s.flush()
	s.w = nil
	return s.written, s.err
}

func (s *stream) flush() {
	s.send(s.buf)
	s.buf = s.buf[:0]
}

func (s *stream) send(p []byte) {
	if s.err != nil || len(p) == 0 {
		return
	}
	n, err := s.w.Write(p)
	s.written += int64(n)
	s.err = err
}

// write sends large data as it lies, without copying it.
func (s *stream) write(p []byte) {
	if len(p) > cap(s.buf)-len(s.buf) {
		s.flush()
		if len(p) >= cap(s.buf)/2 {
			s.send(p)
			return
		}
	}
	s.buf = append(s.buf, p...)
}

func (s *stream) uint64(v uint64) {
	if cap(s.buf)-len(s.buf) < 8 {
		s.flush()
	}
	s.buf = binary.LittleEndian.AppendUint64(s.buf, v)
}

// uuid sends id n times: two integers, high half first, each little-endian.
func (s *stream) uuid(id uuid.UUID, n int) {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for range n {
		s.uint64(hi)
		s.uint64(lo)
	}
}

func (s *stream) uvarint(v uint64) {
	if cap(s.buf)-len(s.buf) < binary.MaxVarintLen64 {
		s.flush()
	}
	s.buf = binary.AppendUvarint(s.buf, v)
}

func (s *stream) text(t string) {
	s.uvarint(uint64(len(t)))
	if len(t) > cap(s.buf)-len(s.buf) {
		s.flush()
	}
	s.buf = append(s.buf, t...) // names and paths are shorter than the buffer
}

// fill sends n times the byte c.
func (s *stream) fill(c byte, n int) {
	for n > 0 {
		room := min(n, cap(s.buf)-len(s.buf))
		if room == 0 {
			s.flush()
			continue
		}
		at := len(s.buf)
		s.buf = s.buf[:at+room]
		part := s.buf[at:]
		for i := range part {
			part[i] = c
		}
		n -= room
	}
}

func (s *stream) header(name, typ string) {
	s.text(name)
	s.text(typ)
}

// All of a column's structure, the nested columns' included, goes before its data.

func (s *stream) objectPrefix(o *objectColumn) {
	slices.SortFunc(o.paths, func(x, y *node) int { return cmp.Compare(x.path, y.path) })
	used := 0
	for _, n := range o.paths {
		if len(n.values.runs) > 0 {
			used++
		}
	}
	s.uint64(objectVersion)
	s.uvarint(uint64(used))
	for _, n := range o.paths {
		if len(n.values.runs) > 0 {
			s.text(n.path)
		}
	}
	for _, n := range o.paths {
		if len(n.values.runs) > 0 {
			s.dynamicPrefix(n.values)
		}
	}
}

func (s *stream) dynamicPrefix(d *dynamicColumn) {
	d.sort()
	types := len(d.order)
	if slices.Contains(d.order, d.overflow) {
		types-- // it need not be named
	}
	s.uint64(dynamicVersion)
	s.uvarint(uint64(types))
	for _, v := range d.order {
		if v != d.overflow {
			s.text(v.typ.name)
		}
	}
	s.uint64(basicDiscriminators)
	for _, v := range d.order {
		switch {
		case v.object != nil:
			s.objectPrefix(v.object)
		case v.dynamic != nil:
			s.dynamicPrefix(v.dynamic)
		}
	}
}

func (s *stream) object(o *objectColumn) {
	for _, n := range o.paths {
		if len(n.values.runs) > 0 {
			s.dynamic(n.values, int(o.rows))
		}
	}
	// Where each row's pairs end.
	end, row := uint64(0), uint32(0)
	for _, r := range o.shared.rows {
		for ; row < r.row; row++ {
			s.uint64(end)
		}
		end = r.end
	}
	for ; row < o.rows; row++ {
		s.uint64(end)
	}
	s.write(o.shared.paths)
	s.write(o.shared.values)
}

func (s *stream) dynamic(d *dynamicColumn, rows int) {
	at := 0
	for _, r := range d.runs {
		s.fill(nullDiscriminator, int(r.start)-at)
		s.fill(d.variants[r.variant].discriminator, int(r.end-r.start))
		at = int(r.end)
	}
	s.fill(nullDiscriminator, rows-at)
	for _, v := range d.order {
		s.column(&v.column)
	}
}

func (s *stream) column(c *column) {
	for _, ends := range c.ends {
		s.write(ends)
	}
	s.write(c.nulls)
	switch {
	case c.object != nil:
		s.object(c.object)
	case c.dynamic != nil:
		s.dynamic(c.dynamic, int(c.counts[len(c.counts)-1]))
	default:
		s.write(c.data)
	}
}

// sort sets order to the variants that have values, by the names of their types,
// and numbers them as ClickHouse does, which counts SharedVariant even where it
// is not there.
func (d *dynamicColumn) sort() {
	var used [256]bool
	for _, r := range d.runs {
		used[r.variant] = true
	}
	d.order = d.order[:0]
	for _, v := range d.variants {
		if used[v.index] {
			d.order = append(d.order, v)
		}
	}
	slices.SortFunc(d.order, func(x, y *variant) int { return cmp.Compare(x.typ.name, y.typ.name) })
	number, passed := byte(0), false
	for _, v := range d.order {
		switch {
		case v == d.overflow:
			passed = true
		case !passed && v.typ.name > d.typ.spilled.name:
			passed = true
			number++
		}
		v.discriminator = number
		number++
	}
}
