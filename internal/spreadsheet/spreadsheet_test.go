package spreadsheet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "=1+1": "'=1+1", " =1": "' =1", "+49": "'+49", "-5": "'-5", "@x": "'@x", "|x": "'|x", "%x": "'%x", "\tx": "'\tx", "\rx": "'\rx",
		"＝1": "'＝1", "\ufeff=1": "'\ufeff=1", "'": "'", "'a": "'a", "'=1": "''=1", "''=1": "'''=1", "a=1": "a=1",
	} {
		if got := Harmless(text); got != want {
			t.Errorf("Harmless(%q) = %q, want %q", text, got, want)
		}
		if got := string(Restore([]byte(want))); got != text {
			t.Errorf("Restore(%q) = %q, want %q", want, got, text)
		}
	}
}

func TestRestoreUndoesHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("'=+-@|%\t\r\n \u00a0\ufeff＝＋a1"))).Draw(t, "text")
		safe := Harmless(text)
		if got := string(Restore([]byte(safe))); got != text {
			t.Fatalf("%q became %q and then %q", text, safe, got)
		}
		if start := strings.TrimLeft(safe, " \u00a0\ufeff"); start != "" && strings.ContainsAny(start[:1], "=+-@|%\t\r\n") {
			t.Fatalf("%q would be run as a formula", safe)
		}
		// Texts that were never made harmless stay as they are.
		if got := string(Restore([]byte(text))); got != text && Harmless(got) != text {
			t.Fatalf("%q became %q, which Harmless would not have written", text, got)
		}
	})
}
