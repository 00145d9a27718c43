package event

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/go-playground/validator/v10"
)

// Fields are one event's fields as a sender gave them, nil where absent. The
// tags are the rules of CONTRACT section 2; Rules checks them, and whatever
// Decoder accepts without asking Rules must keep them.
type Fields struct {
	ID        *string `json:"event_id"        validate:"required,nonempty,maxbytes=512"`
	Timestamp *string `json:"event_timestamp" validate:"required,nonempty,timestamp"`
	Email     *string `json:"event_email"     validate:"required_unless_anonymous,omitnil,nonempty,rfc5321,email"`
	CDT       *string `json:"event_adb_cdt"   validate:"omitnil,maxbytes=1024"`

	// AllowAnonymous is the connection's choice (Options).
	AllowAnonymous bool `json:"-" validate:"-"`
}

// Machine names of the rules, in FieldError.Code.
const (
	codeRequired  = "required"
	codeType      = "type"
	codeEmpty     = "empty"
	codeMax       = "max"
	codeTimestamp = "timestamp"
	codeEmail     = "email"
	codeDuplicate = "duplicate_key"
	codeSurrogate = "lone_surrogate"
	codeNUL       = "nul"
	codeDepth     = "depth"
	codeObject    = "object"

	codeUnknown = "unknown_field" // warnings
	codeNumber  = "number_range"
)

// Rules judges the fields of events with validator/v10. It is safe for
// concurrent use and meant to be shared: making one takes about 25 µs.
type Rules struct{ validate *validator.Validate }

// NewRules returns the rules of CONTRACT section 2.
func NewRules() *Rules {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("json") })
	err := errors.Join(
		v.RegisterValidation("nonempty", func(f validator.FieldLevel) bool { return f.Field().String() != "" }),
		v.RegisterValidation("maxbytes", func(f validator.FieldLevel) bool {
			n, err := strconv.Atoi(f.Param())
			return err == nil && len(f.Field().String()) <= n
		}),
		v.RegisterValidation("timestamp", func(f validator.FieldLevel) bool {
			_, err := parseTimestamp([]byte(f.Field().String()))
			return err == nil
		}),
		v.RegisterValidation("rfc5321", func(f validator.FieldLevel) bool { return addressFault(f.Field().String()) == "" }),
		v.RegisterValidation("required_unless_anonymous", func(f validator.FieldLevel) bool {
			e, ok := f.Parent().Interface().(Fields)
			return ok && (e.Email != nil || e.anonymous())
		}, true),
	)
	if err != nil { // only an empty tag or function can do this
		panic(fmt.Sprintf("event: register rules: %v", err))
	}
	return &Rules{validate: v}
}

// anonymous tells whether the event may do without an e-mail address.
func (f *Fields) anonymous() bool { return f.AllowAnonymous && f.CDT != nil && *f.CDT != "" }

// Check returns the rules that f breaks, at most one for each field, in the
// order of the fields; nil if none. Index is 0 and pointers begin at the event.
// It is for sources other than a JSON body, which have no types, duplicate keys
// or payloads to judge; texts must be valid UTF-8 without NUL.
func (r *Rules) Check(f *Fields) []FieldError {
	var broken validator.ValidationErrors
	if !errors.As(r.validate.Struct(f), &broken) {
		return nil
	}
	out := make([]FieldError, 0, len(broken))
	for _, b := range broken {
		text := ""
		if s, ok := b.Value().(string); ok {
			text = s
		}
		code := codeOf(b.Tag())
		out = append(out, FieldError{
			Field: b.Field(), Pointer: "/" + b.Field(), Code: code,
			Message: ruleMessage(b.Field(), code, text, f.AllowAnonymous),
		})
	}
	return out
}

// CheckEmail tells whether address is valid as an event_email.
func (r *Rules) CheckEmail(address []byte) bool {
	if plainEmail(address) {
		return true
	}
	text := unsafe.String(unsafe.SliceData(address), len(address))
	return r.broken(&Fields{Email: &text}, "Email") == ""
}

// broken returns the code of the rule that one field of f breaks, given by its
// name in Go, or "".
func (r *Rules) broken(f *Fields, name string) string {
	var broken validator.ValidationErrors
	if !errors.As(r.validate.StructPartial(f, name), &broken) {
		return ""
	}
	return codeOf(broken[0].Tag())
}

// codeOf returns the machine name of a rule of Fields.
func codeOf(tag string) string {
	switch tag {
	case "required_unless_anonymous":
		return codeRequired
	case "nonempty":
		return codeEmpty
	case "maxbytes":
		return codeMax
	case "rfc5321":
		return codeEmail
	}
	return tag
}

// addressFault says what of an address breaks a rule that the validator's
// built-in one lacks: the sizes of RFC 5321, the syntax of a domain's labels,
// and no control characters or white space but a quoted space. It returns "" if
// nothing does.
func addressFault(address string) string {
	if len(address) > MaxEmail {
		return fmt.Sprintf("it has %d bytes, of at most %d", len(address), MaxEmail)
	}
	for _, r := range address {
		if unicode.IsControl(r) || unicode.IsSpace(r) && r != ' ' {
			return "it has white space or a control character in it"
		}
	}
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "it has no @"
	}
	if at > MaxEmailUser {
		return fmt.Sprintf("the part before the @ has %d bytes, of at most %d", at, MaxEmailUser)
	}
	domain := address[at+1:]
	for label := range strings.SplitSeq(domain, ".") {
		runes := utf8.RuneCountInString(label)
		switch {
		case label == "":
			return "a dot of the domain stands alone"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a part of the domain begins or ends with a hyphen"
		case strings.Contains(label, "~"):
			return "the domain has a ~ in it"
		case runes < len(label) && runes > maxLabelRunes:
			return fmt.Sprintf("a part of the domain has %d characters, of at most %d outside ASCII", runes, maxLabelRunes)
		case runes == len(label) && runes > maxLabel:
			return fmt.Sprintf("a part of the domain has %d bytes, of at most %d", runes, maxLabel)
		}
	}
	return ""
}

// ruleMessage explains a broken rule of Fields to the sender. It never repeats
// an address: messages go to logs.
func ruleMessage(field, code, text string, allowAnonymous bool) string {
	switch code {
	case codeRequired:
		if field == fieldNames[fieldEmail] && allowAnonymous {
			return "event_email is required where event_adb_cdt is absent or empty"
		}
		return field + " is required"
	case codeEmpty:
		return field + " must not be empty"
	case codeMax:
		limit := MaxID
		if field == fieldNames[fieldCDT] {
			limit = MaxCDT
		}
		return fmt.Sprintf("%s has %d bytes, of at most %d", field, len(text), limit)
	case codeTimestamp:
		_, err := parseTimestamp([]byte(text))
		var bad *TimestampError
		if errors.As(err, &bad) {
			return fmt.Sprintf("%s is not an ISO 8601 date-time: %s; a right one is %s", field, bad.Reason, timestampExample)
		}
	case codeEmail:
		if fault := addressFault(text); fault != "" {
			return fmt.Sprintf("%s is not a valid address: %s", field, fault)
		}
		return field + ` is not a valid address; a right one is "name@example.com"`
	}
	return field + " is not valid"
}

const timestampExample = `"2025-12-08T15:21:11.804Z"`

// shorten cuts a text to what a message may repeat of it.
func shorten(text []byte, limit int) string {
	if len(text) <= limit {
		return string(text)
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return string(text[:limit]) + "…"
}
