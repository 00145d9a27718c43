package collector

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
)

// A spool record is one accepted request: a fixed header and the body as it was
// sent (after decompression). The body is decoded again on replay, so the
// header holds the one thing that decoding depends on besides the body.
//
//	u8 version, u8 flags, 16 bytes connection, i64 received_at of the first
//	event in µs since 1970, u32 number of events; little-endian
const (
	recordVersion       = 1
	recordHeader        = 1 + 1 + 16 + 8 + 4
	flagAllowsAnonymous = 1
)

var errRecord = errors.New("spool record is not one of this version")

type record struct {
	connection     uuid.UUID
	receivedAt     int64 // µs since 1970; event i of the body has receivedAt+i
	events         int
	allowAnonymous bool
	body           []byte
}

func (r *record) header(dst *[recordHeader]byte) []byte {
	*dst = [recordHeader]byte{recordVersion}
	if r.allowAnonymous {
		dst[1] = flagAllowsAnonymous
	}
	copy(dst[2:18], r.connection[:])
	binary.LittleEndian.PutUint64(dst[18:], uint64(r.receivedAt))
	binary.LittleEndian.PutUint32(dst[26:], uint32(r.events))
	return dst[:]
}

func parseRecord(b []byte) (record, error) {
	if len(b) < recordHeader || b[0] != recordVersion {
		return record{}, errRecord
	}
	return record{
		connection:     uuid.UUID(b[2:18]),
		receivedAt:     int64(binary.LittleEndian.Uint64(b[18:])),
		events:         int(binary.LittleEndian.Uint32(b[26:])),
		allowAnonymous: b[1]&flagAllowsAnonymous != 0,
		body:           b[recordHeader:],
	}, nil
}
