package privacy

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
)

// maxPerCDT is the greatest number of addresses that one event_adb_cdt may occur with
// and still stand for a person.
const maxPerCDT = 10

// work is the list of what one erasure deletes, in the table erasure_work. The address
// is bound as a parameter in every statement.
type work struct {
	remover *remover
	id      uuid.UUID
	address string
}

// person is the condition for the person's own events.
const person = "lowerUTF8(event_email) IN ({address:String}, lowerUTF8({address:String}))"

// theirs adds anonymous events whose event_adb_cdt is the person's.
const theirs = "(" + person + ` OR event_email = '' AND event_adb_cdt GLOBAL IN (
        SELECT id FROM erasure_work WHERE work = {work:UUID} AND kind = 'cdt'))`

// findCDT notes the event_adb_cdt of the person. It never forgets one: when the events
// that tell of it are gone, anonymous ones may still arrive.
const findCDT = `INSERT INTO erasure_work (work, kind, connection_id, id, received_at)
SELECT {work:UUID}, 'cdt', toUUID('00000000-0000-0000-0000-000000000000'), event_adb_cdt, toDateTime64(0, 6, 'UTC')
FROM events
WHERE event_email != '' AND event_adb_cdt != '' AND event_adb_cdt GLOBAL IN (SELECT event_adb_cdt FROM events WHERE ` + person + `)
GROUP BY event_adb_cdt
HAVING uniqExact(lowerUTF8(event_email)) <= {most:UInt32}
LIMIT 1000`

// findEvents notes the ids whose copy received last is the person's: all their copies
// go, or an older one with another address would come back. Of two rows received at
// the same moment the one with a person counts: the other only marks a place that the
// event has left.
const findEvents = `INSERT INTO erasure_work (work, kind, connection_id, id, received_at)
SELECT {work:UUID}, 'event', connection_id, event_id, toDateTime64(0, 6, 'UTC')
FROM events
WHERE (connection_id, event_id) GLOBAL IN (SELECT connection_id, event_id FROM events WHERE ` + theirs + `)
GROUP BY connection_id, event_id
HAVING argMax(` + theirs + `, (received_at, event_email != '' OR event_adb_cdt != ''))`

// findCopies notes the person's copies of ids that belong to somebody else by now.
const findCopies = `INSERT INTO erasure_work (work, kind, connection_id, id, received_at)
SELECT {work:UUID}, 'copy', connection_id, event_id, received_at
FROM events
WHERE ` + theirs + ` AND (connection_id, event_id) GLOBAL NOT IN (
    SELECT connection_id, id FROM erasure_work WHERE work = {work:UUID} AND kind = 'event')`

// countRows counts all rows of the person, every copy.
const countRows = "SELECT count(), uniqExact(connection_id, event_id) FROM events WHERE " + theirs

// countNoted counts the events that are noted.
const countNoted = "SELECT uniqExact(connection_id, id) FROM erasure_work WHERE work = {work:UUID} AND kind = 'event'"

// affected are the connections of what is noted.
const affected = `SELECT DISTINCT connection_id FROM erasure_work WHERE work = {work:UUID} AND kind IN ('event', 'copy')`

// refusedRows are refused requests that may mention the person; Go decides.
const refusedRows = `SELECT connection_id, id, received_at, body, reason FROM refused_requests
WHERE encoding != '' OR position(body, '\\') > 0 OR position(body, '\x1f\x8b') > 0 OR position(body, '\0') > 0 OR position(body, '%40') > 0
    OR NOT isValidUTF8(body) OR positionCaseInsensitiveUTF8(body, {address:String}) > 0
    OR positionCaseInsensitiveUTF8(reason, {address:String}) > 0 OR position(reason, '\\') > 0`

func (w *work) context(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"address": w.address, "work": w.id.String(), "most": fmt.Sprint(maxPerCDT),
	}), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0}))
}

// find notes what there is to delete.
func (w *work) find(ctx context.Context) error {
	for _, statement := range []string{findCDT, findEvents, findCopies} {
		if err := w.remover.exec(w.context(ctx), "look for the person's events", statement); err != nil {
			return err
		}
	}
	return nil
}

// rows counts what the person has in the table events: rows and ids.
func (w *work) rows(ctx context.Context) (rows, events uint64, err error) {
	if err := w.remover.conn.QueryRow(w.context(ctx), countRows).Scan(&rows, &events); err != nil {
		return 0, 0, unavailable("count the person's events", err)
	}
	return rows, events, nil
}

// noted is a subquery for what is noted of a kind.
func (w *work) noted(columns, kind string) string {
	return fmt.Sprintf("(SELECT %s FROM %s.erasure_work WHERE work = %s AND kind = '%s')",
		columns, quote(w.remover.database), uuidText(w.id), kind)
}

// condition is what removes from a table of events what is noted.
func (w *work) condition(t table) string {
	if t.hashed {
		return "id IN " + w.noted(HashedID, "event")
	}
	return "(connection_id, event_id) IN " + w.noted("connection_id, id", "event") +
		" OR (connection_id, event_id, received_at) IN " + w.noted("connection_id, id, received_at", "copy")
}

// noteRows notes the ids of all rows of events that a condition names, for hashed
// tables, which cannot be asked for them. Without such tables it does nothing.
func (w *work) noteRows(ctx context.Context, condition string) error {
	if !w.remover.hashed() {
		return nil
	}
	return w.remover.exec(w.context(ctx), "note what is too old", "INSERT INTO erasure_work (work, kind, connection_id, id, received_at) "+
		"SELECT DISTINCT {work:UUID}, 'row', connection_id, event_id, toDateTime64(0, 6, 'UTC') FROM events WHERE "+condition)
}

// remove deletes what is noted from a table of events, and returns how many rows of it
// there were.
func (w *work) remove(ctx context.Context, t table) (n uint64, err error) {
	condition := w.condition(t)
	if n, err = w.remover.number(ctx, "SELECT count() FROM "+quote(t.name)+" WHERE "+condition); err != nil || n == 0 {
		return n, err
	}
	return n, w.remover.remove(ctx, t, condition)
}

// findRefused notes the refused requests that mention the person.
func (w *work) findRefused(ctx context.Context, mentions func([]byte) bool, note bool) (n uint64, err error) {
	rows, err := w.remover.conn.Query(w.context(ctx), refusedRows)
	if err != nil {
		return 0, unavailable("look at refused requests", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	type row struct {
		connection, id uuid.UUID
		at             time.Time
	}
	var found []row
	for rows.Next() {
		var (
			x            row
			body, reason string
		)
		if err := rows.Scan(&x.connection, &x.id, &x.at, &body, &reason); err != nil {
			return 0, unavailable("look at refused requests", err)
		}
		if mentions([]byte(body)) || mentions([]byte(reason)) {
			found = append(found, x)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, unavailable("look at refused requests", err)
	}
	if len(found) == 0 || !note {
		return uint64(len(found)), nil
	}
	batch, err := w.remover.conn.PrepareBatch(ctx, "INSERT INTO erasure_work (work, kind, connection_id, id, received_at)")
	if err != nil {
		return 0, unavailable("note refused requests", err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	for _, x := range found {
		if err := batch.Append(w.id, "refused", x.connection, x.id.String(), x.at); err != nil {
			return 0, unavailable("note refused requests", err)
		}
	}
	if err := batch.Send(); err != nil {
		return 0, unavailable("note refused requests", err)
	}
	return uint64(len(found)), nil
}

// removeRefused deletes the refused requests that are noted.
func (w *work) removeRefused(ctx context.Context) error {
	return w.remover.remove(ctx, table{name: "refused_requests"}, fmt.Sprintf(
		"(connection_id, received_at, toString(id)) IN (SELECT connection_id, received_at, id FROM %s.erasure_work WHERE work = %s AND kind = 'refused')",
		quote(w.remover.database), uuidText(w.id)))
}

// connections are those that events were noted of.
func (w *work) connections(ctx context.Context) (ids []uuid.UUID, err error) {
	rows, err := w.remover.conn.Query(w.context(ctx), affected)
	if err != nil {
		return nil, unavailable("look for the person's connections", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, unavailable("look for the person's connections", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("look for the person's connections", err)
	}
	return ids, nil
}

// drop forgets the list.
func (w *work) drop(ctx context.Context) error {
	return w.remover.exec(clickhouse.Context(ctx, settings()), "forget what was to be deleted",
		"ALTER TABLE "+quote(w.remover.database)+".erasure_work DROP PARTITION "+quoteText(w.id.String()))
}
