package privacy_test

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/privacy"
)

// event_keys, which knows events by a hash alone, loses the keys of what goes, and no others.
func TestKeysGoWithTheirEvents(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	add := func(connection uuid.UUID, id, email string, age time.Duration) {
		t.Helper()
		sum := sha256.Sum256(append(connection[:], id...))
		at := now.Add(-age)
		if err := f.conn.Exec(t.Context(), "INSERT INTO event_keys VALUES (?, ?, now64(6))", string(sum[:16]), at); err != nil {
			t.Fatal(err)
		}
		if err := f.conn.Exec(t.Context(), `INSERT INTO events (connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)
			SELECT ?, ?, ?, ?, '', '{}', now64(6)`, connection, id, at, email); err != nil {
			t.Fatal(err)
		}
	}
	const day = 24 * time.Hour
	add(shop, "ada", "ada@example.com", 0)
	add(shop, "ada", "ada@example.com", 3*day)
	add(shop, "grace", "grace@example.com", 0)
	add(shop, "grace", "grace@example.com", 40*day) // the copy received last is too old
	add(shop, "new", "grace@example.com", 1*day)
	add(crm, "ada", "grace@example.com", 50*day) // the same id, another connection
	wantKeys := func(when string, want uint64) {
		t.Helper()
		if n := f.number("SELECT count() FROM event_keys FINAL"); n != want {
			t.Errorf("%s: %d keys, want %d", when, n, want)
		}
	}
	wantKeys("before", 6)
	e := f.eraser(nil)
	if r, err := e.Erase(t.Context(), "ada@example.com", ""); err != nil || r.EventsErased != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	wantKeys("after the erasure", 4)
	j, err := privacy.NewJanitor(privacy.JanitorConfig{
		Conn: f.conn, Database: f.database, Logger: slog.New(slog.DiscardHandler),
		Connections: func(context.Context) ([]privacy.Kept, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Apply(t.Context(), shop, 30); err != nil {
		t.Fatal(err)
	}
	wantKeys("after the retention", 2)
	if left := f.left(); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if err := f.conn.Exec(t.Context(), "INSERT INTO connections (id, version, deleted) VALUES (?, 1, true)", crm); err != nil {
		t.Fatal(err)
	}
	if err := j.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKeys("after the deletion of a connection", 1)
	if left := f.left(); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if n := f.number("SELECT count() FROM erasure_work"); n != 0 {
		t.Errorf("%d ids are left behind", n)
	}
}
