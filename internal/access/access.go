// Package access owns who may use the API: roles, API keys and how a key is
// recognised.
//
// Invariants:
//   - A key is shown once, when it is made. The store and the memory hold its
//     SHA-256; 160 random bits need nothing slower.
//   - The administrator's key of the configuration is always valid, is in no table
//     and cannot be deleted: it works while the store is down.
//   - A shared link's key opens one dashboard. Nothing that does not know of shared
//     links takes it for a key: it is stored in another form.
//   - A key that was deleted through this process is dead before Delete returns,
//     whatever a reading of the store that was under way brings back; one deleted
//     through another collector is dead within a second.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Role is what a key may do (CONTRACT section 3).
type Role string

// The roles, each with the rights of those behind it.
const (
	Admin   Role = "admin"   // everything
	Analyst Role = "analyst" // read, reports, SQL, definitions
	Viewer  Role = "viewer"  // reports only
)

// Valid tells whether r is one of the roles.
func (r Role) Valid() bool { return r.rank() > 0 }

// Includes tells whether r may do what need may do.
func (r Role) Includes(need Role) bool { return need.Valid() && r.rank() >= need.rank() }

func (r Role) rank() int {
	switch r {
	case Admin:
		return 3
	case Analyst:
		return 2
	case Viewer:
		return 1
	default:
		return 0
	}
}

// Key is an API key without its secret.
type Key struct {
	// ID is zero for the administrator's key of the configuration.
	ID   uuid.UUID
	Name string
	Role Role
	// CreatedAt is UTC, to the microsecond.
	CreatedAt time.Time
	// ExpiresAt is when the key ends (not included), zero = never.
	ExpiresAt time.Time
	// Dashboard is the slug of the one dashboard that a shared link's key opens. Empty:
	// the role alone says what the key may do.
	Dashboard string
}

// Active tells whether the key works at the given time.
func (k Key) Active(now time.Time) bool { return k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt) }

// MaxName is how many characters a key's name has at most.
const MaxName = 200

// MaxSecret is how many bytes a key has at most; longer ones are not looked at.
const MaxSecret = 512

var (
	// ErrUnknown says that a key is wrong, deleted or expired: which is not told.
	ErrUnknown = errors.New("unknown API key")
	// ErrNotFound says that there is no key with an id.
	ErrNotFound = errors.New("API key not found")
	// ErrUnavailable says that the store of keys did not answer.
	ErrUnavailable = errors.New("store of API keys is unavailable")
)

// hash is what is kept of a key.
type hash [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

func (h hash) String() string { return hex.EncodeToString(h[:]) }

// sharePrefix is before the stored hash of a shared link's key. A program that knows
// no shared links, or a table that has lost the column, then has an unusable hash
// where it would otherwise have a key that may see all reports.
const sharePrefix = "share:"

// stored is the form in which a key's hash is kept.
func (h hash) stored(dashboard string) string {
	if dashboard != "" {
		return sharePrefix + h.String()
	}
	return h.String()
}

// parseHash reads what stored returns.
func parseHash(s, dashboard string) (h hash, ok bool) {
	if dashboard != "" {
		if s, ok = strings.CutPrefix(s, sharePrefix); !ok {
			return h, false
		}
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return hash(b), true
}

// NewSecret returns a fresh key: "trb_", the role for people's eyes, and 160 random
// bits. The prefix lets secret scanners and our logs find it.
func NewSecret(r Role) string {
	var random [20]byte
	// crypto/rand does not fail: it ends the program where there is no randomness.
	_, _ = rand.Read(random[:])
	return "trb_" + string(r) + "_" + strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
}
