package connection

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that no such connection exists, or that it was deleted.
	ErrNotFound = errors.New("connection not found")
	// ErrUnavailable says that the store could not be reached or refused the
	// work: nothing was changed as far as is known, and trying later may help.
	ErrUnavailable = errors.New("connection store is unavailable")
)

// ValidationError is one field that breaks a rule (HTTP 422). Field is the
// API's name of it ("event_source", "grace", …), Code the rule's machine name
// ("required", "max", "invalid"), Message a sentence for the user.
type ValidationError struct {
	Field, Code, Message string
}

func (e *ValidationError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Message) }

// InvalidError holds all broken rules of one call, at least one. errors.As with
// a *ValidationError finds the first.
type InvalidError struct {
	Errors []*ValidationError
}

func (e *InvalidError) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap returns the broken rules as errors.
func (e *InvalidError) Unwrap() []error {
	errs := make([]error, len(e.Errors))
	for i, v := range e.Errors {
		errs[i] = v
	}
	return errs
}

func invalid(field, code, message string) error {
	return &InvalidError{Errors: []*ValidationError{{Field: field, Code: code, Message: message}}}
}
