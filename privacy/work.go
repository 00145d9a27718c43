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
// go, or an older one with another address would come back.
const findEvents = `INSERT INTO erasure_work (work, kind, connection_id, id, received_at)
SELECT {work:UUID}, 'event', connection_id, event_id, toDateTime64(0, 6, 'UTC')
FROM events
WHERE NOT is_deleted AND (connection_id, event_id) GLOBAL IN (SELECT connection_id, event_id FROM events WHERE ` + theirs + `)
GROUP BY connection_id, event_id
HAVING argMax(` + theirs + `, received_at)`

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

// kept is a table of texts that senders sent and that were refused. Go decides whether
// a text mentions the person: it may be compressed, escaped or cut off.
type kept struct {
	name     string
	id       string // of a row, as text
	at       string // DateTime64(6)
	text     string
	encoding string // a condition for texts that are not what they look like
}

func keptTexts() []kept {
	return []kept{
		{name: "refused_requests", id: "toString(id)", at: "received_at", text: "body", encoding: "encoding != ''"},
		{
			name: "import_refused_rows", id: "concat(toString(import_id), ' ', toString(run), ' ', toString(row))",
			at: "refused_at", text: "text", encoding: "unreadable",
		},
	}
}

// mayMention selects the rows that may mention the person.
func (k kept) mayMention() string {
	return fmt.Sprintf(`SELECT connection_id, %[2]s, %[3]s, %[4]s, reason FROM %[1]s
WHERE %[5]s OR position(%[4]s, '\\') > 0 OR position(%[4]s, '\x1f\x8b') > 0 OR position(%[4]s, '\0') > 0 OR position(%[4]s, '%%40') > 0
    OR NOT isValidUTF8(%[4]s) OR positionCaseInsensitiveUTF8(%[4]s, {address:String}) > 0
    OR positionCaseInsensitiveUTF8(reason, {address:String}) > 0 OR position(reason, '\\') > 0`, k.name, k.id, k.at, k.text, k.encoding)
}

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

// condition is what removes from a table of events what is noted.
func (w *work) condition(t table) string {
	noted := func(columns, kind string) string {
		return fmt.Sprintf("(SELECT %s FROM %s.erasure_work WHERE work = %s AND kind = '%s')",
			columns, quote(w.remover.database), uuidText(w.id), kind)
	}
	text := "(connection_id, event_id) IN " + noted("connection_id, id", "event")
	if t.copies {
		text += " OR (connection_id, event_id, received_at) IN " + noted("connection_id, id, received_at", "copy")
	}
	return text
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

// findKept notes the refused texts that mention the person.
func (w *work) findKept(ctx context.Context, k kept, mentions func([]byte) bool, note bool) (n uint64, err error) {
	rows, err := w.remover.conn.Query(w.context(ctx), k.mayMention())
	if err != nil {
		return 0, unavailable("look at "+k.name, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	type row struct {
		connection uuid.UUID
		id         string
		at         time.Time
	}
	var found []row
	for rows.Next() {
		var (
			x            row
			text, reason string
		)
		if err := rows.Scan(&x.connection, &x.id, &x.at, &text, &reason); err != nil {
			return 0, unavailable("look at "+k.name, err)
		}
		if mentions([]byte(text)) || mentions([]byte(reason)) {
			found = append(found, x)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, unavailable("look at "+k.name, err)
	}
	if len(found) == 0 || !note {
		return uint64(len(found)), nil
	}
	batch, err := w.remover.conn.PrepareBatch(ctx, "INSERT INTO erasure_work (work, kind, connection_id, id, received_at)")
	if err != nil {
		return 0, unavailable("note "+k.name, err)
	}
	defer func() { _ = batch.Close() }() // after Send it does nothing
	for _, x := range found {
		if err := batch.Append(w.id, "refused", x.connection, x.id, x.at); err != nil {
			return 0, unavailable("note "+k.name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return 0, unavailable("note "+k.name, err)
	}
	return uint64(len(found)), nil
}

// removeKept deletes the refused texts that are noted.
func (w *work) removeKept(ctx context.Context, k kept) error {
	return w.remover.remove(ctx, table{name: k.name}, fmt.Sprintf(
		"(connection_id, %s, %s) IN (SELECT connection_id, received_at, id FROM %s.erasure_work WHERE work = %s AND kind = 'refused')",
		k.at, k.id, quote(w.remover.database), uuidText(w.id)))
}

// removeKeys deletes the keys of the events that are noted.
func (w *work) removeKeys(ctx context.Context) error {
	return w.remover.remove(ctx, keys(), w.keys())
}

// keys is the condition for the keys of the events that are noted.
func (w *work) keys() string {
	return fmt.Sprintf("id IN (SELECT %s FROM %s.erasure_work WHERE work = %s AND kind = 'event')",
		keyOf("connection_id", "erasure_work.id"), quote(w.remover.database), uuidText(w.id))
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
