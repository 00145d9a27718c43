package define

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Step is one step of a path: a key and how many arrays are entered behind it.
type Step struct {
	Key    string
	Arrays int
}

// Path leads to values of a payload. Its written form has keys with dots between
// them; "[]" behind a key enters each element of an array. A backslash takes the
// next character as it is, so that keys may hold dots, brackets and backslashes;
// "" (two quotation marks) is the empty key.
//
//	customer.country     {"customer": {"country": …}}
//	items[].qty          {"items": [{"qty": …}, …]}
//	tags[]               {"tags": […]}
//	price\.net           {"price.net": …}
type Path []Step

// Limits of paths. The payload itself is at most 64 deep.
const (
	maxPath  = 1024 // bytes of the written form
	maxSteps = 64
)

var (
	errPathEmpty  = errors.New("must not be empty")
	errPathLong   = errors.New("must be at most 1024 bytes and 64 keys long")
	errPathKey    = errors.New(`has an empty key: write "" for a key that is the empty string`)
	errPathEscape = errors.New("ends with a backslash, which takes the next character as it is")
	errPathArray  = errors.New(`has a bracket that is not "[]" behind a key: write \[ or \] for one that belongs to a key`)
	errPathText   = errors.New("must be UTF-8 without control characters")
	errPathTwice  = errors.New("must not enter an array directly in an array ([][])")
)

// ParsePath reads the written form.
func ParsePath(text string) (Path, error) {
	if text == "" {
		return nil, errPathEmpty
	}
	if len(text) > maxPath {
		return nil, errPathLong
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errPathText
	}
	var path Path
	for rest, more := text, true; more; {
		step, next, dot, err := parseStep(rest)
		if err != nil {
			return nil, err
		}
		path = append(path, step)
		rest, more = next, dot
	}
	if len(path) > maxSteps {
		return nil, errPathLong
	}
	return path, nil
}

// parseStep reads one step; dot says that another must follow in rest.
func parseStep(text string) (step Step, rest string, dot bool, err error) {
	var key strings.Builder
	quoted := strings.HasPrefix(text, `""`)
	if quoted {
		text = text[2:]
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return step, "", false, errPathEscape
			}
			if step.Arrays > 0 {
				return step, "", false, errPathArray
			}
			_, size := utf8.DecodeRuneInString(text[i:])
			key.WriteString(text[i : i+size])
			i += size - 1
		case '[':
			if !strings.HasPrefix(text[i:], "[]") || (key.Len() == 0 && !quoted) {
				return step, "", false, errPathArray
			}
			if step.Arrays++; step.Arrays > 1 {
				return step, "", false, errPathTwice
			}
			i++
		case ']':
			return step, "", false, errPathArray
		case '.':
			step.Key = key.String()
			if step.Key == "" && !quoted {
				return step, "", false, errPathKey
			}
			return step, text[i+1:], true, nil
		default:
			if step.Arrays > 0 {
				return step, "", false, errPathArray
			}
			key.WriteByte(c)
		}
	}
	step.Key = key.String()
	switch {
	case step.Key == "" && !quoted, step.Key != "" && quoted:
		return step, "", false, errPathKey
	}
	return step, "", false, nil
}

// String returns the written form, the same for every way of writing the path.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(EscapeKey(s.Key))
		b.WriteString(strings.Repeat("[]", s.Arrays))
	}
	return b.String()
}

// EscapeKey returns a key as it stands in a written path.
func EscapeKey(key string) string {
	if key == "" {
		return `""`
	}
	if !strings.ContainsAny(key, `.\[]"`) {
		return key
	}
	escaped := strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `]`, `\]`).Replace(key)
	if strings.HasPrefix(escaped, `""`) {
		escaped = `\` + escaped
	}
	return escaped
}

// Array says whether the path enters an array, and so leads to several values.
func (p Path) Array() bool {
	for _, s := range p {
		if s.Arrays > 0 {
			return true
		}
	}
	return false
}
