package connection

import (
	"crypto/rand"
	"crypto/sha256"
)

// Tokens are 32 characters of Crockford's base32 alphabet in lower case (no i, l, o
// and u, which are taken for others): 160 random bits, safe in URLs.
const (
	tokenAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	tokenLength   = 32
	// maxTokenLength bounds what Lookup hashes, so that an endless path costs nothing.
	maxTokenLength = 64
)

// newToken returns a fresh secret. crypto/rand does not fail: it ends the
// program where the system has no randomness.
func newToken() string {
	var random [tokenLength]byte
	_, _ = rand.Read(random[:])
	for i, b := range random {
		random[i] = tokenAlphabet[b&31]
	}
	return string(random[:])
}

type tokenHash [sha256.Size]byte

// hashToken returns the registry's key of a token, false where no token can be
// this long. The copy keeps the text off the heap.
func hashToken(token string) (tokenHash, bool) {
	var buf [maxTokenLength]byte
	if len(token) == 0 || len(token) > len(buf) {
		return tokenHash{}, false
	}
	n := copy(buf[:], token)
	return sha256.Sum256(buf[:n]), true
}
