package define

import (
	"encoding/json"
	"maps"
	"slices"
)

// Kind is a kind of definition.
type Kind string

// The kinds of definitions.
const (
	KindField      Kind = "field"
	KindConversion Kind = "conversion"
	KindReport     Kind = "report"
)

// Saved is a saved report: the body of a report or funnel request under a slug.
type Saved struct {
	Slug        string `json:"slug"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// Kind is "report" or "funnel".
	Kind  string          `json:"kind"`
	Query json.RawMessage `json:"query"`
	// Visualization is how the app shows it, one of Visualizations; empty = the app
	// chooses.
	Visualization string `json:"visualization,omitempty"`
	Change
}

// The kinds of saved reports.
const (
	SavedReport = "report"
	SavedFunnel = "funnel"
)

// Visualizations returns the ways in which a saved report can be shown.
func Visualizations() []string { return []string{"line", "bar", "table", "number", "funnel"} }

// Set holds all definitions at one moment. It is never changed once it is given out.
type Set struct {
	Fields      map[string]*Field
	Conversions map[string]*Conversion
	Reports     map[string]*Saved
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{Fields: map[string]*Field{}, Conversions: map[string]*Conversion{}, Reports: map[string]*Saved{}}
}

func (s *Set) clone() *Set {
	return &Set{maps.Clone(s.Fields), maps.Clone(s.Conversions), maps.Clone(s.Reports)}
}

// SortedFields returns the fields ordered by name.
func (s *Set) SortedFields() []*Field { return sorted(s.Fields) }

// SortedConversions returns the conversions ordered by name.
func (s *Set) SortedConversions() []*Conversion { return sorted(s.Conversions) }

// SortedReports returns the saved reports ordered by slug.
func (s *Set) SortedReports() []*Saved { return sorted(s.Reports) }

func sorted[T any](m map[string]*T) []*T {
	out := make([]*T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}
