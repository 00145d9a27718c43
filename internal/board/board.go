// Package board owns dashboards: which saved reports stand beside each other, and the
// table that keeps them. It does not know what a report is: a panel names one by its
// slug, and one that is not there (any more) is for the reader to handle.
//
// Invariants:
//   - What is stored has passed Check.
//   - A change is answered after it is on stable storage, and every reading after the
//     answer sees it: nothing is kept in memory.
package board

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Dashboard is a page of panels.
type Dashboard struct {
	Slug        string  `json:"slug"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Panels      []Panel `json:"panels"`
	// UpdatedAt is UTC, to the microsecond.
	UpdatedAt time.Time `json:"updated_at"`
	// UpdatedBy is the name of the key that saved it.
	UpdatedBy string `json:"updated_by"`
}

// Panel shows a saved report.
type Panel struct {
	// Report is the saved report's slug.
	Report string `json:"report"`
	// Title stands over the panel; empty = the report's.
	Title string `json:"title,omitempty"`
	// Width is in columns of twelve: 3, 4, 6, 8 or 12.
	Width int `json:"width"`
	// Height is s, m or l.
	Height string `json:"height"`
}

// Limits of a dashboard. Lengths of texts are in characters.
const (
	MaxSlug        = 64
	MaxName        = 200
	MaxDescription = 2000
	MaxPanels      = 100
)

var (
	// ErrNotFound says that there is no dashboard with a slug.
	ErrNotFound = errors.New("dashboard not found")
	// ErrUnavailable says that the store of dashboards did not answer.
	ErrUnavailable = errors.New("store of dashboards is unavailable")
)

// Issue is one broken rule.
type Issue struct {
	Pointer string // RFC 6901, into the dashboard's JSON form: "/panels/0/width"
	Code    string // the rule's machine name
	Message string // reads on after the field's name: "must be …"
}

// Field is the last part of the pointer that is a name.
func (i Issue) Field() string {
	parts := strings.Split(i.Pointer, "/")
	for _, part := range slices.Backward(parts) {
		if _, err := strconv.Atoi(part); err != nil {
			return part
		}
	}
	return ""
}

// InvalidError lists all broken rules of a dashboard, at least one.
type InvalidError struct{ Issues []Issue }

func (e *InvalidError) Error() string {
	return fmt.Sprintf("dashboard breaks %d rules, the first: %s %s", len(e.Issues), e.Issues[0].Pointer, e.Issues[0].Message)
}

// slugPattern is that of saved reports.
var slugPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// Check returns an *InvalidError that names all broken rules, or nil.
func (d *Dashboard) Check() error {
	var c checker
	c.slug("/slug", d.Slug)
	c.line("/name", d.Name, true)
	if utf8.RuneCountInString(d.Description) > MaxDescription {
		c.add("/description", "max", "must have at most %d characters", MaxDescription)
	}
	if len(d.Panels) > MaxPanels {
		c.add("/panels", "max", "must be at most %d", MaxPanels)
		return c.err() // not one issue for each of a million panels
	}
	for i, p := range d.Panels {
		at := "/panels/" + strconv.Itoa(i)
		c.slug(at+"/report", p.Report)
		c.line(at+"/title", p.Title, false)
		if !slices.Contains([]int{3, 4, 6, 8, 12}, p.Width) {
			c.add(at+"/width", "oneof", "must be 3, 4, 6, 8 or 12 columns")
		}
		if !slices.Contains([]string{"s", "m", "l"}, p.Height) {
			c.add(at+"/height", "oneof", `must be "s", "m" or "l"`)
		}
	}
	return c.err()
}

// Shows tells whether one of the panels shows a saved report.
func (d *Dashboard) Shows(report string) bool {
	return report != "" && slices.ContainsFunc(d.Panels, func(p Panel) bool { return p.Report == report })
}

// Reports returns the slugs of the saved reports that the panels show, each once, in
// the order of the panels.
func (d *Dashboard) Reports() []string {
	var slugs []string
	for _, p := range d.Panels {
		if !slices.Contains(slugs, p.Report) {
			slugs = append(slugs, p.Report)
		}
	}
	return slugs
}

type checker []Issue

func (c *checker) add(pointer, code, format string, args ...any) {
	*c = append(*c, Issue{pointer, code, fmt.Sprintf(format, args...)})
}

func (c *checker) slug(pointer, slug string) {
	switch {
	case slug == "":
		c.add(pointer, "required", "is required")
	case len(slug) > MaxSlug:
		c.add(pointer, "max", "must have at most %d characters", MaxSlug)
	case !slugPattern.MatchString(slug):
		c.add(pointer, "slug", "must be lower-case letters, digits and hyphens, beginning and ending with a letter or digit")
	}
}

func (c *checker) line(pointer, text string, required bool) {
	switch {
	case text == "" && required:
		c.add(pointer, "required", "is required")
	case utf8.RuneCountInString(text) > MaxName:
		c.add(pointer, "max", "must have at most %d characters", MaxName)
	case text != "" && (strings.ContainsFunc(text, unicode.IsControl) || strings.TrimSpace(text) == ""):
		c.add(pointer, "oneline", "must be one line of text")
	}
}

func (c *checker) err() error {
	if len(*c) == 0 {
		return nil
	}
	return &InvalidError{Issues: *c}
}
