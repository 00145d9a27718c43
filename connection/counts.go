package connection

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Count is what one collector has accepted for one connection since ever.
type Count struct {
	ConnectionID uuid.UUID
	Stats
}

// ErrCorrupt says that bytes are not what MarshalCounts wrote.
var ErrCorrupt = errors.New("counts are corrupt")

// countsVersion is the first byte of marshalled counts. What follows: uvarint
// number of entries; per entry 16 bytes id, uvarint events, varint first event
// and uvarint distance to the last one, both in microseconds.
const countsVersion = 1

// minCountSize is the least an entry takes.
const minCountSize = len(uuid.UUID{}) + 3

// MarshalCounts appends the counts in a compact form to dst. It is meant to lie
// inside something that has a checksum.
func MarshalCounts(dst []byte, counts []Count) []byte {
	dst = append(dst, countsVersion)
	dst = binary.AppendUvarint(dst, uint64(len(counts)))
	for _, c := range counts {
		first, last := micros(c.FirstEventAt), micros(c.LastEventAt)
		dst = append(dst, c.ConnectionID[:]...)
		dst = binary.AppendUvarint(dst, c.EventsReceived)
		dst = binary.AppendVarint(dst, first)
		dst = binary.AppendUvarint(dst, uint64(max(last-first, 0)))
	}
	return dst
}

// UnmarshalCounts reads what MarshalCounts wrote; nothing at all is no counts,
// and ErrCorrupt tells of anything else.
func UnmarshalCounts(src []byte) ([]Count, error) {
	if len(src) == 0 {
		return nil, nil
	}
	if src[0] != countsVersion {
		return nil, ErrCorrupt
	}
	n, size := binary.Uvarint(src[1:])
	if size <= 0 {
		return nil, ErrCorrupt
	}
	src = src[1+size:]
	if n > uint64(len(src)/minCountSize) { // before anything is allocated for it
		return nil, ErrCorrupt
	}
	counts := make([]Count, 0, n)
	for range n {
		var c Count
		if len(src) < minCountSize {
			return nil, ErrCorrupt
		}
		src = src[copy(c.ConnectionID[:], src):]
		received, size := binary.Uvarint(src)
		if size <= 0 {
			return nil, ErrCorrupt
		}
		src = src[size:]
		first, size := binary.Varint(src)
		if size <= 0 {
			return nil, ErrCorrupt
		}
		src = src[size:]
		span, size := binary.Uvarint(src)
		if size <= 0 {
			return nil, ErrCorrupt
		}
		src = src[size:]
		c.EventsReceived = received
		c.FirstEventAt, c.LastEventAt = fromMicros(first), fromMicros(first+int64(span))
		counts = append(counts, c)
	}
	if len(src) != 0 {
		return nil, ErrCorrupt
	}
	return counts, nil
}

// micros is a time in microseconds since 1970 UTC, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
