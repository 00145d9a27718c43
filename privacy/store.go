package privacy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

const storeTimeout = 20 * time.Second

// store keeps erasures and the key in the tables that the migrations make. Its errors
// wrap ErrUnavailable.
type store struct {
	conn driver.Conn
}

// key returns the key of all hashes, which the first call ever makes.
func (s store) key(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	key, err := s.readKey(ctx)
	if err != nil || key != nil {
		return key, err
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // does not fail: it ends the program where there is no randomness
	err = s.insert(ctx, "INSERT INTO erasure_key (id, key, created_at)", uuid.New(), hex.EncodeToString(fresh), time.Now().UTC())
	if err != nil {
		return nil, err
	}
	// Another collector may have been first.
	return s.readKey(ctx)
}

func (s store) readKey(ctx context.Context) ([]byte, error) {
	rows, err := s.conn.Query(ctx, "SELECT key FROM erasure_key ORDER BY created_at, id LIMIT 1")
	if err != nil {
		return nil, unavailable("read the key of erasures", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var key []byte
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, unavailable("read the key of erasures", err)
		}
		if key, err = hex.DecodeString(text); err != nil {
			return nil, fmt.Errorf("the key of erasures is damaged: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("read the key of erasures", err)
	}
	return key, nil
}

// save keeps a receipt in place of the one with its id.
func (s store) save(ctx context.Context, r Receipt, prefilter uint32) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	return s.insert(ctx, "INSERT INTO erasures (id, email_hash, prefilter, finished, requested_by, started_at, receipt, version)",
		r.ID, r.EmailHash, prefilter, r.Finished, r.RequestedBy, r.StartedAt, string(text), uint64(time.Now().UnixMicro()))
}

func (s store) insert(ctx context.Context, query string, row ...any) error {
	batch, err := s.conn.PrepareBatch(ctx, query)
	if err != nil {
		return unavailable("keep erasure", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	if err := batch.Append(row...); err != nil {
		return unavailable("keep erasure", err)
	}
	if err := batch.Send(); err != nil {
		return unavailable("keep erasure", err)
	}
	return nil
}

// list returns all receipts, newest first, each with its prefilter.
func (s store) list(ctx context.Context) ([]Receipt, []entry, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rows, err := s.conn.Query(ctx, "SELECT receipt, email_hash, prefilter FROM erasures FINAL ORDER BY started_at DESC, id")
	if err != nil {
		return nil, nil, unavailable("list erasures", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	receipts, people := []Receipt{}, []entry{}
	for rows.Next() {
		var (
			text, sum string
			r         Receipt
			e         entry
			ok        bool
		)
		if err := rows.Scan(&text, &sum, &e.prefilter); err != nil {
			return nil, nil, unavailable("list erasures", err)
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return nil, nil, fmt.Errorf("read receipt: %w", err)
		}
		if e.hash, ok = parseHash(sum); !ok {
			return nil, nil, fmt.Errorf("erasure %s has no hash", r.ID)
		}
		receipts, people = append(receipts, r), append(people, e)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, unavailable("list erasures", err)
	}
	return receipts, people, nil
}

func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
}
