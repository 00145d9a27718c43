package privacy

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func zipped(t testing.TB, text string, cut int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()[:b.Len()-cut]
}

func inUTF16(text string) (out []byte) {
	for _, u := range utf16.Encode([]rune(text)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}

// texts hold the address ada.o'hara+x@mail.example in some form.
func texts(t testing.TB) map[string][]byte {
	const address = "Ada.O'Hara+x@Mail.example"
	body := `[{"event_email":"` + address + `"}]`
	return map[string][]byte{
		"as it is":         []byte(body),
		"upper case":       []byte(strings.ToUpper(body)),
		"in brackets":      []byte("From: Ada <" + address + ">"),
		"after a sign":     []byte("email=" + address + "&x=1"),
		"before a dot":     []byte("Write to " + address + "."),
		"escaped":          []byte(strings.NewReplacer("@", `\u0040`, ".", `\u002E`).Replace(body)),
		"escaped letters":  []byte(strings.ReplaceAll(body, "Ada", `\u0041\u0064a`)),
		"in a URL":         []byte("?mail=" + url.QueryEscape("x") + "&" + strings.ReplaceAll(address, "@", "%40")),
		"UTF-16":           inUTF16(body),
		"gzip":             zipped(t, body, 0),
		"gzip, cut off":    zipped(t, body, 8),
		"behind a header":  append([]byte{0, 1, 2, 255}, zipped(t, strings.ToUpper(body), 0)...),
		"amid broken text": []byte("\xff\xfe" + address + "\xff\x80"),
	}
}

func TestMentions(t *testing.T) {
	const address = "ada.o'hara+x@mail.example"
	h := newHasher([]byte("key"))
	s := NewSuppression(true)
	s.set(h, []entry{{h.sum([]byte(address)), h.prefilter([]byte(address))}})
	found := mentions(address)
	for name, text := range texts(t) {
		if !found(text) {
			t.Errorf("%s: not found by the address", name)
		}
		if !s.Mentioned(text) {
			t.Errorf("%s: not found by the hash", name)
		}
	}
	for _, text := range []string{"", "@", "a@b", "xada.o'hara@mail.example", `{"a":"grace@mail.example"}`, "\x1f\x8b", `\u`, `\u00`, "mail.example"} {
		if found([]byte(text)) || s.Mentioned([]byte(text)) {
			t.Errorf("%q mentions the address", text)
		}
	}
}

// Whatever stands around an address, the hash finds it, if what touches it is no part
// of a word.
func TestMentionedAnywhere(t *testing.T) {
	h := newHasher([]byte("key"))
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.StringMatching(`[a-z0-9][a-z0-9._+-]{0,20}[a-z0-9]@[a-z0-9-]{1,10}[a-z0-9]\.[a-z]{2,6}`).Draw(t, "address")
		s := NewSuppression(true)
		s.set(h, []entry{{h.sum([]byte(address)), h.prefilter([]byte(address))}})
		before := rapid.SampledFrom([]string{"", `"`, "<", " ", "=", "\x00", "x@", "mailto:", "("}).Draw(t, "before")
		after := rapid.SampledFrom([]string{"", `"`, ">", " ", "&", ".", "-", ",x", "\n"}).Draw(t, "after")
		text := before + address + after
		if before != "" {
			text = rapid.String().Draw(t, "around") + text
		}
		if !s.Mentioned([]byte(text)) {
			t.Fatalf("%q is not found in %q", address, text)
		}
	})
}

func FuzzForms(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	h := newHasher([]byte("key"))
	s := NewSuppression(true)
	s.set(h, []entry{{h.sum([]byte("a@b.example")), h.prefilter([]byte("a@b.example"))}})
	f.Fuzz(func(t *testing.T, text []byte) {
		s.Mentioned(text)
		if mentions("a@b.example")(text) && !mentions("a@b.example")(bytes.ToUpper(bytes.ToLower(text))) && bytes.IndexByte(text, '\\') < 0 && bytes.IndexByte(text, 0x1f) < 0 && bytes.IndexByte(text, 0) < 0 {
			t.Errorf("the case of %q matters", text)
		}
	})
}

func TestSuppression(t *testing.T) {
	h := newHasher([]byte("key"))
	person := func(address string) entry { return entry{h.sum([]byte(address)), h.prefilter([]byte(address))} }
	for _, refuse := range []bool{true, false} {
		s := NewSuppression(refuse)
		if s.Lookup() != nil || s.Mentioned([]byte("ada@x.example")) {
			t.Error("somebody is known from the beginning")
		}
		var people []entry
		for i := range 2000 {
			people = append(people, person(fmt.Sprintf("p%d@x.example", i)))
		}
		people = append(people, person("jörg@bücher.example"))
		s.set(h, people)
		lookup := s.Lookup()
		for _, address := range []string{"p0@x.example", "P1999@X.EXAMPLE", "JÖRG@Bücher.example"} {
			if erased, refused := lookup([]byte(address)); !erased || refused != refuse {
				t.Errorf("%s: erased %v, refused %v", address, erased, refused)
			}
		}
		for i := range 20_000 {
			if erased, _ := lookup(fmt.Appendf(nil, "q%d@x.example", i)); erased {
				t.Fatalf("q%d is taken for erased", i)
			}
		}
		// While an erasure runs the person is refused in any case, and nobody else.
		running := people[0].hash
		s.running(running, 1)
		s.set(h, people)
		if _, refused := s.Lookup()([]byte("p0@x.example")); !refused {
			t.Error("not refused while the erasure runs")
		}
		if _, refused := s.Lookup()([]byte("p1@x.example")); refused != refuse {
			t.Error("another erasure changes what becomes of others")
		}
		s.running(running, -1)
		s.set(h, people)
		if _, refused := s.Lookup()([]byte("p0@x.example")); refused != refuse {
			t.Error("refused after the erasure has run")
		}
		s.set(h, nil)
		if s.Lookup() != nil {
			t.Error("somebody stays known")
		}
	}
}

func TestLookupOfOthersAllocatesNothing(t *testing.T) {
	h := newHasher([]byte("key"))
	s := NewSuppression(true)
	s.set(h, []entry{{h.sum([]byte("a@x.example")), h.prefilter([]byte("a@x.example"))}})
	address := []byte("Somebody.Else+tag@Mail.Example")
	if n := testing.AllocsPerRun(100, func() { s.Lookup()(address) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	h := newHasher([]byte("key"))
	s := NewSuppression(true)
	s.set(h, []entry{{h.sum([]byte("a@x.example")), h.prefilter([]byte("a@x.example"))}})
	address := []byte("Somebody.Else+tag@Mail.Example")
	b.ReportAllocs()
	for b.Loop() {
		s.Lookup()(address)
	}
}
