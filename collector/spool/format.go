package spool

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// The format, all numbers little-endian:
//
//	file name   16 hex digits sequence number, "-", 8 hex digits salt, ".seg"
//	segment     "TRBSPOOL", u32 version, u32 length of meta, meta, u32 CRC32C of all that
//	record      u32 mark, u32 length, u32 CRC32C of the payload, u32 CRC32C of
//	            (the 12 bytes before, salt, offset of the record), payload
//
// A record's header has a checksum of its own so that a reader can trust the
// length, and can find the next record after damage. The salt is random and
// stands in the name alone: the payloads are written by strangers, and one that
// holds the bytes of a record must not be taken for one.
const (
	recordHeader   = 16
	recordMark     = 0x4c4f5053 // "SPOL"
	segmentMagic   = "TRBSPOOL"
	segmentVersion = 1
	segmentPrefix  = len(segmentMagic) + 8
	segmentSuffix  = ".seg"
	maxMeta        = 64 << 20
)

var errNoHeader = errors.New("segment header is missing or damaged")

// castagnoli is CRC32C, which both amd64 and arm64 compute in hardware.
func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

type segment struct {
	seq  uint64
	salt uint32
	size int64
	meta int // length of the meta data where this process wrote it
}

func newSegment(seq uint64) (segment, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return segment{}, fmt.Errorf("draw segment salt: %w", err)
	}
	return segment{seq: seq, salt: binary.LittleEndian.Uint32(b[:])}, nil
}

func (g segment) name() string { return fmt.Sprintf("%016x-%08x%s", g.seq, g.salt, segmentSuffix) }

func (g segment) headerSize() int64 { return int64(segmentPrefix + g.meta + 4) }

func parseName(name string) (segment, bool) {
	stem, ok := strings.CutSuffix(name, segmentSuffix)
	seq, salt, dash := strings.Cut(stem, "-")
	if !ok || !dash || len(seq) != 16 || len(salt) != 8 {
		return segment{}, false
	}
	n, err1 := strconv.ParseUint(seq, 16, 64)
	x, err2 := strconv.ParseUint(salt, 16, 32)
	return segment{seq: n, salt: uint32(x)}, err1 == nil && err2 == nil
}

func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read spool folder: %w", err)
	}
	var out []segment
	for _, e := range entries {
		seg, ok := parseName(e.Name())
		if !ok {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read spool folder: %w", err)
		}
		seg.size = info.Size()
		out = append(out, seg)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].seq < out[j].seq })
	return out, nil
}

func appendSegmentHeader(dst []byte, g segment, meta []byte) []byte {
	start := len(dst)
	dst = append(dst, segmentMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, segmentVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(meta)))
	dst = append(dst, meta...)
	return binary.LittleEndian.AppendUint32(dst, castagnoli(dst[start:]))
}

// readHeader reads a segment's header and returns its meta data, errNoHeader
// where the bytes are not a whole header.
func readHeader(r io.Reader, size int64) ([]byte, error) {
	prefix := make([]byte, segmentPrefix)
	if _, err := io.ReadFull(r, prefix); err != nil {
		return nil, headerError(err)
	}
	n := binary.LittleEndian.Uint32(prefix[len(segmentMagic)+4:])
	if !bytes.HasPrefix(prefix, []byte(segmentMagic)) || n > maxMeta || int64(n)+int64(segmentPrefix)+4 > size {
		return nil, errNoHeader
	}
	if v := binary.LittleEndian.Uint32(prefix[len(segmentMagic):]); v != segmentVersion {
		return nil, fmt.Errorf("spool segment has format version %d, this program reads %d: run the version that wrote it until the spool is empty", v, segmentVersion)
	}
	rest := make([]byte, n+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, headerError(err)
	}
	sum := crc32.Update(castagnoli(prefix), crc32.MakeTable(crc32.Castagnoli), rest[:n])
	if sum != binary.LittleEndian.Uint32(rest[n:]) {
		return nil, errNoHeader
	}
	return rest[:n], nil
}

func headerError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNoHeader
	}
	return fmt.Errorf("read spool segment: %w", err)
}

func readMeta(path string, g segment) (meta []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open spool segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readHeader(f, g.size)
}

func appendRecord(dst []byte, g segment, offset int64, parts [][]byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHeader)...)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	h, payload := dst[start:start+recordHeader], dst[start+recordHeader:]
	binary.LittleEndian.PutUint32(h[0:], recordMark)
	binary.LittleEndian.PutUint32(h[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(h[8:], castagnoli(payload))
	binary.LittleEndian.PutUint32(h[12:], headerSum(h[:12], g.salt, offset))
	return dst
}

func headerSum(h []byte, salt uint32, offset int64) uint32 {
	var b [24]byte
	copy(b[:], h[:12])
	binary.LittleEndian.PutUint32(b[12:], salt)
	binary.LittleEndian.PutUint64(b[16:], uint64(offset))
	return castagnoli(b[:])
}

// parseRecordHeader returns the payload's length and checksum if h is the header
// of a record at offset of segment g.
func parseRecordHeader(h []byte, g segment, offset int64) (length int, sum uint32, ok bool) {
	if binary.LittleEndian.Uint32(h) != recordMark ||
		binary.LittleEndian.Uint32(h[12:]) != headerSum(h[:12], g.salt, offset) {
		return 0, 0, false
	}
	n := binary.LittleEndian.Uint32(h[4:])
	return int(n), binary.LittleEndian.Uint32(h[8:]), n <= MaxRecord
}
