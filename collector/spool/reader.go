package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Record is one record as read back.
type Record struct {
	Payload    []byte   // valid until the next call of Next
	Start, End Position // where it lies, where the next one starts
}

// Reader reads records in order, from a position to what is durable. It is not
// safe for concurrent use; several readers of one spool are.
type Reader struct {
	spool   *Spool
	seg     segment
	file    *os.File
	offset  int64
	payload []byte
	header  [recordHeader]byte
	quiet   bool
}

// NewReader begins at p, which is Start, Durable or an End that a Record had.
func (s *Spool) NewReader(p Position) *Reader { return s.newReader(p) }

func (s *Spool) newReader(p Position) *Reader {
	return &Reader{spool: s, seg: segment{seq: p.Segment}, offset: p.Offset}
}

// Next returns the next durable record, io.EOF where there is none yet (a later
// call may find one). It passes over damage; any other error is of the disk.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Record{}, err
		}
		limit, last, err := r.open()
		if err != nil {
			return Record{}, err
		}
		if r.offset >= limit {
			if last {
				return Record{}, io.EOF
			}
			if err := r.leave(); err != nil {
				return Record{}, err
			}
			continue
		}
		rec, ok, err := r.read(limit, last)
		if ok || err != nil {
			return rec, err
		}
	}
}

// Position is where the next record starts.
func (r *Reader) Position() Position { return Position{Segment: r.seg.seq, Offset: r.offset} }

// Close closes the file that is open.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// open makes sure that the segment at the position, or the next one that
// exists, is open, and returns how far it may be read.
func (r *Reader) open() (limit int64, last bool, err error) {
	s := r.spool
	s.mu.Lock()
	found := false
	for i, g := range s.segments {
		if g.seq < r.seg.seq {
			continue
		}
		if g.seq > r.seg.seq {
			r.offset = 0
		}
		found, last, limit = true, i == len(s.segments)-1, g.size
		if g.seq == s.durable.Segment {
			limit = s.durable.Offset
		} else if g.seq > s.durable.Segment {
			limit = 0
		}
		if r.file != nil && r.seg.seq != g.seq {
			_ = r.file.Close() // opened for reading: nothing can be lost
			r.file = nil
		}
		r.seg = g
		break
	}
	s.mu.Unlock()
	if !found {
		return 0, true, nil
	}
	if r.file != nil {
		return limit, last, nil
	}
	if r.file, err = os.Open(s.path(r.seg)); err != nil {
		return 0, false, fmt.Errorf("open spool segment: %w", err)
	}
	if r.offset == 0 {
		meta, err := readHeader(r.file, r.seg.size)
		switch {
		case err == nil:
			r.offset = int64(segmentPrefix + len(meta) + 4)
		case errors.Is(err, errNoHeader):
			// The header is only meta data; records may follow and are found by their marks.
		default:
			return 0, false, err
		}
	}
	return limit, last, nil
}

func (r *Reader) leave() error {
	err := r.Close()
	r.seg = segment{seq: r.seg.seq + 1}
	r.offset = 0
	return err
}

// read reads the record at the offset. ok is false where there was damage and
// the reader has moved behind it.
func (r *Reader) read(limit int64, last bool) (rec Record, ok bool, err error) {
	rest := limit - r.offset
	if rest >= recordHeader {
		if _, err := r.file.ReadAt(r.header[:], r.offset); err != nil {
			return rec, false, fmt.Errorf("read spool segment: %w", err)
		}
		n, sum, good := parseRecordHeader(r.header[:], r.seg, r.offset)
		if good && int64(n) <= rest-recordHeader {
			if cap(r.payload) < n {
				r.payload = make([]byte, n)
			}
			p := r.payload[:n]
			if _, err := r.file.ReadAt(p, r.offset+recordHeader); err != nil {
				return rec, false, fmt.Errorf("read spool segment: %w", err)
			}
			start := r.Position()
			if castagnoli(p) == sum {
				r.offset += recordHeader + int64(n)
				return Record{Payload: p, Start: start, End: r.Position()}, true, nil
			}
			r.offset += recordHeader + int64(n)
			return rec, false, r.damage(start.Offset, r.offset)
		}
	}
	start := r.offset
	if r.offset, err = r.resync(start+1, limit); err != nil {
		return rec, false, err
	}
	return rec, false, r.damage(start, r.offset)
}

// resync returns the offset of the next record header at or behind from, limit if there is none.
func (r *Reader) resync(from, limit int64) (int64, error) {
	const window = 1 << 20
	buf := make([]byte, window+recordHeader)
	for at := from; at+recordHeader <= limit; at += window {
		n := min(int64(len(buf)), limit-at)
		if _, err := r.file.ReadAt(buf[:n], at); err != nil {
			return 0, fmt.Errorf("read spool segment: %w", err)
		}
		for i := int64(0); i+recordHeader <= n; i++ {
			if binary.LittleEndian.Uint32(buf[i:]) != recordMark {
				continue
			}
			if _, _, ok := parseRecordHeader(buf[i:i+recordHeader], r.seg, at+i); ok {
				return at + i, nil
			}
		}
	}
	return limit, nil
}

// damagedFolder holds copies of what was damaged, below Options.Dir.
const damagedFolder = "damaged"

// damage deals with bytes [from,to) of the segment that are no record. The end
// of a segment that a crash cut in the middle of a record was never
// acknowledged (nor is one of zeros, which a file system leaves after a power
// cut); everything else is kept in the folder "damaged", counted and told.
func (r *Reader) damage(from, to int64) error {
	if r.quiet {
		return nil
	}
	buf := make([]byte, to-from)
	if _, err := r.file.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read spool segment: %w", err)
	}
	if to == r.seg.size && r.torn(buf, from) {
		r.spool.opts.Logger.Info("spool segment ends in a record that a crash cut short; it was never acknowledged",
			"segment", r.seg.name(), "offset", from, "bytes", len(buf))
		return nil
	}
	r.spool.mu.Lock()
	r.spool.damaged++
	r.spool.mu.Unlock()
	dir := filepath.Join(r.spool.opts.Dir, damagedFolder)
	name := filepath.Join(dir, fmt.Sprintf("%016x-%d.bin", r.seg.seq, from))
	r.spool.opts.Logger.Error("spool record is damaged; skipped, a copy is kept",
		"segment", r.seg.name(), "offset", from, "bytes", len(buf), "copy", name)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(name, buf, 0o600)); err != nil {
		// A full disk must not hold up the records behind: reading them is what frees it.
		r.spool.opts.Logger.Error("damaged spool record could not be kept", "error", err)
	}
	return nil
}

func (r *Reader) torn(tail []byte, offset int64) bool {
	zero := true
	for _, b := range tail {
		if b != 0 {
			zero = false
			break
		}
	}
	if zero || len(tail) < recordHeader {
		return true
	}
	if offset == 0 && bytes.HasPrefix(tail, []byte(segmentMagic)) {
		return segmentPrefix+int(binary.LittleEndian.Uint32(tail[len(segmentMagic)+4:]))+4 > len(tail)
	}
	n, _, ok := parseRecordHeader(tail, r.seg, offset)
	return ok && recordHeader+n > len(tail)
}
