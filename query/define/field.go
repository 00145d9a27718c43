package define

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Type is the type of a field's values (CONTRACT section 4).
type Type string

// The types of fields.
const (
	String   Type = "string"
	Numeric  Type = "number"
	Integer  Type = "integer"
	Boolean  Type = "boolean"
	Datetime Type = "datetime"
	Strings  Type = "string[]"
	Numbers  Type = "number[]"
)

// Element returns the type of one value: that of the elements for an array.
func (t Type) Element() Type {
	switch t {
	case Strings:
		return String
	case Numbers:
		return Numeric
	default:
		return t
	}
}

// Field gives the values at a path of the payload a name and a type.
type Field struct {
	Name string `json:"name"`
	// ConnectionIDs limits the field to connections; empty = all. For events of
	// others it is null.
	ConnectionIDs []uuid.UUID `json:"connection_ids"`
	Path          string      `json:"path"`
	Type          Type        `json:"type"`
	Label         string      `json:"label,omitempty"`
	Description   string      `json:"description,omitempty"`
	Change
}

// Change says which version of a definition this is and where it comes from.
type Change struct {
	Version   uint64    `json:"version"`
	ChangedBy string    `json:"changed_by"`
	ChangedAt time.Time `json:"changed_at"`
}

// Array says whether the field has several values an event.
func (f *Field) Array() bool {
	if f.Type.Element() != f.Type {
		return true
	}
	p, err := ParsePath(f.Path)
	return err == nil && p.Array()
}

// AppliesTo says whether the field is defined for a connection.
func (f *Field) AppliesTo(id uuid.UUID) bool { return applies(f.ConnectionIDs, id) }

func applies(ids []uuid.UUID, id uuid.UUID) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return len(ids) == 0
}

// Conversion is a named kind of event that matters.
type Conversion struct {
	Name          string      `json:"name"`
	ConnectionIDs []uuid.UUID `json:"connection_ids"`
	// Filters must all hold.
	Filters []Filter `json:"filters"`
	// ValueField is the number or integer field that conversion_value() adds up;
	// empty = none.
	ValueField  string `json:"value_field,omitempty"`
	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`
	Change
}

// Limits of definitions. Lengths are in characters.
const (
	maxName        = 64
	maxLabel       = 200
	maxDescription = 2000
	maxConnections = 1000
	MaxDefinitions = 2000 // of each kind
)

var (
	namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	slugPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	// reserved are the built-in fields and the words of reports and views, in
	// lower case.
	reserved = map[string]bool{
		"event_id": true, "event_email": true, "event_timestamp": true, "event_source": true, "event_object": true,
		"event_adb_cdt": true, "event_payload": true, "connection": true, "connection_id": true, "received_at": true,
		"time": true, "count": true, "step": true, "conversion": true, "conversion_value": true, "previous": true,
		"null": true, "true": true, "false": true,
	}
	// fixedPaths are words that stand where a name could in the API's URLs.
	fixedPaths = map[string]bool{"preview": true, "query": true, "funnel": true}
)

// CheckName says what is wrong with the name of a field or conversion, empty =
// nothing. Names are letters, digits and _, so that they need no quoting
// wherever they turn up: in SQL, in "sum(name)", in a spreadsheet.
func CheckName(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > maxName:
		return fmt.Sprintf("must be at most %d characters long", maxName)
	case !namePattern.MatchString(name):
		return "must be letters (a-z), digits and _, beginning with a letter"
	case reserved[strings.ToLower(name)] || fixedPaths[name]:
		return "is a built-in name"
	}
	return ""
}

// CheckSlug says what is wrong with the name of a saved report, empty = nothing.
func CheckSlug(slug string) string {
	switch {
	case len(slug) > maxName:
		return fmt.Sprintf("must be at most %d characters long", maxName)
	case !slugPattern.MatchString(slug):
		return "must be lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
	case fixedPaths[slug]:
		return "is taken by the API itself"
	}
	return ""
}

// Check returns all broken rules of the field, pointers relative to its JSON form.
func (f *Field) Check() *Issues {
	var issues Issues
	if message := CheckName(f.Name); message != "" {
		issues.Add("/name", "name", "%s", message)
	}
	path, err := ParsePath(f.Path)
	if err != nil {
		issues.Add("/path", "path", "%s", err)
	}
	switch f.Type {
	case String, Numeric, Integer, Boolean, Datetime:
	case Strings, Numbers:
		// The brackets of string[] may stand in the path too, but only once.
		if n := strings.Count(path.String(), "[]"); n > 1 {
			issues.Add("/type", "type", "of a path with several [] must be that of one element")
		}
	case "":
		issues.Add("/type", "required", "must be given: string, number, integer, boolean, datetime, string[] or number[]")
	default:
		issues.Add("/type", "type", "must be string, number, integer, boolean, datetime, string[] or number[]")
	}
	checkTexts(&issues, f.Label, f.Description)
	checkConnections(&issues, f.ConnectionIDs)
	return &issues
}

// Check returns all broken rules of the conversion but those of its filters, which
// the compiler of reports knows.
func (c *Conversion) Check() *Issues {
	var issues Issues
	if message := CheckName(c.Name); message != "" {
		issues.Add("/name", "name", "%s", message)
	}
	checkTexts(&issues, c.Label, c.Description)
	checkConnections(&issues, c.ConnectionIDs)
	return &issues
}

func checkTexts(issues *Issues, label, description string) {
	if utf8.RuneCountInString(label) > maxLabel {
		issues.Add("/label", "max", "must be at most %d characters long", maxLabel)
	}
	if utf8.RuneCountInString(description) > maxDescription {
		issues.Add("/description", "max", "must be at most %d characters long", maxDescription)
	}
}

func checkConnections(issues *Issues, ids []uuid.UUID) {
	if len(ids) > maxConnections {
		issues.Add("/connection_ids", "max", "must be at most %d connections; leave it out for all", maxConnections)
	}
}
