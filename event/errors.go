package event

import "fmt"

// SyntaxError says why a body is not a JSON array of well-formed UTF-8 (HTTP
// 400). Offset is in bytes from 0; Line and Column count from 1, Column in bytes.
type SyntaxError struct {
	Offset, Line, Column int
	Message              string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at line %d, column %d (byte %d)", e.Message, e.Line, e.Column, e.Offset)
}

// FieldError is one broken rule of one event: the shape that CONTRACT section 2
// fixes for the "errors" of a 422 answer. Pointer is an RFC 6901 JSON pointer
// into the request body, Code the rule's machine name ("required", "email", …).
type FieldError struct {
	Index   int    `json:"index"`
	Field   string `json:"field"`
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Warning says what was accepted, but perhaps not as its sender meant it.
type Warning = FieldError

// InvalidError holds the broken rules of a request in order of appearance, the
// first MaxErrors of them (HTTP 422).
type InvalidError struct {
	Errors []FieldError
}

func (e *InvalidError) Error() string {
	if len(e.Errors) == 0 {
		return "invalid event"
	}
	f := e.Errors[0]
	return fmt.Sprintf("event %d: %s: %s", f.Index, f.Field, f.Message)
}
