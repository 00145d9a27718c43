package importer

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store, and what accepts events.
type memory struct {
	mu      sync.Mutex
	imports map[uuid.UUID]Import
	rows    map[uuid.UUID]map[uint32]map[int64]RefusedRow
	events  map[string]string // the payload of each event_id that was accepted, last wins
	order   []string          // event_ids as they were accepted
	batches int
	// fault is asked before every batch.
	fault func(batch int) error
	away  bool // the store does not answer
}

func newMemory() *memory {
	return &memory{imports: map[uuid.UUID]Import{}, rows: map[uuid.UUID]map[uint32]map[int64]RefusedRow{}, events: map[string]string{}}
}

func (m *memory) Accept(_ context.Context, _ uuid.UUID, body []byte) (int, []event.Warning, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches++
	if m.fault != nil {
		if err := m.fault(m.batches); err != nil {
			return 0, nil, err
		}
	}
	if len(body) > event.MaxBody {
		return 0, nil, errors.New("a body is larger than a webhook's may be")
	}
	b, err := event.NewDecoder().Decode(body, event.Options{AllowAnonymous: true})
	if err != nil {
		return 0, nil, err
	}
	for _, e := range b.Events {
		payload := ""
		if e.Payload != 0 {
			payload = string(event.AppendPayload(nil, b, e.Payload))
		}
		id := string(b.Text(e.ID))
		m.events[id] = payload
		m.order = append(m.order, id)
	}
	return len(b.Events), b.Warnings, nil
}

func (m *memory) Save(_ context.Context, x *Import) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return ErrUnavailable
	}
	m.imports[x.ID] = *x
	return nil
}

func (m *memory) Load(_ context.Context, connection, id uuid.UUID) (Import, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.imports[id]
	return x, ok && x.Connection == connection, nil
}

func (m *memory) List(context.Context, uuid.UUID, int) ([]Import, error) { return nil, nil }

func (m *memory) Refuse(_ context.Context, x *Import, rows []RefusedRow) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return ErrUnavailable
	}
	if m.rows[x.ID] == nil {
		m.rows[x.ID] = map[uint32]map[int64]RefusedRow{}
	}
	if m.rows[x.ID][x.run] == nil {
		m.rows[x.ID][x.run] = map[int64]RefusedRow{}
	}
	for _, r := range rows {
		m.rows[x.ID][x.run][r.Row] = r
	}
	return nil
}

func (m *memory) Refused(_ context.Context, x *Import, do func(RefusedRow) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(m.rows[x.ID][x.run])) {
		if err := do(m.rows[x.ID][x.run][n]); err != nil {
			return err
		}
	}
	return nil
}

var crm = uuid.MustParse("11111111-1111-4111-8111-111111111111")

func newService(t testing.TB, m *memory) *Service {
	t.Helper()
	s, err := New(Config{Accept: m.Accept, Store: m, AllowAnonymous: func(uuid.UUID) bool { return false }, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// guessed is the plan of a whole file; the test fails if it leaves something open.
func guessed(t testing.TB, s *Service, text string, given *Plan) *Plan {
	t.Helper()
	g := guess(t, s, text, given)
	if len(g.Questions) > 0 {
		t.Fatalf("questions: %+v", g.Questions)
	}
	return g.Plan
}

func guess(t testing.TB, s *Service, text string, given *Plan) *Guess {
	t.Helper()
	g, err := s.Guess(Part{Head: strings.NewReader(text), Whole: true}, given, false)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// imported runs an import of a text to its end.
func imported(t testing.TB, s *Service, plan *Plan, body io.Reader) Import {
	t.Helper()
	x, err := s.Run(t.Context(), Job{ID: uuid.New(), Connection: crm, Name: "file", Plan: plan, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (s *Service) refusedText(t testing.TB, x Import) string {
	t.Helper()
	var b strings.Builder
	if err := s.WriteRefused(t.Context(), &x, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
