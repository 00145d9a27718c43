// Package spreadsheet owns how texts are kept from being run as formulas when a CSV
// file is opened in a spreadsheet (OWASP, "CSV Injection"), and how that is undone.
//
// Invariant: Restore(Harmless(x)) is x for every x, and Restore changes nothing that
// Harmless would not have written.
package spreadsheet

import (
	"bytes"
	"strings"
)

// Harmless puts an apostrophe before a text that a spreadsheet would run as a formula,
// and before one that would otherwise look as if that had been done. Some programs
// skip white space before a formula.
func Harmless(text string) string {
	if formula(strings.TrimLeft(text, "'")) {
		return "'" + text
	}
	return text
}

// Restore takes away the apostrophe that Harmless put there.
func Restore(text []byte) []byte {
	if len(text) > 0 && text[0] == '\'' && formula(string(bytes.TrimLeft(text, "'"))) {
		return text[1:]
	}
	return text
}

func formula(text string) bool {
	if text == "" {
		return false
	}
	if strings.ContainsRune("\t\r\n", rune(text[0])) {
		return true
	}
	start := strings.TrimLeft(text, " \u00a0\ufeff")
	if start == "" {
		return false
	}
	if strings.IndexByte("=+-@|%\t\r\n", start[0]) >= 0 {
		return true
	}
	for _, wide := range []string{"\uff1d", "\uff0b", "\uff0d", "\uff20"} {
		if strings.HasPrefix(start, wide) {
			return true
		}
	}
	return false
}
