package event

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var floatLiteral = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

// slowFloat is strconv.ParseFloat, but for literals of many digits, of which
// strconv (Go 1.26) keeps 800 without counting the rest before the point.
func slowFloat(literal string) (float64, bool) {
	if len(literal) < 800 {
		f, err := strconv.ParseFloat(literal, 64)
		return f, err == nil
	}
	exact, _, err := big.ParseFloat(literal, 10, 20_000, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	f, _ := exact.Float64()
	return f, !math.IsInf(f, 0)
}

// checkFloat holds the decoder's reading of a number against strconv.
func checkFloat(t reporter, d *Decoder, literal string) {
	t.Helper()
	if !floatLiteral.MatchString(literal) || !strings.ContainsAny(literal, ".eE") {
		return
	}
	want, ok := slowFloat(literal)
	body := `[{"event_id":"1","event_timestamp":"2025-12-08","event_email":"a@b.de","event_payload":{"n":` + literal + `}}]`
	b, decodeErr := d.Decode([]byte(body), Options{})
	if decodeErr != nil {
		t.Fatalf("%.200s: %v", literal, decodeErr)
	}
	value := b.Events[0].Payload + 2
	if !ok { // out of range
		if got := b.Tape[value]; got.Kind() != String || string(b.Text(got)) != literal || len(b.Warnings) != 1 {
			t.Fatalf("%.200s: kind %d, %d warnings, want it kept as text", literal, got.Kind(), len(b.Warnings))
		}
		return
	}
	got := math.Float64frombits(uint64(b.Tape[value+1]))
	if b.Tape[value].Kind() != Float || math.Float64bits(got) != math.Float64bits(want) {
		t.Fatalf("%.200s: kind %d, %x, want %x", literal, b.Tape[value].Kind(), got, want)
	}
}

func TestFloatOddities(t *testing.T) {
	d := NewDecoder()
	zeros, nines := strings.Repeat("0", 400), strings.Repeat("9", 1000)
	half := midpoint(math.SmallestNonzeroFloat64) // 751 digits and more
	for _, literal := range []string{
		"0.0", "-0.0", "0e0", "-0e5", "0e999999999999999999999", "0.0e-99999999999", "1e0", "1e22", "1e23", "-1e23", "1e-22", "1e-23",
		"1e308", "1e309", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "-1.7976931348623159e308",
		"1797693134862315807e290", "17976931348623158079e289", "179769313486231580793728971405301e276",
		"4.9e-324", "5e-324", "2.5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-324", "1e-400", "1e-99999",
		"2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308", "2.225073858507201136057409796709131975934819546351645648023426109724822e-308",
		"9007199254740992.0", "9007199254740993.0", "9007199254740994.0", "9007199254740993.00000000000000000000000001", "9007199254740993e0",
		"9223372036854775807.5", "18446744073709551615.0", "123456789012345678901234567890.0", "0.500000000000000166533453693773481063544750213623046875",
		"1." + zeros + "1", "0." + zeros + "1", "0." + zeros + "1e401", "1" + zeros + ".0e-400", nines + ".0", nines + "e-1000", "0." + nines,
		"1" + zeros + ".0", "0.1e" + zeros + "1", half, half + "1", half[:len(half)-1] + "4", "1e+0022", "1e-0022",
		"18446744073709551615.9", "18446744073709551615.99999999999999", "36893488147419103231.9", strings.Repeat("1", 768) + "." + zeros + "1e-700",
	} {
		checkFloat(t, d, literal)
		checkFloat(t, d, "-"+literal)
	}
}

// midpoint returns all digits of the number halfway between f and the next float.
func midpoint(f float64) string {
	next := math.Nextafter(f, math.Inf(1))
	sum := new(big.Float).SetPrec(2200).SetFloat64(f)
	sum.Add(sum, new(big.Float).SetFloat64(next))
	sum.Quo(sum, big.NewFloat(2))
	text := sum.Text('e', 1100)
	mantissa, exponent, _ := strings.Cut(text, "e")
	return strings.TrimRight(mantissa, "0") + "0e" + exponent
}

// TestFloatMidpoints tries numbers on and next to the midpoints of two floats,
// where rounding is hardest, with and without further digits.
func TestFloatMidpoints(t *testing.T) {
	d := NewDecoder()
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		f := math.Float64frombits(random.Uint64() &^ (1 << 63))
		if math.IsNaN(f) || math.IsInf(f, 0) || f == math.MaxFloat64 {
			continue
		}
		mantissa, exponent, _ := strings.Cut(midpoint(f), "e")
		for _, digits := range []int{3, 10, 16, 17, 18, 19, 20, 21, 22, 30, 40, 100, len(mantissa)} {
			cut := mantissa[:min(digits, len(mantissa))]
			last := cut[len(cut)-1]
			checkFloat(t, d, cut+"e"+exponent)
			checkFloat(t, d, cut+"00000000000000000000001e"+exponent)
			if last != '9' && last != '.' {
				checkFloat(t, d, cut[:len(cut)-1]+string(last+1)+"e"+exponent)
			}
		}
	}
}

func TestFloatAgreesWithStrconv(t *testing.T) {
	d := NewDecoder()
	rapid.Check(t, func(t *rapid.T) {
		f := math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			for _, precision := range []int{-1, 0, 5, 16, 17, 18, 25} {
				checkFloat(t, d, strconv.FormatFloat(f, 'e', precision, 64))
			}
		}
		checkFloat(t, d, numberGen.Draw(t, "literal"))
	})
}

// TestFives computes the table of powers again.
func TestFives(t *testing.T) {
	if len(fives) != maxFive-minFive+1 {
		t.Fatalf("%d powers", len(fives))
	}
	for q := minFive; q <= maxFive; q++ {
		power := new(big.Float).SetPrec(4000).SetInt(new(big.Int).Exp(big.NewInt(5), big.NewInt(int64(max(q, -q))), nil))
		if q < 0 {
			power.Quo(new(big.Float).SetPrec(4000).SetInt64(1), power)
		}
		exponent := power.MantExp(nil) // power = 0.1… × 2^exponent
		if got := floorLog2Five(q); got != exponent-1 {
			t.Errorf("floorLog2Five(%d) = %d, want %d", q, got, exponent-1)
		}
		want, _ := power.SetMantExp(power, 128-exponent).Int(nil)
		got := new(big.Int).SetBytes(binaryBytes(fives[q-minFive]))
		if got.Cmp(want) != 0 {
			t.Errorf("5^%d is %x, want %x", q, got, want)
		}
		if fives[q-minFive][0] == math.MaxUint64 {
			t.Errorf("5^%d is too near a power of two for the upper bound", q)
		}
		if exact := power.IsInt(); exact != (q >= 0 && q <= maxExactFive) {
			t.Errorf("5^%d exact: %v", q, exact)
		}
	}
}

func binaryBytes(p [2]uint64) []byte {
	var b bytes.Buffer
	for _, half := range p {
		for shift := 56; shift >= 0; shift -= 8 {
			b.WriteByte(byte(half >> shift))
		}
	}
	return b.Bytes()
}

func FuzzFloat(f *testing.F) {
	for i := range 60 {
		f.Add(numberGen.Example(i))
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, literal string) { checkFloat(t, d, literal) })
}
