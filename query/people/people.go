// Package people answers what one person did: the events of an address and of what
// belongs to it.
//
// Which events are a person's, in one step and no further:
//   - asked by an address: its events, compared regardless of case, and the events whose
//     event_adb_cdt occurs with that address;
//   - asked by an event_adb_cdt: its events, and the events of the addresses that it
//     occurs with.
//
// An event_adb_cdt that occurs with more than MaxAddresses addresses stands for nobody
// and is not followed, nor are more than MaxLinks of either kind.
//
// Invariants: every event comes once, in its copy received last, and a page never takes
// more memory than a window of keys, however many events there are.
package people

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query"
)

// Bounds of following from one name of a person to another, and of a page.
const (
	MaxAddresses = 10
	MaxLinks     = 1000
	DefaultLimit = 50
	MaxLimit     = 500
)

const timeout = 30 * time.Second

// window is how many copies are looked at for a page at once.
const window = 5000

// ErrCursor says that a cursor is none that a page gave.
var ErrCursor = errors.New("not the next_cursor of a page before")

// Name is what a person is asked for by: one of both.
type Name struct {
	Email string
	CDT   string
}

// Event is a stored event with where it belongs.
type Event struct {
	ConnectionID uuid.UUID `json:"connection_id"`
	Connection   string    `json:"connection"`
	EventSource  string    `json:"event_source"`
	EventObject  string    `json:"event_object"`
	query.StoredEvent
}

// Page is one page of a history, newest event first. Next is empty on the last.
type Page struct {
	Events []Event
	Next   string
}

// History reads histories. It is safe for concurrent use.
type History struct {
	conn driver.Conn
}

// New returns a History over a connection whose default database holds the tables.
func New(conn driver.Conn) *History { return &History{conn: conn} }

// place is where an event stands in a history.
type place struct {
	At         int64     `json:"t"` // event_timestamp in ms
	Connection uuid.UUID `json:"c"`
	ID         string    `json:"i"`
}

// Events returns a page of 1 to MaxLimit events behind a cursor, empty = from the
// newest. Errors: ErrCursor, query.ErrUnavailable.
func (h *History) Events(ctx context.Context, name Name, cursor string, limit int) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var behind *place
	if cursor != "" {
		data, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || json.Unmarshal(data, &behind) != nil || behind == nil {
			return Page{}, ErrCursor
		}
	}
	var page Page
	for {
		events, err := h.read(ctx, name, behind, limit+1-len(page.Events))
		if err != nil {
			return Page{}, fmt.Errorf("read a person's events: %w: %w", query.ErrUnavailable, err)
		}
		page.Events = append(page.Events, events...)
		if len(page.Events) > limit {
			page.Events = page.Events[:limit]
			last := page.Events[limit-1]
			text, err := json.Marshal(place{last.EventTimestamp.UnixMilli(), last.ConnectionID, last.EventID})
			if err != nil {
				return Page{}, fmt.Errorf("write cursor: %w", err)
			}
			page.Next = base64.RawURLEncoding.EncodeToString(text)
			return page, nil
		}
		// Copies that another one has replaced fill windows too: look behind this one.
		end, full, err := h.end(ctx, name, behind)
		if err != nil {
			return Page{}, fmt.Errorf("read a person's events: %w: %w", query.ErrUnavailable, err)
		}
		if !full {
			return page, nil
		}
		behind = &end
	}
}

func (h *History) context(ctx context.Context, name Name, behind *place, limit int) context.Context {
	p := clickhouse.Parameters{
		"email": name.Email, "cdt": name.CDT, "limit": strconv.Itoa(limit), "window": strconv.Itoa(window),
		"addresses": strconv.Itoa(MaxAddresses), "links": strconv.Itoa(MaxLinks),
	}
	if behind != nil {
		p["at"], p["connection"], p["id"] = strconv.FormatInt(behind.At, 10), behind.Connection.String(), behind.ID
	}
	return clickhouse.Context(ctx, clickhouse.WithParameters(p), clickhouse.WithSettings(clickhouse.Settings{
		"output_format_json_quote_64bit_integers": 0, "json_type_escape_dots_in_keys": 1,
	}))
}

func (h *History) read(ctx context.Context, name Name, behind *place, limit int) (events []Event, err error) {
	rows, err := h.conn.Query(h.context(ctx, name, behind, limit), eventsSQL(name, behind != nil))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			e                   Event
			email, cdt, payload string
			at                  int64 // ms; the driver's own times end in the year 2262
		)
		if err := rows.Scan(&e.ConnectionID, &e.Connection, &e.EventSource, &e.EventObject,
			&e.EventID, &at, &email, &cdt, &payload, &e.ReceivedAt); err != nil {
			return nil, err
		}
		e.EventTimestamp, e.ReceivedAt = time.UnixMilli(at).UTC(), e.ReceivedAt.UTC()
		e.EventEmail, e.EventADBCDT, e.EventPayload = query.OrNil(email), query.OrNil(cdt), json.RawMessage(payload)
		events = append(events, e)
	}
	return events, rows.Err()
}

// end returns the last place of the window behind a place; full is false where the
// window holds all there is.
func (h *History) end(ctx context.Context, name Name, behind *place) (p place, full bool, err error) {
	var n uint64
	err = h.conn.QueryRow(h.context(ctx, name, behind, 1), endSQL(name, behind != nil)).Scan(&n, &p.At, &p.Connection, &p.ID)
	return p, n >= window, err
}
