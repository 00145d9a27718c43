// Package spool owns the durable queue between acknowledging a request and
// inserting its events: records go to segment files, one fsync serves all
// records written before it, and a segment is deleted once its reader has
// released everything in it.
//
// Invariants:
//   - A record for which Sync returned nil survives any crash and is read back
//     byte for byte, in the order of the appends.
//   - Damage stays local: a record that fails its checksum is skipped, copied
//     into the folder "damaged", counted and told; its neighbours are read.
//   - A segment found at Open is never appended to, so that a torn tail stays
//     where it is, and one writer never continues another's half-written record.
//   - Nothing is deleted but by Release.
//
// One goroutine appends and syncs; any number may read, release and ask for
// figures at the same time.
//
// Why not a library: measured beside the well-kept ones (prometheus tsdb/wlog,
// pebble, raft-wal, tidwall/wal, bbolt, NATS), none both skipped one bad record
// in the middle and kept up; see docs/decisions.md.
package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// ErrFull says that the spool has reached its limit. Nothing was written.
var ErrFull = errors.New("spool is full")

// MaxRecord is the largest record in bytes. It bounds what a reader allocates
// for a length that it reads from disk.
const MaxRecord = 16 << 20

// Options are the settings of Open; the zero value of each but Dir is usable.
type Options struct {
	Dir string // created with mode 0700 where missing
	// SegmentSize is how many bytes a segment holds before the next is begun:
	// what a restart after a crash reads again. Default 64 MiB.
	SegmentSize int64
	// MaxBytes bounds all segments together. Default 8 GiB.
	MaxBytes int64
	// Meta is called when a segment is begun; what it returns is kept in the
	// segment's header and handed to Recover after a restart.
	Meta   func() []byte
	Logger *slog.Logger // default: none
	// Disk is the file system; the default is the real one. Tests put faults here.
	Disk Disk
}

func (o *Options) setDefaults() {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 64 << 20
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 30
	}
	if o.Meta == nil {
		o.Meta = func() []byte { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Disk == nil {
		o.Disk = OS{}
	}
}

// Position is a place between two records. Positions compare as they were written.
type Position struct {
	Segment uint64 // sequence number of the segment file
	Offset  int64  // bytes from its start
}

// Before tells whether p was written earlier than q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Stats are the figures of a spool at one moment.
type Stats struct {
	Bytes    int64 // of all segments
	Limit    int64 // Options.MaxBytes
	Segments int
	Damaged  uint64 // records skipped since Open
}

// Spool is the queue. See the package comment for who may call what at once.
type Spool struct {
	opts Options

	// Only the appending goroutine touches these.
	file    File
	active  segment
	written int64 // bytes of the active segment, durable or not
	buffer  []byte

	mu       sync.Mutex
	segments []segment // in order; the active one last
	durable  Position  // everything before it is on stable storage
	damaged  uint64
}

// Open reads the folder and makes it ready for appending. It keeps every
// segment that it finds; what was never released is what a Reader from Start
// delivers. It fails if the folder can't be made or read.
func Open(opts Options) (*Spool, error) {
	opts.setDefaults()
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool folder: %w", err)
	}
	segments, err := listSegments(opts.Dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{opts: opts, segments: segments}
	if n := len(segments); n > 0 {
		last := segments[n-1]
		s.durable = Position{Segment: last.seq, Offset: last.size}
	}
	return s, nil
}

// Recover hands the meta data of the newest segment, then every record of it in
// order, to the two functions: what the appender needs to rebuild what it counts.
// Call it once, before the first Append. A segment without a readable header
// (a crash while it was begun) is passed over for the one before.
func (s *Spool) Recover(ctx context.Context, meta func([]byte) error, record func([]byte) error) error {
	s.mu.Lock()
	segments := append([]segment(nil), s.segments...)
	s.mu.Unlock()
	first := -1
	for i := len(segments) - 1; i >= 0 && first < 0; i-- {
		m, err := readMeta(s.path(segments[i]), segments[i])
		switch {
		case err == nil:
			if err := meta(m); err != nil {
				return fmt.Errorf("restore from segment %s: %w", segments[i].name(), err)
			}
			first = i
		case errors.Is(err, errNoHeader):
			s.opts.Logger.Warn("spool segment has no readable header", "segment", segments[i].name())
		default:
			return err
		}
	}
	if first < 0 {
		return nil
	}
	r := s.newReader(Position{Segment: segments[first].seq})
	r.quiet = true // the shipping reader will meet and report the same damage
	defer r.Close()
	for {
		rec, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := record(rec.Payload); err != nil {
			return fmt.Errorf("restore from segment %s: %w", segments[first].name(), err)
		}
	}
}

// Append writes records behind each other and returns where the first one
// starts and the last one ends. They are durable only after Sync. Each record is given in
// parts that are written as one. An error means that none of them will be read
// back: the segment is cut to what was durable and the next Append begins another.
func (s *Spool) Append(records ...[][]byte) (start, end Position, err error) {
	need := int64(0)
	for _, parts := range records {
		n := int64(0)
		for _, p := range parts {
			n += int64(len(p))
		}
		if n > MaxRecord {
			return start, end, fmt.Errorf("record of %d bytes is larger than %d", n, MaxRecord)
		}
		need += n + recordHeader
	}
	if s.Stats().Bytes+need > s.opts.MaxBytes {
		return start, end, ErrFull
	}
	if s.file == nil || s.written >= s.opts.SegmentSize {
		if err := s.Rotate(); err != nil {
			return start, end, err
		}
	}
	start = Position{Segment: s.active.seq, Offset: s.written}
	s.buffer = s.buffer[:0]
	for _, parts := range records {
		s.buffer = appendRecord(s.buffer, s.active, start.Offset+int64(len(s.buffer)), parts)
	}
	if _, err := s.file.Write(s.buffer); err != nil {
		s.abandon()
		return start, end, fmt.Errorf("write spool: %w", err)
	}
	s.written += int64(len(s.buffer))
	if cap(s.buffer) > 4<<20 {
		s.buffer = nil
	}
	s.mu.Lock()
	s.segments[len(s.segments)-1].size = s.written
	s.mu.Unlock()
	return start, Position{Segment: s.active.seq, Offset: s.written}, nil
}

// Sync makes every appended record durable. After an error none of the records
// since the last Sync counts: a failed fsync leaves the page cache unknown, so
// the segment is cut and the next Append begins another.
func (s *Spool) Sync() error {
	if s.file == nil {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		s.abandon()
		return fmt.Errorf("sync spool: %w", err)
	}
	s.mu.Lock()
	s.durable = Position{Segment: s.active.seq, Offset: s.written}
	s.mu.Unlock()
	return nil
}

// Rotate closes the active segment, if there is one, and begins the next, so
// that Release can delete all that was written before. It syncs what was appended.
func (s *Spool) Rotate() error {
	if s.file != nil {
		if err := s.Sync(); err != nil {
			return err
		}
		if err := s.file.Close(); err != nil {
			return fmt.Errorf("close spool segment: %w", err)
		}
		s.file = nil
	}
	s.mu.Lock()
	seq := uint64(1)
	if n := len(s.segments); n > 0 {
		seq = s.segments[n-1].seq + 1
	}
	s.mu.Unlock()
	seg, err := newSegment(seq)
	if err != nil {
		return err
	}
	header := appendSegmentHeader(nil, seg, s.opts.Meta())
	file, err := s.opts.Disk.Create(s.path(seg))
	if err != nil {
		return fmt.Errorf("begin spool segment: %w", err)
	}
	if err := begin(s.opts.Disk, file, s.opts.Dir, header); err != nil {
		return errors.Join(fmt.Errorf("begin spool segment: %w", err), file.Close(), s.opts.Disk.Remove(s.path(seg)))
	}
	seg.size = int64(len(header))
	s.file, s.active, s.written = file, seg, seg.size
	s.mu.Lock()
	s.segments = append(s.segments, seg)
	s.durable = Position{Segment: seq, Offset: seg.size}
	s.mu.Unlock()
	return nil
}

func begin(disk Disk, file File, dir string, header []byte) error {
	if _, err := file.Write(header); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return disk.SyncDir(dir)
}

// abandon cuts the active segment to what is durable and leaves it. Should the
// cut fail too, a restart may deliver records that were never acknowledged:
// harmless, since their sender sends them again and events are deduplicated.
func (s *Spool) abandon() {
	s.mu.Lock()
	size := s.active.headerSize()
	if s.durable.Segment == s.active.seq {
		size = s.durable.Offset
	}
	s.segments[len(s.segments)-1].size = size
	s.mu.Unlock()
	err := errors.Join(s.file.Truncate(size), s.file.Close())
	if err != nil {
		s.opts.Logger.Error("spool segment could not be cut after a failed write", "segment", s.active.name(), "error", err)
	}
	s.file = nil
}

// Start is the position of the oldest record that is kept.
func (s *Spool) Start() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return Position{}
	}
	return Position{Segment: s.segments[0].seq}
}

// Durable is the position behind the last record that is on stable storage.
func (s *Spool) Durable() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// Release says that nothing before p is needed any more and deletes the segments
// that end before it. It never deletes the active segment: Rotate first to let go of that.
func (s *Spool) Release(p Position) error {
	s.mu.Lock()
	var gone []segment
	for len(s.segments) > 1 && s.segments[0].seq < p.Segment {
		gone = append(gone, s.segments[0])
		s.segments = s.segments[1:]
	}
	s.mu.Unlock()
	for _, seg := range gone {
		if err := s.opts.Disk.Remove(s.path(seg)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("delete spool segment: %w", err)
		}
	}
	return nil
}

// Stats returns the figures of this moment.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Limit: s.opts.MaxBytes, Segments: len(s.segments), Damaged: s.damaged}
	for _, seg := range s.segments {
		st.Bytes += seg.size
	}
	return st
}

// Size is how many durable bytes lie behind p.
func (s *Spool) Size(p Position) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(0)
	for _, seg := range s.segments {
		end := seg.size
		if seg.seq == s.durable.Segment {
			end = s.durable.Offset
		}
		switch {
		case seg.seq > p.Segment:
			n += end
		case seg.seq == p.Segment:
			n += max(end-p.Offset, 0)
		}
	}
	return n
}

// Close closes the active segment after a last Sync. Records stay on disk.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.Sync()
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	return err
}

func (s *Spool) path(seg segment) string { return filepath.Join(s.opts.Dir, seg.name()) }
