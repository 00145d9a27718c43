package define

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Issue is one broken rule of a request. Field is the part's short name, Pointer
// an RFC 6901 JSON pointer into the body, Code the rule's machine name.
type Issue struct {
	Field, Pointer, Code, Message string
}

// InvalidError holds all broken rules of a request, at least one (HTTP 422).
type InvalidError struct {
	Issues []Issue
}

func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Issues))
	for i, x := range e.Issues {
		parts[i] = x.Field + ": " + x.Message
	}
	return strings.Join(parts, "; ")
}

var (
	// ErrNotFound says that there is no definition of that name.
	ErrNotFound = errors.New("no such definition")
	// ErrUnavailable says that ClickHouse did not answer.
	ErrUnavailable = errors.New("ClickHouse is unavailable")
)

// InUseError says that a change would break other definitions. Nothing was changed.
type InUseError struct {
	// Uses are what would break, with the reason, as in "report sales: …".
	Uses []Use
}

// Use is a definition that another change would break.
type Use struct {
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (e *InUseError) Error() string {
	parts := make([]string, len(e.Uses))
	for i, u := range e.Uses {
		parts[i] = fmt.Sprintf("%s %s", u.Kind, u.Name)
	}
	return "still used by " + strings.Join(parts, ", ")
}

// Issues collects broken rules.
type Issues struct {
	list []Issue
}

// maxIssues bounds what one answer names.
const maxIssues = 100

// Add notes a broken rule at a pointer; the field's name is the pointer's last
// part that is not a number.
func (s *Issues) Add(pointer, code, format string, args ...any) {
	if len(s.list) >= maxIssues {
		return
	}
	s.list = append(s.list, Issue{Field: fieldOf(pointer), Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)})
}

func fieldOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i := len(parts) - 1; i > 0; i-- {
		if _, err := strconv.Atoi(parts[i]); err != nil {
			return parts[i]
		}
	}
	return "body"
}

// Len returns how many there are.
func (s *Issues) Len() int { return len(s.list) }

// Err returns an *InvalidError, or nil if there is none.
func (s *Issues) Err() error {
	if len(s.list) == 0 {
		return nil
	}
	return &InvalidError{Issues: s.list}
}
