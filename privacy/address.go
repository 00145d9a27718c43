package privacy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
)

// Normalise returns the form in which addresses are compared.
func Normalise(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// hash is the keyed hash of an address: all that is kept of a person.
type hash [sha256.Size]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(text string) (h hash, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return hash(b), true
}

// hasher makes keyed hashes of normalised addresses. It is safe for concurrent use.
type hasher struct {
	key  []byte
	seed uint64 // of the prefilter; follows from the key
}

func newHasher(key []byte) hasher { return hasher{key: key, seed: xxhash.Sum64(key)} }

func (h hasher) sum(address []byte) (out hash) {
	mac := hmac.New(sha256.New, h.key)
	_, _ = mac.Write(address) // a hash takes everything
	mac.Sum(out[:0])
	return out
}

// prefilter is 32 bits of a hash that costs a few nanoseconds. It may be the same for
// two addresses; alone it says little about one.
func (h hasher) prefilter(address []byte) uint32 {
	var d xxhash.Digest
	d.ResetWithSeed(h.seed)
	_, _ = d.Write(address)
	return uint32(d.Sum64())
}

// lower is Normalise for the hot path: it uses buf for addresses in ASCII.
func lower(address, buf []byte) []byte {
	if len(address) > len(buf) {
		return bytes.ToLower(address)
	}
	for i, c := range address {
		if c >= utf8.RuneSelf {
			return bytes.ToLower(address)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(address)]
}
