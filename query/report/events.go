package report

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query"
	"github.com/tributary-events/tributary/query/define"
)

// EventsRequest is the body of POST /api/v1/reports/events: the part of a report that
// says which events it counts.
type EventsRequest struct {
	Time        Time            `json:"time,omitzero"`
	Filters     []define.Filter `json:"filters,omitempty"`
	Connections []string        `json:"connections,omitempty"`
	// Limit is how many events are wanted at most: absent = 100.
	Limit *int `json:"limit,omitempty"`

	Unknown map[string]jsontext.Value `json:",embed"`
}

const (
	defaultEvents = 100
	maxEvents     = 1_000
	// eventsMemory bounds the payloads of one answer: a single one may have 300 kB.
	eventsMemory = 16 << 20
)

// Found is an event behind a report, with its connection.
type Found struct {
	ConnectionID uuid.UUID `json:"connection_id"`
	Connection   string    `json:"connection"`
	EventSource  string    `json:"event_source"`
	EventObject  string    `json:"event_object"`
	query.StoredEvent
}

// EventsPlan is a compiled request for the events behind a report.
type EventsPlan struct {
	plan  *Plan
	limit int
}

// DecodeEvents is Decode for the events behind a report.
func DecodeEvents(data []byte) (EventsRequest, error) {
	var r EventsRequest
	err := Decode(data, &r, &r.Unknown)
	return r, err
}

// CompileEvents checks a request and compiles it, as Compile does. On a field with
// several values a filter holds for the event if it holds for any of them.
func CompileEvents(request EventsRequest, catalog Catalog, now time.Time) (*EventsPlan, error) {
	// A metric is what makes it a report; it is not asked for.
	plan, err := Compile(Request{
		Metrics: []string{"count"}, Time: request.Time, Filters: request.Filters, Connections: request.Connections,
	}, catalog, now)
	issues := &define.Issues{}
	if request.Time.Granularity != "" {
		issues.Add("/time/granularity", "unknown", "is of no use here: events are not put into buckets")
	}
	p := &EventsPlan{plan: plan, limit: defaultEvents}
	if l := request.Limit; l != nil {
		if *l < 1 || *l > maxEvents {
			issues.Add("/limit", "range", "must be between 1 and %d", maxEvents)
		}
		p.limit = *l
	}
	if err != nil {
		return nil, err
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Statement returns the SQL: the newest events by their own time. Their
// payloads are written as text behind the limit, and no more of them than the memory
// for one answer holds.
func (p *EventsPlan) Statement() Query {
	e := p.plan.env
	columns := []string{
		"connection_id", "event_id", "event_timestamp", "event_email", "event_adb_cdt", "event_payload", "received_at",
	}
	for _, c := range e.columns { // what the filters read
		columns = append(columns, e.expression(c)+" AS "+c.alias)
	}
	columns = append(columns, "connection_id AS cid")
	const own = "connection_id, event_id, event_timestamp, event_email, event_adb_cdt"
	// As a number: the driver's times end in the year 2262.
	const read = "connection_id, event_id, toUnixTimestamp64Milli(event_timestamp), event_email, event_adb_cdt"
	var b strings.Builder
	b.WriteString("SELECT " + read + ", payload, received_at\nFROM (\nSELECT *, sum(length(payload)) OVER (ORDER BY event_timestamp DESC, connection_id, event_id ROWS UNBOUNDED PRECEDING) AS size\nFROM (\nSELECT " +
		own + ", toJSONString(event_payload) AS payload, received_at\nFROM ")
	b.WriteString(e.events(once, columns, p.plan.Range, p.plan.where))
	b.WriteString("\nORDER BY event_timestamp DESC, connection_id, event_id\nLIMIT " + strconv.Itoa(p.limit) + "\n)\n)\nWHERE size <= " + strconv.Itoa(eventsMemory) +
		"\nORDER BY event_timestamp DESC, connection_id, event_id")
	return e.finish(b.String())
}

// Events returns the events behind a report, newest first. Errors are those of Run.
func (r *Runner) Events(ctx context.Context, p *EventsPlan) ([]Found, error) {
	byID := make(map[uuid.UUID]*Connection, len(p.plan.env.catalog.Connections))
	for i := range p.plan.env.catalog.Connections {
		c := &p.plan.env.catalog.Connections[i]
		byID[c.ID] = c
	}
	rows, cancel, err := r.query(ctx, p.Statement())
	if err != nil {
		return nil, err
	}
	defer cancel()
	defer func() { _ = rows.Close() }() // Err below tells what matters
	found := []Found{}
	for rows.Next() {
		var f Found
		var email, cdt, payload string
		var at int64
		if err := rows.Scan(&f.ConnectionID, &f.EventID, &at, &email, &cdt, &payload, &f.ReceivedAt); err != nil {
			return nil, fmt.Errorf("read events of a report: %w", err)
		}
		f.EventTimestamp, f.ReceivedAt = time.UnixMilli(at).UTC(), f.ReceivedAt.UTC()
		f.EventEmail, f.EventADBCDT, f.EventPayload = query.OrNil(email), query.OrNil(cdt), json.RawMessage(payload)
		if c := byID[f.ConnectionID]; c != nil {
			f.Connection, f.EventSource, f.EventObject = c.Name, c.EventSource, c.EventObject
		}
		found = append(found, f)
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return found, nil
}
