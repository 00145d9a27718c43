package event

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDecodeAgreesWithOracle(t *testing.T) {
	d := NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		checkDecode(t, d, bodyGen.Draw(t, "body"), Options{AllowAnonymous: rapid.Bool().Draw(t, "anonymous")})
	})
}

func TestDecodeAgreesWithOracleOnBrokenBodies(t *testing.T) {
	d := NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		checkDecode(t, d, brokenGen.Draw(t, "body"), Options{AllowAnonymous: rapid.Bool().Draw(t, "anonymous")})
	})
}

// TestGeneratorMostlyAcceptable keeps the two tests above from running on bodies
// that are nearly all refused.
func TestGeneratorMostlyAcceptable(t *testing.T) {
	d := NewDecoder()
	const draws = 300
	accepted, events := 0, 0
	for i := range draws {
		if b, err := d.Decode(bodyGen.Example(i), Options{}); err == nil {
			accepted++
			events += len(b.Events)
		}
	}
	if accepted < draws/4 || events < draws/4 {
		t.Errorf("%d of %d bodies accepted, with %d events", accepted, draws, events)
	}
}

func FuzzDecode(f *testing.F) {
	for i := range 40 {
		f.Add(bodyGen.Example(i), i%2 == 0)
		f.Add(brokenGen.Example(i), i%2 == 0)
	}
	f.Add(goodBody(2), false)
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, body []byte, anonymous bool) {
		checkDecode(t, d, body, Options{AllowAnonymous: anonymous})
	})
}
