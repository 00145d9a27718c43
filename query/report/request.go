package report

import (
	"encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// Request is the body of POST /api/v1/reports/query (CONTRACT section 5).
type Request struct {
	Metrics    []string        `json:"metrics"`
	Dimensions []string        `json:"dimensions,omitempty"`
	Time       Time            `json:"time,omitzero"`
	Filters    []define.Filter `json:"filters,omitempty"`
	// Connections are ids; empty = all.
	Connections []string `json:"connections,omitempty"`
	Order       []Order  `json:"order,omitempty"`
	// Limit is how many rows are wanted at most: absent = DefaultLimit.
	Limit *int `json:"limit,omitempty"`
	// Compare is empty or "previous_period".
	Compare string `json:"compare,omitempty"`
	// Fill adds a row for each time bucket that has none.
	Fill bool `json:"fill,omitempty"`

	Unknown map[string]jsontext.Value `json:",embed"`
}

// Time is the range and the buckets of a report. From is included, To is not; an
// absent end leaves that side open.
type Time struct {
	From        string `json:"from,omitempty"`
	To          string `json:"to,omitempty"`
	Granularity string `json:"granularity,omitempty"`
	// Timezone is a name of the IANA database; empty = UTC.
	Timezone string `json:"timezone,omitempty"`
}

// Order sorts by a column. Dir is "asc" (the default) or "desc"; nulls come last.
type Order struct {
	By  string `json:"by"`
	Dir string `json:"dir,omitempty"`
}

// Limits of a request.
const (
	DefaultLimit  = 1_000
	MaxLimit      = 100_000
	MaxStreamed   = 5_000_000 // rows of a CSV or NDJSON answer
	MaxBuckets    = 100_000   // with fill or compare
	maxMetrics    = 50
	maxDimensions = 10
	maxFilters    = 500 // conditions and groups together
	maxValues     = 20_000
	maxNesting    = 10
	maxText       = 64 << 10 // bytes of one filter value
	maxPattern    = 1 << 10  // bytes of one regular expression
)

// Connection is what reports know of a connection.
type Connection struct {
	ID                             uuid.UUID
	Name, EventSource, EventObject string
	// CreatedAt decides which of two connections of one name has the plain view name.
	CreatedAt time.Time
}

// Catalog is what a request is compiled against. It is only read.
type Catalog struct {
	Set *define.Set
	// Connections are those that are not deleted; the events of others are hidden.
	Connections []Connection
}

// Column describes a column of a result.
type Column struct {
	Name string `json:"name"`
	// Type is date, datetime, string, number, integer or boolean.
	Type  string `json:"type"`
	Label string `json:"label"`
}

// Decode reads the JSON of a request; what it does not know is an issue. It is not
// compiled yet. The error is an *define.InvalidError, or that of the JSON package
// for what is not JSON of this shape.
func Decode(data []byte, into any, unknown *map[string]jsontext.Value) error {
	if err := unmarshal(data, into); err != nil {
		return err
	}
	var issues define.Issues
	for name := range *unknown {
		issues.Add("/"+pointerToken(name), "unknown", "is not a field of this request")
	}
	*unknown = nil
	return issues.Err()
}

// DecodeRequest is Decode for a report.
func DecodeRequest(data []byte) (Request, error) {
	var r Request
	err := Decode(data, &r, &r.Unknown)
	return r, err
}

// Raw returns the JSON of any value that has one, null otherwise.
func Raw(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return data
}
