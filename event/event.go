// Package event owns the custom event: its fields, the rules they keep, and
// the strict decoding of a request body into checked events. It does no I/O.
//
// Invariants: a Batch that Decode returns without an error holds only events
// that ClickHouse's JSON type takes as they are, so nothing has to be decided
// after the 201. Decode accepts exactly what RFC 8259 and CONTRACT section 2
// accept: duplicate keys, invalid UTF-8, lone surrogates, NUL and trailing data
// are never silently mended.
//
// What the contract leaves open is decided so:
//
//   - A body that is not JSON is refused as such (SyntaxError) even where an
//     earlier event breaks a rule. Broken rules are reported in the order of the
//     body, a missing field at the end of its event, one of a text at most.
//   - MaxDepth holds for every value of an event, known field or not, and for
//     what stands in the place of an event. Deeper containers are reported once
//     and read for their syntax alone, however deep they go.
//   - Two keys of a payload object are duplicates too if they differ only in "."
//     against "%2E": ClickHouse stores a key's dot so, and they would meet.
//   - Numbers are what ClickHouse makes of them: a literal without fraction and
//     exponent is an integer, "-0" the integer 0; "-0.0" and 1e5 are floats,
//     1e-400 is 0.
//   - An empty event_adb_cdt is accepted, but does not stand in for an address.
//   - A field given twice is judged by its first value.
//
// The decoder is written for speed (BenchmarkDecode, BenchmarkHostile) and
// checked against a plain second form of itself in the tests. Its files, from
// the outside in: decode.go (body), fields.go (event), value.go and deep.go
// (payload), scan.go (strings), number.go, float.go and bigfloat.go, keys.go and
// keyset.go (duplicates), timestamp.go, email.go, rules.go (the validator's),
// report.go and syntax.go (what is told to the sender).
package event

// Limits of CONTRACT section 2. Sizes are in bytes.
const (
	MaxBody      = 307_200 // 300 kB, measured after decompression
	MaxID        = 512
	MaxCDT       = 1_024
	MaxDepth     = 64 // of event_payload, the payload object itself being depth 1
	MaxErrors    = 100
	MaxWarnings  = 100
	MinYear      = 1900 // what DateTime64 can hold
	MaxYear      = 2299
	MaxEmail     = 254 // RFC 5321 4.5.3.1.3: a path of 256 less its angle brackets
	MaxEmailUser = 64  // RFC 5321 4.5.3.1.1
)
