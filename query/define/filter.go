package define

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Filter is a condition on a field (Field, Op, Values), or a group of conditions
// of which all (And) or at least one (Or) must hold.
type Filter struct {
	Field  string   `json:"field,omitempty"`
	Op     string   `json:"op,omitempty"`
	Values []Scalar `json:"values,omitempty"`
	And    []Filter `json:"and,omitempty"`
	Or     []Filter `json:"or,omitempty"`
}

// The operators of CONTRACT section 5.
const (
	OpEq         = "eq"
	OpNe         = "ne"
	OpIn         = "in"
	OpNotIn      = "not_in"
	OpGt         = "gt"
	OpGte        = "gte"
	OpLt         = "lt"
	OpLte        = "lte"
	OpBetween    = "between"
	OpContains   = "contains"
	OpStartsWith = "starts_with"
	OpMatches    = "matches"
	OpIsSet      = "is_set"
	OpIsNotSet   = "is_not_set"
)

// Scalar is a JSON string, number or boolean. Text is the string's value, or the
// literal as it was written.
type Scalar struct {
	Kind ScalarKind
	Text string
}

// ScalarKind is the JSON type of a Scalar.
type ScalarKind uint8

// The kinds of scalars.
const (
	StringScalar ScalarKind = iota
	NumberScalar
	BoolScalar
)

// Text returns a string scalar.
func Text(s string) Scalar { return Scalar{StringScalar, s} }

// Number returns a number scalar.
func Number(f float64) Scalar { return Scalar{NumberScalar, strconv.FormatFloat(f, 'g', -1, 64)} }

var errNotScalar = errors.New("must be a string, a number or a boolean")

// UnmarshalJSONFrom implements json.UnmarshalerFrom of the JSON package in use.
func (s *Scalar) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	kind := d.PeekKind()
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch kind {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return err
		}
		*s = Scalar{StringScalar, string(text)}
	case '0':
		*s = Scalar{NumberScalar, string(value)}
	case 't', 'f':
		*s = Scalar{BoolScalar, string(value)}
	default:
		return errNotScalar
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Scalar) MarshalJSON() ([]byte, error) {
	if s.Kind != StringScalar {
		return []byte(s.Text), nil
	}
	return jsontext.AppendQuote(nil, strings.ToValidUTF8(s.Text, "\uFFFD"))
}

// FieldsOf adds the names of all fields that the filters use to the set.
func FieldsOf(filters []Filter, into map[string]bool) {
	for _, f := range filters {
		if f.Field != "" {
			into[f.Field] = true
		}
		FieldsOf(f.And, into)
		FieldsOf(f.Or, into)
	}
}
