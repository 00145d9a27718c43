package connection

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Random changes against a model: at every moment exactly the tokens that should
// work do, and after a restart as well.
func TestTokensAgainstAModel(t *testing.T) {
	db := newDatabase(t)
	c := newClock()
	s := db.loaded(t, "a", withClock(c))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	type token struct {
		text  string
		owner uuid.UUID
		ends  time.Time // zero = does not
		dead  bool
	}
	var (
		alive  []uuid.UUID
		tokens []*token
	)
	current := func(id uuid.UUID) *token {
		i := slices.IndexFunc(tokens, func(x *token) bool { return x.owner == id && x.ends.IsZero() && !x.dead })
		return tokens[i]
	}
	for range 150 {
		switch n := random.IntN(10); {
		case n < 2 || len(alive) == 0:
			d := create(t, s, "c")
			alive = append(alive, d.ID)
			tokens = append(tokens, &token{text: d.Token, owner: d.ID})
		case n < 3:
			id := alive[random.IntN(len(alive))]
			if err := s.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			alive = slices.DeleteFunc(alive, func(x uuid.UUID) bool { return x == id })
			for _, x := range tokens {
				x.dead = x.dead || x.owner == id
			}
		case n < 7:
			id := alive[random.IntN(len(alive))]
			grace := time.Duration(random.IntN(4)) * time.Hour
			old := current(id)
			d, err := s.Rotate(t.Context(), id, grace)
			if err != nil {
				t.Fatal(err)
			}
			old.dead = grace == 0
			if grace > 0 {
				old.ends = d.Previous[0].ExpiresAt
			}
			tokens = append(tokens, &token{text: d.Token, owner: id})
		case n < 8:
			if _, err := s.Update(t.Context(), alive[random.IntN(len(alive))], Patch{Paused: ptr(random.IntN(2) == 0)}); err != nil {
				t.Fatal(err)
			}
		case n < 9:
			c.advance(time.Duration(random.IntN(90)) * time.Minute)
		default:
			s = db.loaded(t, "a", withClock(c))
		}
		now := c.Now()
		for _, x := range tokens {
			want := !x.dead && (x.ends.IsZero() || now.Before(x.ends))
			target, ok := s.Registry().Lookup(x.text, now)
			if ok != want || (ok && target.ID() != x.owner) {
				t.Fatalf("token of %v: found %v, want %v", x.owner, ok, want)
			}
		}
	}
}
