package migrations

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// codeQueryRunning is ClickHouse's QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
const codeQueryRunning = 216

var errLockLost = errors.New("the lock on migrations was lost: its connection to the server broke")

// lock is mutual exclusion between all processes that migrate one database on one
// server. ClickHouse has no locks, but it refuses a query whose id is running
// already; so the holder keeps an endless query running. It ends with its
// connection, within a tenth of a second after the holder was killed: it sends
// a row that often, and over HTTP it is also cancelled when the client goes.
type lock struct {
	conn driver.Conn // to ask with
	// open makes a pool for the holder alone. A new connection of a shared one
	// would greet the server under the lock's query id.
	open func() (driver.Conn, error)
	id   string
}

// acquire waits for the lock until ctx is done. The context returned ends with
// ctx, or with errLockLost as its cause when the lock is lost. release gives the
// lock back; call it once.
func (l *lock) acquire(ctx context.Context) (held context.Context, release func(), err error) {
	for {
		// Asking first: a refused try is an error in the server's log.
		n, err := l.running(ctx, "")
		if err == nil && n == 0 {
			held, release, err = l.try(ctx)
			if err == nil {
				return held, release, nil
			}
		}
		var e *clickhouse.Exception
		if err != nil && (!errors.As(err, &e) || e.Code != codeQueryRunning) {
			return nil, nil, err
		}
		if err := pause(ctx, 50*time.Millisecond+mathrand.N(50*time.Millisecond)); err != nil {
			return nil, nil, fmt.Errorf("wait for another migration to end: %w", err)
		}
	}
}

// try takes the lock, or returns the server's exception where another has it.
func (l *lock) try(ctx context.Context) (context.Context, func(), error) {
	conn, err := l.open()
	if err != nil {
		return nil, nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	mark := rand.Text()
	query, stop := context.WithCancel(ctx)
	var (
		done  = make(chan struct{})
		ended error
	)
	go func() {
		defer close(done)
		ended = errors.Join(l.hold(query, conn, mark), conn.Close())
	}()
	mine, err := l.wait(query, mark, done)
	if !mine {
		stop()
		<-done
		return nil, nil, cmp.Or(err, ended, errLockLost)
	}
	held, lose := context.WithCancelCause(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		<-done
		lose(errLockLost)
	}()
	return held, func() {
		stop()
		<-gone
	}, nil
}

// wait returns true once the query that is so marked runs, false once it ended.
func (l *lock) wait(ctx context.Context, mark string, ended <-chan struct{}) (bool, error) {
	for {
		select {
		case <-ended:
			return false, nil
		default:
		}
		n, err := l.running(ctx, "lock "+mark)
		if n > 0 || err != nil {
			return err == nil, err
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// hold runs the query that is the lock until ctx ends or it breaks.
func (l *lock) hold(ctx context.Context, conn driver.Conn, mark string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithQueryID(l.id), clickhouse.WithSettings(clickhouse.Settings{
		"max_block_size":        1, // a row at a time
		"max_execution_time":    0, // no limit of a profile may end it
		"max_rows_to_read":      0,
		"max_result_rows":       0,
		"replace_running_query": 0,
		"log_queries":           0,
		"readonly":              2, // what may be cancelled when an HTTP client goes
		"cancel_http_readonly_queries_on_client_close": 1,
	}))
	rows, err := conn.Query(ctx, "SELECT sleepEachRow(0.1) FROM system.numbers /* lock "+mark+" */")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() { // nothing of interest comes, but it has to be taken
	}
	return rows.Err()
}

// running counts the queries of the lock's id that contain a text: 0 or 1.
func (l *lock) running(ctx context.Context, text string) (n uint64, err error) {
	err = l.conn.QueryRow(ctx, "SELECT count() FROM system.processes WHERE query_id = ? AND position(query, ?) > 0",
		l.id, text).Scan(&n)
	return n, err
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
