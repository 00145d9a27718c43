package privacy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// table is a table that rows are removed from.
type table struct {
	name string
	// sharded tables have a share on each server of a cluster, in name_local; of the
	// others every server has all rows.
	sharded bool
	// hashed tables have rows of events that know their connection and id by a hash
	// alone, in a column id: HashedID.
	hashed bool
}

// HashedID is how a hashed table knows an event: the first half of the SHA-256 of the
// connection's 16 bytes and the event's id. It is SQL over connection_id and id.
const HashedID = "toFixedString(substring(SHA256(concat(UUIDStringToNum(toString(connection_id)), id)), 1, 16), 16)"

// eventTables are all tables with rows of events and their event_timestamp. What is
// erased, too old or of a deleted connection goes from each. The table events is the
// last: from it follows what has to go from the others.
func eventTables() []table {
	return []table{
		{name: "events", sharded: true},
	}
}

// otherTables hold what else is known of connections, by connection_id.
func otherTables() []table {
	return []table{{name: "refused_requests"}, {name: "field_catalogue"}}
}

// remover removes rows so that their bytes are gone.
type remover struct {
	conn     driver.Conn
	database string
	cluster  string
	pause    time.Duration // between two looks at what is still on disk
	events   []table       // eventTables
}

// hashed tells whether any table of events is.
func (r *remover) hashed() bool {
	return slices.ContainsFunc(r.events, func(t table) bool { return t.hashed })
}

// all are the tables with rows of connections: events first, as they are ordered.
func (r *remover) all() []table { return append(slices.Clone(r.events), otherTables()...) }

func quote(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

func (r *remover) local(t table) string {
	if t.sharded && r.cluster != "" {
		return t.name + "_local"
	}
	return t.name
}

// alter begins an ALTER TABLE that reaches all shares of a table.
func (r *remover) alter(t table) string {
	text := "ALTER TABLE " + quote(r.database) + "." + quote(r.local(t))
	if t.sharded && r.cluster != "" {
		text += " ON CLUSTER " + quote(r.cluster)
	}
	return text + " "
}

// settings of statements that remove: they return when all servers have done it.
func settings() clickhouse.QueryOption {
	return clickhouse.WithSettings(clickhouse.Settings{
		"mutations_sync": 2, "alter_sync": 2, "allow_nondeterministic_mutations": 1, "distributed_ddl_task_timeout": 3600,
		// The driver's own default ends a statement after a minute.
		"max_execution_time": 0,
	})
}

// remove deletes the rows of a table that a condition names. The parts that hold any
// are written anew without them; the old ones leave the disk later, see gone.
// The condition is kept by ClickHouse as text: it must hold nothing of a person.
func (r *remover) remove(ctx context.Context, t table, condition string) error {
	err := r.conn.Exec(clickhouse.Context(ctx, settings()), r.alter(t)+"DELETE WHERE "+condition)
	if err != nil {
		return unavailable("delete from "+t.name, err)
	}
	return nil
}

// gone waits until the parts that were replaced before the call have left the disk.
func (r *remover) gone(ctx context.Context, tables ...table) error {
	parts := "system.parts"
	if r.cluster != "" {
		parts = "clusterAllReplicas(" + quoteText(r.cluster) + ", system.parts)"
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = r.local(t)
		// Without it a server keeps them for 8 minutes.
		err := r.conn.Exec(clickhouse.Context(ctx, settings()), r.alter(t)+
			"MODIFY SETTING old_parts_lifetime = 1, cleanup_delay_period = 1, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 1")
		if err != nil {
			return unavailable("let old parts of "+t.name+" go soon", err)
		}
	}
	old, err := r.inactive(ctx, parts, names)
	if err != nil {
		return err
	}
	for len(old) > 0 {
		select {
		case <-ctx.Done():
			return unavailable("wait for old parts to leave the disk", ctx.Err())
		case <-time.After(r.pause):
		}
		now, err := r.inactive(ctx, parts, names)
		if err != nil {
			return err
		}
		for part := range old {
			if !now[part] {
				delete(old, part)
			}
		}
	}
	return nil
}

func (r *remover) inactive(ctx context.Context, parts string, tables []string) (map[string]bool, error) {
	rows, err := r.conn.Query(ctx, "SELECT concat(hostName(), ' ', path) FROM "+parts+
		" WHERE NOT active AND database = ? AND table IN (?)", r.database, tables)
	if err != nil {
		return nil, unavailable("look for old parts", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	found := map[string]bool{}
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			return nil, unavailable("look for old parts", err)
		}
		found[part] = true
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("look for old parts", err)
	}
	return found, nil
}

// number asks for one number.
func (r *remover) number(ctx context.Context, query string) (n uint64, err error) {
	if err = r.conn.QueryRow(ctx, query).Scan(&n); err != nil {
		return 0, unavailable("count", err)
	}
	return n, nil
}

func (r *remover) exec(ctx context.Context, doing, query string) error {
	if err := r.conn.Exec(ctx, query); err != nil {
		return unavailable(doing, err)
	}
	return nil
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}

func uuidText(id fmt.Stringer) string { return "toUUID(" + quoteText(id.String()) + ")" }
