package collector_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/event"
)

// key identifies an event for deduplication.
type key struct {
	connection uuid.UUID
	id         string
}

// stored is an event as a store keeps it.
type stored struct {
	timestamp  int64
	email      string
	payload    string
	receivedAt int64
}

// memory is a Store that behaves as ClickHouse with ReplacingMergeTree does: of
// the rows of one key the one with the highest received_at remains.
type memory struct {
	mu      sync.Mutex
	rows    map[key]stored
	refused []collector.Refused
	inserts int
	// fault is asked before every insert; lost answers (the rows are stored and
	// an error is returned all the same) are what a broken connection looks like.
	fault func(b *memoryBlock) (err error, lost bool)
	away  bool // Ping fails
}

func newMemory() *memory { return &memory{rows: map[key]stored{}} }

type memoryRow struct {
	key
	stored
}

type memoryBlock struct {
	all  []memoryRow
	size int
}

func (m *memory) NewBlock() collector.Block { return &memoryBlock{} }

func (b *memoryBlock) Append(connection uuid.UUID, receivedAt int64, batch *event.Batch, from, to int) {
	for i := from; i < to; i++ {
		e := &batch.Events[i]
		row := memoryRow{
			key{connection, string(batch.Text(e.ID))},
			stored{timestamp: e.Timestamp, email: string(batch.Text(e.Email)), receivedAt: receivedAt + int64(i)},
		}
		if e.Payload != 0 {
			row.payload = string(event.AppendPayload(nil, batch, e.Payload))
		}
		b.all = append(b.all, row)
		b.size += 100 + len(row.payload)
	}
}

func (b *memoryBlock) Rows() int { return len(b.all) }
func (b *memoryBlock) Size() int { return b.size }
func (b *memoryBlock) Reset()    { *b = memoryBlock{} }

func (b *memoryBlock) contains(text string) bool {
	return slices.ContainsFunc(b.all, func(r memoryRow) bool { return strings.Contains(r.payload, text) })
}

func (m *memory) Insert(ctx context.Context, b collector.Block) error {
	rows := b.(*memoryBlock)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fault != nil {
		if err, lost := m.fault(rows); err != nil {
			if lost {
				m.put(rows)
			}
			return err
		}
	}
	m.inserts++
	m.put(rows)
	return nil
}

func (m *memory) put(b *memoryBlock) {
	for _, r := range b.all {
		if old, ok := m.rows[r.key]; !ok || r.receivedAt >= old.receivedAt {
			m.rows[r.key] = r.stored
		}
	}
}

func (m *memory) Ping(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errors.New("away")
	}
	return nil
}

func (m *memory) Refuse(_ context.Context, refused []collector.Refused) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = append(m.refused, refused...)
	return nil
}

func (m *memory) Trim(context.Context, int) error { return nil }

func (m *memory) breaks(fault func(b *memoryBlock) (error, bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

func (m *memory) snapshot() map[key]stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.rows)
}

func (m *memory) kept() []collector.Refused {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.refused)
}

var (
	errNetwork = errors.New("connection reset by peer")
	errData    = &clickhouse.Exception{Code: 117, Name: "INCORRECT_DATA", Message: "Cannot parse this value"}
	errParts   = &clickhouse.Exception{Code: 252, Name: "TOO_MANY_PARTS", Message: "Too many parts"}
)

func eventually(within time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}
