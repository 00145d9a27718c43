// Package views owns the views that analysts read beside events: one for each
// connection, with its defined fields as typed columns, kept in step with the
// connections and definitions.
//
// Invariants:
//   - A view reads the events of one connection, each once, and nothing else; the
//     analyst needs no right on any table for it.
//   - Reconcile may run at any time, in several collectors at once, and after any
//     crash: it compares what there is with what should be and changes only the
//     difference.
//   - Views that this package did not make, events above all, are left alone.
package views

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
)

// Config of a Reconciler. Conn, Database, Views, Definitions and Connections are required.
type Config struct {
	// Conn may create views and is their definer.
	Conn driver.Conn
	// Database holds the tables, Views the views.
	Database, Views string
	// Cluster is the cluster's name, empty = one server.
	Cluster     string
	Definitions func(context.Context) (*define.Set, error)
	// Connections returns those that are not deleted.
	Connections func(context.Context) ([]report.Connection, error)
	// Every is how often Run looks for what other collectors changed: 0 = 5 s.
	Every  time.Duration
	Logger *slog.Logger // nil = slog.Default()
}

// Reconciler keeps the views in step. It is safe for concurrent use.
type Reconciler struct {
	cfg   Config
	again chan struct{} // of one token
	busy  chan struct{} // of one token: one reconciliation at a time
}

// New returns a reconciler that has done nothing yet.
func New(cfg Config) (*Reconciler, error) {
	if cfg.Conn == nil || cfg.Database == "" || cfg.Views == "" || cfg.Definitions == nil || cfg.Connections == nil {
		return nil, errors.New("views need a connection, two databases, definitions and connections")
	}
	if cfg.Every == 0 {
		cfg.Every = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Reconciler{cfg: cfg, again: make(chan struct{}, 1), busy: make(chan struct{}, 1)}, nil
}

// Changed asks for a reconciliation soon. It never blocks.
func (r *Reconciler) Changed() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// Run reconciles at once, after Changed, and from time to time, until ctx ends.
func (r *Reconciler) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.again:
		case <-timer.C:
		}
		if err := r.Reconcile(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Logger.Error("the analysts' views could not be brought up to date; trying again", "error", err)
		}
		timer.Reset(r.cfg.Every)
	}
}

// mark begins the comment of every view that is ours; a hash of its statement
// follows.
const mark = "tributary: connection "

// Reconcile makes, changes and drops views until they are as they should be.
func (r *Reconciler) Reconcile(ctx context.Context) error {
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	set, err := r.cfg.Definitions(ctx)
	if err != nil {
		return err
	}
	connections, err := r.cfg.Connections(ctx)
	if err != nil {
		return err
	}
	there, err := r.existing(ctx)
	if err != nil {
		return err
	}
	names := Names(connections)
	fields := set.SortedFields()
	var errs []error
	wanted := map[string]bool{}
	for _, c := range connections {
		name := names[c.ID.String()]
		wanted[name] = true
		body, err := report.ViewColumns(quote(r.cfg.Database)+".events", c, fields)
		if err != nil {
			errs = append(errs, fmt.Errorf("make view %s: %w", name, err))
			continue
		}
		sum := sha256.Sum256([]byte(body))
		comment := mark + c.ID.String() + " " + hex.EncodeToString(sum[:8])
		if comment == there[name] {
			continue
		}
		if old, taken := there[name]; taken && !strings.HasPrefix(old, mark) {
			errs = append(errs, fmt.Errorf("make view %s: somebody else's view has this name", name))
			continue
		}
		if err := r.exec(ctx, "CREATE OR REPLACE VIEW "+r.view(name)+" DEFINER = CURRENT_USER SQL SECURITY DEFINER AS\n"+
			body+"\nCOMMENT '"+comment+"'"); err != nil {
			errs = append(errs, fmt.Errorf("make view %s: %w", name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if wanted[name] || !strings.HasPrefix(there[name], mark) {
			continue
		}
		if err := r.exec(ctx, "DROP VIEW IF EXISTS "+r.view(name)+" SYNC"); err != nil {
			errs = append(errs, fmt.Errorf("drop view %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// existing returns the comments of all views, by name.
func (r *Reconciler) existing(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	rows, err := r.cfg.Conn.Query(ctx, "SELECT name, comment FROM system.tables WHERE database = ?", r.cfg.Views)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	there := map[string]string{}
	for rows.Next() {
		var name, comment string
		if err := rows.Scan(&name, &comment); err != nil {
			return nil, fmt.Errorf("list views: %w", err)
		}
		there[name] = comment
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	return there, nil
}

func (r *Reconciler) exec(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return r.cfg.Conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		// Each of 2,000 fields has an expression of its own.
		"max_query_size": 64 << 20,
	})), statement)
}

func (r *Reconciler) view(name string) string {
	text := quote(r.cfg.Views) + "." + quote(name)
	if r.cfg.Cluster != "" {
		text += " ON CLUSTER " + quote(r.cfg.Cluster)
	}
	return text
}

// Names returns the views' names by the connections' ids: the connection's name in
// lower-case letters, digits and _. Of several connections with the same, the
// oldest has the plain name; the others have the beginning of their id behind it.
func Names(connections []report.Connection) map[string]string {
	ordered := slices.Clone(connections)
	slices.SortFunc(ordered, func(a, b report.Connection) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	taken := map[string]bool{"events": true}
	names := make(map[string]string, len(ordered))
	for _, c := range ordered {
		id := c.ID.String()
		base := slug(c.Name)
		name := base
		for n := 8; taken[name]; n++ {
			if n <= len(id) {
				name = base + "_" + strings.ReplaceAll(id[:n], "-", "")
			} else {
				name += "_"
			}
		}
		taken[name] = true
		names[id] = name
	}
	return names
}

func slug(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() >= 60 {
			break
		}
	}
	s := strings.Trim(b.String(), "_")
	if s == "" || s[0] <= '9' {
		s = "connection_" + s
	}
	return strings.TrimSuffix(s, "_")
}

func quote(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
