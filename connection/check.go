package connection

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrevious bounds how many rotated tokens of a connection may work at once.
const maxPrevious = 100

// check trims the texts and returns an *InvalidError that names every field that
// breaks a rule: not empty, at most MaxName characters, printable.
func (c *Connection) check() error {
	var broken []*ValidationError
	for _, f := range []struct {
		name string
		text *string
	}{{"name", &c.Name}, {"event_source", &c.EventSource}, {"event_object", &c.EventObject}} {
		*f.text = strings.TrimSpace(*f.text)
		if e := checkText(f.name, *f.text); e != nil {
			broken = append(broken, e)
		}
	}
	if c.RetentionDays < 0 || c.RetentionDays > MaxRetention {
		broken = append(broken, &ValidationError{
			Field: "retention_days", Code: "range", Message: fmt.Sprintf("must be between 1 and %d days, or null for ever", MaxRetention),
		})
	}
	if len(broken) > 0 {
		return &InvalidError{Errors: broken}
	}
	return nil
}

func checkText(field, text string) *ValidationError {
	switch {
	case text == "":
		return &ValidationError{Field: field, Code: "required", Message: "must not be empty"}
	case !utf8.ValidString(text):
		return &ValidationError{Field: field, Code: "utf8", Message: "must be valid UTF-8"}
	case utf8.RuneCountInString(text) > MaxName:
		return &ValidationError{Field: field, Code: "max", Message: fmt.Sprintf("must have at most %d characters", MaxName)}
	case strings.ContainsFunc(text, unprintable):
		return &ValidationError{Field: field, Code: "printable", Message: "must not contain control characters or line breaks"}
	}
	return nil
}

// unprintable tells of characters that break lines, or that reverse or hide what
// is written around them: names are shown in lists, logs and terminals. The
// joiners are needed by scripts and emoji.
func unprintable(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) ||
		(unicode.Is(unicode.Cf, r) && r != zeroWidthNonJoiner && r != zeroWidthJoiner)
}
