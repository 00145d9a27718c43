package importer

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Types of the texts of a CSV file. A text that does not fit its column's type stays
// a text: reports count numbers in texts, and a row is not refused for it.
const (
	TypeString  = "string"
	TypeNumber  = "number"
	TypeComma   = "number_comma" // 1.234,56
	TypeBoolean = "boolean"
	TypeJSON    = "json"
)

// types append a text as JSON, if it fits.
var types = map[string]func(dst []byte, text []byte) ([]byte, bool){
	"":          func(dst, _ []byte) ([]byte, bool) { return dst, false },
	TypeString:  func(dst, _ []byte) ([]byte, bool) { return dst, false },
	TypeNumber:  appendNumber,
	TypeComma:   appendComma,
	TypeBoolean: appendBoolean,
	TypeJSON:    appendJSON,
}

// Types lists them.
func Types() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(types)), func(s string) bool { return s == "" })
}

func appendNumber(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if !isNumber(text) {
		return dst, false
	}
	return append(dst, text...), true
}

// isNumber tells whether text is a number in JSON's form, which +1, 01 and 1. are not:
// a code with a leading zero must not lose it.
func isNumber(text []byte) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	zero := i < len(text) && text[i] == '0'
	start := i
	if !digits() || zero && i > start+1 {
		return false
	}
	if i < len(text) && text[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(text)
}

func appendComma(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	whole, fraction, found := bytes.Cut(text, []byte{','})
	if groups := bytes.Split(whole, []byte{'.'}); len(groups) > 1 {
		for _, g := range groups[1:] {
			if len(g) != 3 {
				return dst, false
			}
		}
		whole = bytes.Join(groups, nil)
	}
	number := slices.Clone(whole)
	if found {
		number = append(append(number, '.'), fraction...)
	}
	if !isNumber(number) || bytes.ContainsAny(number, "eE") {
		return dst, false
	}
	return append(dst, number...), true
}

func appendBoolean(dst, text []byte) ([]byte, bool) {
	switch strings.ToLower(string(bytes.TrimSpace(text))) {
	case "true":
		return append(dst, "true"...), true
	case "false":
		return append(dst, "false"...), true
	default:
		return dst, false
	}
}

func appendJSON(dst, text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if !jsontext.Value(text).IsValid() {
		return dst, false
	}
	return append(dst, text...), true
}

// appendText appends a text as a JSON string; it must be UTF-8.
func appendText(dst, text []byte) []byte {
	plain := true
	for _, c := range text {
		if c < 0x20 || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, text...)
		return append(dst, '"')
	}
	out, err := jsontext.AppendQuote(dst, text)
	if err != nil { // not UTF-8, which the caller has seen to
		out, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(string(text), string(utf8.RuneError)))
	}
	return out
}

// typeOf guesses the type of a column from some of its texts.
func typeOf(texts []string, delimiter string) string {
	if len(texts) == 0 {
		return TypeString
	}
	all := func(fits func(text []byte) bool) bool {
		for _, t := range texts {
			if !fits([]byte(t)) {
				return false
			}
		}
		return true
	}
	switch {
	case all(func(t []byte) bool { _, ok := appendNumber(nil, t); return ok }):
		return TypeNumber
	case all(func(t []byte) bool { _, ok := appendBoolean(nil, t); return ok }):
		return TypeBoolean
	case all(func(t []byte) bool {
		t = bytes.TrimSpace(t)
		return len(t) > 0 && (t[0] == '{' || t[0] == '[') && jsontext.Value(t).IsValid()
	}):
		return TypeJSON
	case delimiter != "," && all(func(t []byte) bool { _, ok := appendComma(nil, t); return ok }) && decimals(texts):
		return TypeComma
	default:
		return TypeString
	}
}

// decimals tells whether a comma surely stands before a fraction: 1,234 alone may be a
// thousand.
func decimals(texts []string) bool {
	for _, t := range texts {
		if _, fraction, found := strings.Cut(strings.TrimSpace(t), ","); found && len(fraction) != 3 {
			return true
		}
	}
	return false
}
