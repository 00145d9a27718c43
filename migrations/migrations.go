// Package migrations owns the schema: numbered SQL files, each with its reasons as
// comments, in a form for one server and one for a cluster, and the Runner that
// brings a database up or down with golang-migrate.
//
// Invariants:
//   - Every statement can be run again: what exists is left alone, what is gone
//     stays gone. Up therefore mends a migration that was cut short by running
//     it again, and never drops anything.
//   - One Runner at a time changes a database. The others wait. The lock is a query
//     that runs on the server for as long as its holder lives, so that nothing
//     stale is left however the holder dies.
//   - Readers and writers use the same names (events, connections, …) in both forms.
package migrations

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/golang-migrate/migrate/v4/source"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

//go:embed sql/*.sql
var files embed.FS

// MaxDynamicPaths is how many paths of event_payload one part of the table events
// keeps as columns of their own.
const MaxDynamicPaths = 128

// schema is what the SQL files are rendered with.
type schema struct {
	database, cluster string
	user              string // who migrates
}

// Database, ViewsDB, Table and View are quoted for use as identifiers.
func (s schema) Database() string         { return quoteName(s.database) }
func (s schema) ViewsDB() string          { return quoteName(ViewsDatabase(s.database)) }
func (s schema) Table(name string) string { return s.Database() + "." + quoteName(name) }
func (s schema) View(name string) string  { return s.ViewsDB() + "." + quoteName(name) }
func (s schema) MaxDynamicPaths() int     { return MaxDynamicPaths }
func (s schema) User() string             { return quoteName(cmp.Or(s.user, "default")) }
func (s schema) Cluster() bool            { return s.cluster != "" }
func (s schema) ClusterText() string      { return quoteText(s.cluster) }
func (s schema) ViewsDBText() string      { return quoteText(ViewsDatabase(s.database)) }
func (s schema) DatabaseText() string     { return quoteText(s.database) }

// Sharded names the table that holds this server's share of a sharded table.
func (s schema) Sharded(name string) string {
	if s.Cluster() {
		name += "_local"
	}
	return s.Table(name)
}

// ShardView names the view of this server's share of a sharded table.
func (s schema) ShardView(name string) string {
	if s.Cluster() {
		name += "_local"
	}
	return s.View(name)
}

// OnCluster follows a DDL statement's object.
func (s schema) OnCluster() string {
	if s.Cluster() {
		return " ON CLUSTER " + quoteName(s.cluster)
	}
	return ""
}

// Replacing is the engine of a sharded table: replicas of one shard share a path
// in Keeper. An empty version keeps the row inserted last.
func (s schema) Replacing(table, version string) string {
	return s.engine("ReplacingMergeTree", "/clickhouse/tables/{shard}/"+s.database+"/"+table, "{replica}", version)
}

// ReplacingEverywhere is the engine of a table that every server of the cluster
// has all rows of: all of them share a path in Keeper.
func (s schema) ReplacingEverywhere(table, version string) string {
	return s.engine("ReplacingMergeTree", "/clickhouse/tables/"+s.database+"/"+table, "{shard}-{replica}", version)
}

func (s schema) engine(name, keeperPath, replica, version string) string {
	var args []string
	if s.Cluster() {
		name = "Replicated" + name
		args = append(args, quoteText(keeperPath), quoteText(replica))
	}
	if version != "" {
		args = append(args, version)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// ViewsDatabase names the database that holds the views of a database.
func ViewsDatabase(database string) string { return database + "_views" }

// render returns a file's SQL for one schema.
func (s schema) render(sql string) (string, error) {
	t, err := template.New("migration").Option("missingkey=error").Parse(sql)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, s); err != nil {
		return "", err
	}
	return out.String(), nil
}

// statements splits SQL at semicolons that end a line.
func statements(sql string) []string {
	var out []string
	for part := range strings.SplitSeq(sql+"\n", ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// renderedSource is golang-migrate's source of the embedded files, rendered.
type renderedSource struct {
	source.Driver
	schema schema
}

func newSource(fsys fs.FS, s schema) (source.Driver, error) {
	d, err := iofs.New(fsys, "sql")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &renderedSource{Driver: d, schema: s}, nil
}

// ReadUp implements source.Driver.
func (r *renderedSource) ReadUp(version uint) (io.ReadCloser, string, error) {
	return r.read(r.Driver.ReadUp(version))
}

// ReadDown implements source.Driver.
func (r *renderedSource) ReadDown(version uint) (io.ReadCloser, string, error) {
	return r.read(r.Driver.ReadDown(version))
}

func (r *renderedSource) read(file io.ReadCloser, name string, err error) (io.ReadCloser, string, error) {
	if err != nil {
		return nil, "", err // as it is: golang-migrate asks whether it is fs.ErrNotExist
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, "", fmt.Errorf("read migration %s: %w", name, err)
	}
	sql, err := r.schema.render(string(raw))
	if err != nil {
		return nil, "", fmt.Errorf("render migration %s: %w", name, err)
	}
	return io.NopCloser(bytes.NewReader([]byte(sql))), name, nil
}

// migration is one numbered pair of files.
type migration struct {
	version uint
	name    string // as in "0002_events"
}

// list returns the migrations in order.
func list(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "sql/*.up.sql")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".up.sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", file, err)
		}
		all = append(all, migration{uint(version), name})
	}
	slices.SortFunc(all, func(a, b migration) int { return int(a.version) - int(b.version) })
	return all, nil
}

// quoteName and quoteText quote for ClickHouse, in which a backslash escapes.
func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
