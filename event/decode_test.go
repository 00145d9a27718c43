package event

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// decodePayload decodes a body of one event and returns its payload.
func decodePayload(t *testing.T, payload string) (*Batch, any) {
	t.Helper()
	b, err := NewDecoder().Decode([]byte("["+inEvent(payload)+"]"), Options{})
	if err != nil {
		t.Fatalf("%.300q: %v", payload, err)
	}
	v, end := tree(b, b.Events[0].Payload)
	if end != len(b.Tape) {
		t.Errorf("%.300q: the payload ends at %d of %d words", payload, end, len(b.Tape))
	}
	return b, v
}

func TestHelpPageExample(t *testing.T) {
	body := `[
{
"event_id": "order_12345",
"event_timestamp": "2025-12-08T15:21:11.804Z",
"event_email": "one@example.com",
"event_adb_cdt": "adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a306d0a",
"event_payload": {
"revenue": 99.99,
"currency": "EUR",
"product_name": "Premium Plan"
}
},
{
"event_id": "order_123456",
"event_timestamp": "2025-12-09T15:21:11.804Z",
"event_email": "two@example.com",
"event_payload": {
"revenue": 123,
"product_name": "Other Product"
}
}
]`
	b, err := NewDecoder().Decode([]byte(body), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range b.Events {
		got = append(got, render(treeOf(b, e)))
	}
	want := []string{
		`["order_12345", int64(1765207271804), "one@example.com", "adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a306d0a", ` +
			`{"revenue": float(0x1.8ff5c28f5c28fp+06), "currency": "EUR", "product_name": "Premium Plan"}]`,
		`["order_123456", int64(1765293671804), "two@example.com", <nil>(<nil>), {"revenue": int64(123), "product_name": "Other Product"}]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.Warnings) != 0 {
		t.Errorf("warnings: %v", b.Warnings)
	}
}

func TestValues(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:                                                   `{}`,
		" {\t\"a\"\r\n: [ 1 , [ ] , { } ]\n} ":                 `{"a": [int64(1), [], {}]}`,
		`{"a":null,"b":true,"c":false}`:                        `{"a": <nil>(<nil>), "b": bool(true), "c": bool(false)}`,
		`{"a":0,"b":-0,"c":-0.0,"d":0e0}`:                      `{"a": int64(0), "b": int64(0), "c": float(-0x0p+00), "d": float(0x0p+00)}`,
		`{"a":1e2,"b":1E+2,"c":1.0}`:                           `{"a": float(0x1.9p+06), "b": float(0x1.9p+06), "c": float(0x1p+00)}`,
		`{"a":9223372036854775807,"b":-9223372036854775808}`:   `{"a": int64(9223372036854775807), "b": int64(-9223372036854775808)}`,
		`{"a":9223372036854775808,"b":18446744073709551615}`:   `{"a": uint64(9223372036854775808), "b": uint64(18446744073709551615)}`,
		`{"a":18446744073709551616,"b":-9223372036854775809}`:  `{"a": "18446744073709551616", "b": "-9223372036854775809"}`,
		`{"a":-18446744073709551615,"b":99999999999999999999}`: `{"a": "-18446744073709551615", "b": "99999999999999999999"}`,
		`{"a":1e400,"b":-1E400,"c":1e-400}`:                    `{"a": "1e400", "b": "-1E400", "c": float(0x0p+00)}`,
		`{"a":1` + strings.Repeat("0", 400) + `}`:              `{"a": "1` + strings.Repeat("0", 400) + `"}`,
		`{"a":"\"\\\/\b\f\n\r\t\u00e9\u65e5\ud83d\ude00"}`:     `{"a": "\"\\/\b\f\n\r\té日😀"}`,
		`{"a":"é日😀\u007f` + "\x7f" + `\u2028\ufeff\uffff"}`:    `{"a": "é日😀\x7f\x7f\u2028\ufeff\uffff"}`,
		`{"":{"":1}}`:                                              `{"": {"": int64(1)}}`,
		`{"a.b":1,"a":{"b":2}}`:                                    `{"a.b": int64(1), "a": {"b": int64(2)}}`,
		`{"a":{"b.c":1},"a.b":{"c":2},"a.b.c":3}`:                  `{"a": {"b.c": int64(1)}, "a.b": {"c": int64(2)}, "a.b.c": int64(3)}`,
		`{"a%2Eb":1,"a%2eb":2,"A.B":3,"a..b":4}`:                   `{"a%2Eb": int64(1), "a%2eb": int64(2), "A.B": int64(3), "a..b": int64(4)}`,
		`{"` + "\u00e9" + `":1,"` + "e\u0301" + `":2,"E":3,"e":4}`: `{"` + "\u00e9" + `": int64(1), "` + "e\u0301" + `": int64(2), "E": int64(3), "e": int64(4)}`,
		`{"d":"2025-12-08","n":"12","b":"true"}`:                   `{"d": "2025-12-08", "n": "12", "b": "true"}`,
		`{"a":[{"b":1},{"b":2},[{"b":3}]],"b":1}`:                  `{"a": [{"b": int64(1)}, {"b": int64(2)}, [{"b": int64(3)}]], "b": int64(1)}`,
		`{"event_id":1,"event_payload":{"event_id":2}}`:            `{"event_id": int64(1), "event_payload": {"event_id": int64(2)}}`,
	} {
		_, v := decodePayload(t, payload)
		if got := render(v); got != want {
			t.Errorf("%s:\n got %s\nwant %s", payload, got, want)
		}
		checkDecode(t, NewDecoder(), []byte("["+inEvent(payload)+"]"), Options{})
	}
}

func TestAcceptsDepth64(t *testing.T) {
	objects := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	arrays := `{"a":` + strings.Repeat(`[`, 63) + strings.Repeat("]", 63) + "}"
	for _, payload := range []string{objects, arrays} {
		b, _ := decodePayload(t, payload)
		if got := string(AppendPayload(nil, b, b.Events[0].Payload)); got != payload {
			t.Errorf("got %s", got)
		}
	}
}

func TestEmptyArray(t *testing.T) {
	for _, body := range []string{"[]", " [ ] ", "\n[\t]\r\n"} {
		b, err := NewDecoder().Decode([]byte(body), Options{})
		if err != nil || len(b.Events) != 0 || len(b.Warnings) != 0 {
			t.Errorf("%q: %+v, %v", body, b, err)
		}
	}
}

// TestAcceptsLimits holds sizes that are just allowed.
func TestAcceptsLimits(t *testing.T) {
	id, token := strings.Repeat("é", 256), strings.Repeat("x", 1024)
	b, err := NewDecoder().Decode([]byte(`[{"event_id":"`+id+`",`+okTime+`,`+okEmail+`,"event_adb_cdt":"`+token+`","event_payload":null}]`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := b.Events[0]
	if string(b.Text(e.ID)) != id || string(b.Text(e.CDT)) != token || e.Payload != 0 {
		t.Errorf("%+v", e)
	}
}

func TestKeepsIDAsSent(t *testing.T) {
	for literal, want := range map[string]string{
		`" "`: " ", `" a\t\n"`: " a\t\n", `"A"`: "A", `"é"`: "é", `"\u0065\u0301"`: "e\u0301", `"\"\\/\/"`: `"\//`,
	} {
		b, err := NewDecoder().Decode([]byte(`[{"event_id":`+literal+`,`+okTime+`,`+okEmail+`}]`), Options{})
		if err != nil || string(b.Text(b.Events[0].ID)) != want {
			t.Errorf("%s: %q, %v", literal, b.Text(b.Events[0].ID), err)
		}
	}
}

func TestEscapedFieldNames(t *testing.T) {
	body := `[{"event\u005fid":"1","\u0065vent_timestamp":"2025-12-08","event_emai\u006c":"a@b.de","event_adb\u005fcdt":"t","event_payloa\u0064":{"a":1}}]`
	b, err := NewDecoder().Decode([]byte(body), Options{})
	if err != nil || len(b.Warnings) != 0 {
		t.Fatalf("%v, %v", err, b)
	}
	want := `["1", int64(1765152000000), "a@b.de", "t", {"a": int64(1)}]`
	if got := render(treeOf(b, b.Events[0])); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestTextsWithoutEscapesAreNotCopied wants the words of plain texts to refer to the body.
func TestTextsWithoutEscapesAreNotCopied(t *testing.T) {
	b, _ := decodePayload(t, `{"key":"plain é","list":["x"],"n":1e999}`)
	if len(b.Unescaped) != 0 {
		t.Errorf("copied %q", b.Unescaped)
	}
}

func TestAppendPayload(t *testing.T) {
	for payload, want := range map[string]string{
		`{}`:                                                    `{}`,
		` { "a" : [ 1 , 2.50 , "x" ] } `:                        `{"a":[1,2.50,"x"]}`,
		`{"a":null,"b":true,"c":false,"d":[{}]}`:                `{"a":null,"b":true,"c":false,"d":[{}]}`,
		`{"a":-0,"b":1E5,"c":18446744073709551615}`:             `{"a":-0,"b":1E5,"c":18446744073709551615}`,
		`{"a":18446744073709551616,"b":1e400}`:                  `{"a":"18446744073709551616","b":"1e400"}`,
		`{"\u0061\/":"\u00e9\u0001\u001f\n\r\t\b\"\\\/\u2028"}`: `{"a/":"é\u0001\u001f\n\r\t\u0008\"\\/` + "\u2028" + `"}`,
		`{"a.b":{"c":[[],{"d":""}]}}`:                           `{"a.b":{"c":[[],{"d":""}]}}`,
	} {
		b, _ := decodePayload(t, payload)
		if got := string(AppendPayload([]byte("before:"), b, b.Events[0].Payload)); got != "before:"+want {
			t.Errorf("%s:\n got %s\nwant before:%s", payload, got, want)
		}
	}
	// Any value of the tape will do.
	b, _ := decodePayload(t, `{"a":[1,"x"]}`)
	if got := string(AppendPayload(nil, b, b.Events[0].Payload+2)); got != `[1,"x"]` {
		t.Errorf("got %s", got)
	}
}

// TestLargeObjects finds the one duplicate among many keys, in objects within
// and behind each other that have the same keys.
func TestLargeObjects(t *testing.T) {
	d := NewDecoder()
	keys := func(n int, extra string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"key%d":%d,`, i, i)
		}
		return "{" + b.String() + extra + "}"
	}
	for _, n := range []int{0, 1, pairwise - 1, pairwise, pairwise + 1, 2 * pairwise, 500, 20_000} {
		inner := keys(min(n, 200), `"x":1`)
		siblings := `"list":[` + strings.Repeat(inner+",", 20) + inner + `]`
		body := with(`"event_payload":` + keys(n, siblings+`,"after":`+keys(min(n, 200), `"x":`+inner)))
		if b, err := d.Decode([]byte(body), Options{}); err != nil || len(b.Warnings) > 0 {
			t.Errorf("%d keys: %v", n, err)
		}
		if n == 0 {
			continue
		}
		for _, i := range []int{0, n / 2, n - 1} {
			key := fmt.Sprintf("key%d", i)
			got := broken(t, with(`"event_payload":`+keys(n, siblings+`,"`+key+`":1`)), Options{})
			want := []FieldError{{Field: "event_payload", Pointer: "/0/event_payload/" + key, Code: codeDuplicate}}
			if diff := cmp.Diff(want, bare(got)); diff != "" {
				t.Errorf("%d keys (-want +got):\n%s", n, diff)
			}
		}
	}
}

// TestLargeObjectsAgreeWithOracle draws keys from a small stock, so that objects
// of all sizes have some twice.
func TestLargeObjectsAgreeWithOracle(t *testing.T) {
	d := NewDecoder()
	random := rand.New(rand.NewPCG(3, 4))
	var draw func(depth int) string
	draw = func(depth int) string {
		var parts []string
		for range random.IntN(50) {
			key := fmt.Sprintf([]string{"k%d", "k.%d", "k%%2E%d", "a long key, longer than 16 bytes %d", "%d"}[random.IntN(5)], random.IntN(2000))
			value := "1"
			if depth > 0 && random.IntN(12) == 0 {
				value = draw(depth - 1)
			}
			parts = append(parts, fmt.Sprintf("%q:%s", key, value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	for range 150 {
		checkDecode(t, d, []byte(with(`"event_payload":`+draw(3)+`,"other":`+draw(2))), Options{})
		checkDecode(t, d, []byte("["+draw(2)+","+draw(2)+"]"), Options{})
	}
}

// TestKeySetEpochs goes on past the number of epochs that a slot can hold.
func TestKeySetEpochs(t *testing.T) {
	d := NewDecoder()
	var keys []string
	for i := range pairwise + 1 {
		keys = append(keys, fmt.Sprintf(`"%d":1`, i))
	}
	object := "{" + strings.Join(keys, ",") + "}"
	body := []byte(with(`"event_payload":{"a":[` + strings.Repeat(object+",", 999) + object + `]}`))
	for range 70 {
		if _, err := d.Decode(body, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := d.Decode([]byte(with(`"event_payload":{`+strings.Join(keys, ",")+`,"3":1}`)), Options{})
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Errorf("a duplicate key: %v", err)
	}
}

// TestDecoderReuse wants nothing of one body to be seen in the next.
func TestDecoderReuse(t *testing.T) {
	d := NewDecoder()
	bodies := []string{
		`[` + okEvent + `]`, `[{`, `[{}]`, `[]`, with(`"x":1`), `[1]`, with(`"event_payload":{"a":[1,2,{"b":"\n"}]}`), ``,
		`[` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `]`, with(`"event_payload":{"a.b":1,"c":1e400}`), string(goodBody(50)),
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		body := bodies[random.IntN(len(bodies))]
		checkDecode(t, d, []byte(body), Options{AllowAnonymous: random.IntN(2) == 0})
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	manyKeys := ""
	for i := range 3 * pairwise {
		manyKeys += fmt.Sprintf(`"key%d":%d,`, i, i)
	}
	manyKeys += `"last":null`
	odd := `[{"event_id":"\u0061","event_timestamp":"20251208T152111,8+01","event_adb_cdt":"é","event_payload":` +
		`{"a.b":[1.5,1e300,123456789012345678901234567890.5,"\ud83d\ude00"],"` + strings.Repeat("k", 40) + `":5e-324}},` +
		`{"event_id":"1","event_timestamp":"2025-12-08","event_email":"\"é b\"@почта.рф","event_payload":{` +
		manyKeys + `}}]`
	for name, body := range map[string][]byte{"usual": goodBody(900), "odd": []byte(odd), "one": goodBody(1), "empty": []byte("[]")} {
		d := NewDecoder()
		got := testing.AllocsPerRun(20, func() {
			if _, err := d.Decode(body, Options{AllowAnonymous: true}); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
