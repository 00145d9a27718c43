package event

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEmail(t *testing.T) {
	rules := NewRules()
	label := strings.Repeat("b", maxLabel)
	for address, want := range map[string]bool{
		"name@example.com":                     true,
		"first.last+tag@sub.example.co.uk":     true,
		"NAME@EXAMPLE.COM":                     true,
		"!#$%&'*+-/=?^_`{|}~@example.com":      true,
		"1@2.com":                              true,
		"a@xn--bcher-kva.example":              true,
		"a@b.xn--p1ai":                         true,
		"имя@почта.рф":                         true,
		"用户@例子.公司":                             true,
		"δοκιμή@παράδειγμα.δοκιμή":             true,
		"jörg@bücher.de":                       true,
		`"quoted"@example.com`:                 true,
		`"a b"@example.com`:                    true,
		`"a@b"@example.com`:                    true,
		`"a\"b"@example.com`:                   true,
		strings.Repeat("a", 64) + "@b.de":      true,
		"a@" + label + ".de":                   true,
		"a@" + strings.Repeat("日", 59) + ".de": true,
		strings.Repeat("a", 61) + "@" + label + "." + label + "." + strings.Repeat("c", 62) + ".e": true, // 254

		"":                                     false,
		"name":                                 false,
		"@":                                    false,
		"@example.com":                         false,
		"name@":                                false,
		"name@localhost":                       false,
		"name@example":                         false,
		"name@.com":                            false,
		"name@example..com":                    false,
		"name@example.com.":                    false,
		"name@-example.com":                    false,
		"name@example-.com":                    false,
		"name@example.-x.com":                  false,
		"name@exam_ple.com":                    false,
		"name@exam~ple.com":                    false,
		"name@example.123":                     false,
		"name@[127.0.0.1]":                     false,
		"name@127.0.0.1":                       false,
		"a@b@example.com":                      false,
		".name@example.com":                    false,
		"name.@example.com":                    false,
		"na..me@example.com":                   false,
		"na me@example.com":                    false,
		" name@example.com":                    false,
		"name@example.com ":                    false,
		"name@example.com\n":                   false,
		"na\tme@example.com":                   false,
		"\"na\tme\"@example.com":               false,
		"\"na\u0001me\"@example.com":           false,
		"name\u00a0@example.com":               false,
		"name@exam\u2003ple.com":               false,
		"Name <name@example.com>":              false,
		"<name@example.com>":                   false,
		"mailto:name@example.com":              false,
		"a@b.de,c@d.de":                        false,
		"name@example.com(comment)":            false,
		`"unclosed@example.com`:                false,
		strings.Repeat("a", 65) + "@b.de":      false,
		strings.Repeat("é", 33) + "@b.de":      false, // 66 bytes
		"a@" + label + "b.de":                  false,
		"a@" + strings.Repeat("日", 60) + ".de": false,
		strings.Repeat("a", 62) + "@" + label + "." + label + "." + strings.Repeat("c", 62) + ".e": false, // 255
		strings.Repeat("a", 300_000): false,
	} {
		if got := rules.CheckEmail([]byte(address)); got != want {
			t.Errorf("CheckEmail(%.100q) = %v, want %v", address, got, want)
		}
	}
}

// checkEmail wants what is accepted at a glance to keep the rules.
func checkEmail(t reporter, rules *Rules, address string) {
	t.Helper()
	if !utf8.ValidString(address) || strings.ContainsRune(address, 0) {
		return // the decoder has refused it before
	}
	code := rules.broken(&Fields{Email: &address}, "Email")
	if plainEmail([]byte(address)) && code != "" {
		t.Fatalf("%q is accepted at a glance, but breaks %q: %s", address, code, ruleMessage("event_email", code, address, false))
	}
	if code != "" {
		if message := ruleMessage("event_email", code, address, false); !utf8.ValidString(message) || len(message) > 400 {
			t.Fatalf("%q: message %q", address, message)
		}
	}
}

// checkEmailComplete wants an address to be accepted at a glance exactly if it
// keeps the rules: what is left to them costs a sender's request too much time.
func checkEmailComplete(t reporter, rules *Rules, address string) {
	t.Helper()
	checkEmail(t, rules, address)
	if !plainEmail([]byte(address)) && rules.broken(&Fields{Email: &address}, "Email") == "" {
		t.Fatalf("%q keeps the rules, but is not accepted at a glance", address)
	}
}

func TestEmailFastIsTheRules(t *testing.T) {
	rules := NewRules()
	rapid.Check(t, func(t *rapid.T) { checkEmailComplete(t, rules, emailGen.Draw(t, "email")) })
}

// TestEmailEveryRune tries characters in each place that the fast path looks at.
func TestEmailEveryRune(t *testing.T) {
	rules := NewRules()
	for r := rune(1); r < 0x11000; r++ {
		switch {
		case r >= 0xD800 && r <= 0xDFFF: // no character
			continue
		case r > 0x250 && r < 0x1600, r > 0x1700 && r < 0x1F00, r > 0x3100 && r < 0xD700, r > 0xE000 && r < 0xF800:
			if r%61 != 0 { // letters and private use, which go all one way
				continue
			}
		}
		c := string(r)
		for _, address := range []string{
			"a" + c + "c@b.de", `"` + c + `"@b.de`, `"\` + c + `"@b.de`, "a@" + c + ".de", "a@b" + c + "b.de", "a@b.d" + c, c + "@b.de",
		} {
			checkEmailComplete(t, rules, address)
		}
	}
}

func FuzzEmail(f *testing.F) {
	for i := range 60 {
		f.Add(emailGen.Example(i))
	}
	rules := NewRules()
	f.Fuzz(func(t *testing.T, address string) { checkEmail(t, rules, address) })
}
