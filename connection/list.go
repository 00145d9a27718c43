package connection

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// List returns a page of connections, newest first, from memory. Errors:
// *InvalidError for a bad limit or cursor, ErrUnavailable before anything could
// be loaded. A connection made or deleted between two pages moves no other.
func (s *Service) List(_ context.Context, opts ListOptions) (Page, error) {
	limit := opts.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 1 || limit > MaxLimit {
		return Page{}, invalid("limit", "range", fmt.Sprintf("must be between 1 and %d", MaxLimit))
	}
	v := s.registry.view.Load()
	if v == nil {
		return Page{}, fmt.Errorf("list connections: %w", ErrUnavailable)
	}
	rest := v.order
	if opts.Cursor != "" {
		after, ok := decodeCursor(opts.Cursor)
		if !ok {
			return Page{}, invalid("cursor", "invalid", "must be the next_cursor of a page before")
		}
		i, found := slices.BinarySearchFunc(rest, after, func(t *Target, p position) int {
			return comparePosition(positionOf(t.settings.Load()), p)
		})
		if found {
			i++
		}
		rest = rest[i:]
	}
	search := strings.ToLower(strings.TrimSpace(opts.Search))
	var page Page
	for _, t := range rest {
		c := t.settings.Load()
		if !c.matches(search) {
			continue
		}
		if len(page.Connections) == limit {
			page.Next = encodeCursor(positionOf(&page.Connections[limit-1].Connection))
			break
		}
		if d, ok := t.detail(); ok {
			page.Connections = append(page.Connections, d)
		}
	}
	return page, nil
}

// matches says whether a lower-case text occurs in what people see of the connection.
func (c *Connection) matches(search string) bool {
	if search == "" {
		return true
	}
	for _, text := range []string{c.Name, c.EventSource, c.EventObject, c.ID.String()} {
		if strings.Contains(strings.ToLower(text), search) {
			return true
		}
	}
	return false
}

func encodeCursor(p position) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(p.created))
	return base64.RawURLEncoding.EncodeToString(append(b, p.id[:]...))
}

func decodeCursor(s string) (position, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 8+len(uuid.UUID{}) {
		return position{}, false
	}
	return position{created: int64(binary.BigEndian.Uint64(b)), id: uuid.UUID(b[8:])}, true
}
