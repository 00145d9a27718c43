package collector

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/feed"
)

func (x Accepted) view() feed.Request {
	return feed.Request{
		ID: x.ID, ReceivedAt: x.At, Outcome: feed.Accepted, Status: http.StatusCreated,
		Events: x.Events, Warnings: x.Warnings, Bytes: int64(x.Bytes),
	}
}

func (x *Refused) view() feed.Request {
	v := feed.Request{
		ID: x.ID, ReceivedAt: x.ReceivedAt, Outcome: feed.Refused, Status: x.Status, Bytes: x.Size,
		Body: string(x.Body), BodyEncoding: "text", Complete: int64(len(x.Body)) == x.Size,
	}
	if x.Kind == RefusedEvent {
		v.Outcome, v.Status = feed.EventRefused, http.StatusCreated
	}
	if json.Valid([]byte(x.Reason)) {
		v.Reason = json.RawMessage(x.Reason)
	}
	if !utf8.Valid(x.Body) {
		v.Body, v.BodyEncoding = base64.StdEncoding.EncodeToString(x.Body), "base64"
	}
	return v
}

func requestMessage(r feed.Request) feed.Message {
	b, err := json.Marshal(r)
	if err != nil {
		b = []byte("{}") // only a broken Reason could be at fault, and that was checked
	}
	return feed.Message{Kind: feed.KindRequest, Data: b}
}

// RefusedReader reads what was refused from the store.
type RefusedReader interface {
	// Refused returns the newest refused requests and events of a connection,
	// newest first; id asks for one alone, unless it is uuid.Nil. kind keeps
	// those of one kind, unless it is empty.
	Refused(ctx context.Context, connection, id uuid.UUID, kind RefusedKind, limit int) ([]Refused, error)
}

// Requests lists recent requests: accepted ones of this collector from memory,
// refused ones of all collectors from the store.
type Requests struct {
	Activity *Activity
	Store    RefusedReader
}

// Recent returns what q asks for, newest first.
func (l Requests) Recent(ctx context.Context, q feed.Query) ([]feed.Request, error) {
	var out []feed.Request
	if q.Outcome != feed.Accepted {
		kind := RefusedKind("")
		if q.Outcome == feed.EventRefused {
			kind = RefusedEvent
		}
		refused, err := l.Store.Refused(ctx, q.Connection, uuid.Nil, kind, q.Limit)
		if err != nil {
			return nil, err
		}
		for i := range refused {
			out = append(out, refused[i].view())
		}
	}
	if q.Outcome == "" || q.Outcome == feed.Accepted {
		for _, x := range l.Activity.Recent(q.Connection, q.Limit) {
			out = append(out, x.view())
		}
	}
	slices.SortStableFunc(out, func(a, b feed.Request) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	return out[:min(len(out), q.Limit)], nil
}

// ByID returns one request of a connection; found is false where there is none.
func (l Requests) ByID(ctx context.Context, connection, id uuid.UUID) (r feed.Request, found bool, err error) {
	for _, x := range l.Activity.Recent(connection, recentAccepted) {
		if x.ID == id {
			return x.view(), true, nil
		}
	}
	refused, err := l.Store.Refused(ctx, connection, id, "", 1)
	if err != nil || len(refused) == 0 {
		return feed.Request{}, false, err
	}
	return refused[0].view(), true, nil
}

// appendLive appends an event as the live feed shows it: as it was posted, and when.
func appendLive(dst []byte, b *event.Batch, i int, receivedAt int64) []byte {
	dst = appendEvent(dst, b, i)
	dst = append(dst[:len(dst)-1], `,"received_at":`...)
	dst = strconv.AppendQuote(dst, time.UnixMicro(receivedAt).UTC().Format("2006-01-02T15:04:05.000000Z"))
	return append(dst, '}')
}
