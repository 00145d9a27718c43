package connection

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// snapshotFile is the local copy of the registry: a collector that starts while
// the store is down goes on with it. It is replaced as a whole, so that a crash
// leaves the old or the new one.
type snapshotFile struct {
	path string      // empty = none
	due  atomic.Bool // something has changed since it was written
	mu   sync.Mutex
	last time.Time // when it was written
}

// snapshotPause is the least time between two copies, so that a thousand changes
// in a row do not write thousands of long files.
const snapshotPause = time.Second

// snapshot is the file's content.
type snapshot struct {
	Version     int                  `json:"version"`
	Connections []snapshotConnection `json:"connections"`
	Own         []snapshotCount      `json:"own"`    // of this collector
	Others      []snapshotCount      `json:"others"` // of all others together
}

const snapshotVersion = 1

type snapshotConnection struct {
	ID             uuid.UUID       `json:"id"`
	Name           string          `json:"name"`
	EventSource    string          `json:"event_source"`
	EventObject    string          `json:"event_object"`
	AllowAnonymous bool            `json:"allow_anonymous"`
	Paused         bool            `json:"paused"`
	RetentionDays  int             `json:"retention_days,omitempty"`
	Token          string          `json:"token"`
	Previous       []snapshotToken `json:"previous,omitempty"`
	CreatedAt      time.Time       `json:"created_at"`
	UpdatedAt      time.Time       `json:"updated_at"`
	RowVersion     uint64          `json:"row_version"`
	Deleted        bool            `json:"deleted,omitempty"`
}

type snapshotToken struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

type snapshotCount struct {
	ConnectionID   uuid.UUID `json:"connection_id"`
	EventsReceived uint64    `json:"events_received"`
	FirstEventAt   time.Time `json:"first_event_at"`
	LastEventAt    time.Time `json:"last_event_at"`
}

// changed notes that the local copy is out of date, and renews it at once unless
// that happened a moment ago: then Run does it within a second or so.
func (s *Service) changed() {
	s.snapshot.due.Store(true)
	s.snapshot.mu.Lock()
	recent := time.Since(s.snapshot.last) < snapshotPause
	s.snapshot.mu.Unlock()
	if !recent {
		s.writeSnapshot()
	}
}

// writeSnapshot renews the local copy if it is out of date. A failure is only
// told: the store has all.
func (s *Service) writeSnapshot() {
	if s.snapshot.path == "" || !s.registry.Ready() || !s.snapshot.due.Swap(false) {
		return
	}
	s.snapshot.mu.Lock()
	defer s.snapshot.mu.Unlock()
	s.snapshot.last = time.Now()
	// Read under the lock, so that an older state never replaces a newer one.
	own, others := s.registry.bothCounts()
	data, err := encodeSnapshot(s.registry.allRows(), own, others)
	if err == nil {
		err = writeFile(s.snapshot.path, data)
	}
	if err != nil {
		s.cfg.Logger.Error("could not keep the local copy of connections", "path", s.snapshot.path, "error", err)
	}
}

// loadSnapshot fills the registry from the local copy.
func (s *Service) loadSnapshot() error {
	if s.snapshot.path == "" {
		return errors.New("no local copy is kept")
	}
	data, err := os.ReadFile(s.snapshot.path)
	if err != nil {
		return fmt.Errorf("read the local copy of connections: %w", err)
	}
	rows, own, others, err := decodeSnapshot(data)
	if err != nil {
		return fmt.Errorf("read the local copy of connections %s: %w", s.snapshot.path, err)
	}
	s.registry.merge(rows, false, s.cfg.Now())
	s.registry.storedCounts(own, others)
	return nil
}

func encodeSnapshot(rows []row, own, others []Count) ([]byte, error) {
	file := snapshot{Version: snapshotVersion, Own: toSnapshot(own), Others: toSnapshot(others)}
	for _, r := range rows {
		c := snapshotConnection{
			ID: r.ID, Name: r.Name, EventSource: r.EventSource, EventObject: r.EventObject,
			AllowAnonymous: r.AllowAnonymous, Paused: r.Paused, RetentionDays: r.RetentionDays, Token: r.Token,
			CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, RowVersion: r.version, Deleted: r.deleted,
		}
		for _, g := range r.Previous {
			c.Previous = append(c.Previous, snapshotToken(g))
		}
		file.Connections = append(file.Connections, c)
	}
	return json.MarshalIndent(file, "", " ")
}

func decodeSnapshot(data []byte) (rows []row, own, others []Count, err error) {
	var file snapshot
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, nil, nil, err
	}
	if file.Version != snapshotVersion {
		return nil, nil, nil, fmt.Errorf("its version is %d, not %d", file.Version, snapshotVersion)
	}
	for _, c := range file.Connections {
		r := row{deleted: c.Deleted, Connection: Connection{
			ID: c.ID, Name: c.Name, EventSource: c.EventSource, EventObject: c.EventObject,
			AllowAnonymous: c.AllowAnonymous, Paused: c.Paused, RetentionDays: c.RetentionDays, Token: c.Token,
			CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, version: c.RowVersion,
		}}
		for _, g := range c.Previous {
			r.Previous = append(r.Previous, GraceToken(g))
		}
		rows = append(rows, r)
	}
	return rows, fromSnapshot(file.Own), fromSnapshot(file.Others), nil
}

func toSnapshot(counts []Count) []snapshotCount {
	out := make([]snapshotCount, len(counts))
	for i, c := range counts {
		out[i] = snapshotCount{c.ConnectionID, c.EventsReceived, c.FirstEventAt, c.LastEventAt}
	}
	return out
}

func fromSnapshot(counts []snapshotCount) []Count {
	out := make([]Count, len(counts))
	for i, c := range counts {
		out[i] = Count{c.ConnectionID, Stats{c.EventsReceived, c.FirstEventAt, c.LastEventAt}}
	}
	return out
}

// writeFile replaces a file by way of another one beside it, both synced, so that
// not even a power cut leaves a torn one. What a crash leaves beside it has a
// fixed name and is written over by the next call.
func writeFile(path string, data []byte) error {
	temp := path + ".tmp"
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
