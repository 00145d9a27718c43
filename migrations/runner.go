package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	stock "github.com/golang-migrate/migrate/v4/database/clickhouse"
)

// ClickHouse's codes for what an empty server answers.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
)

// Config of a Runner. Options is required.
type Config struct {
	// Options say how to reach ClickHouse, over either protocol; Auth.Database
	// names the database, which Up makes where it is missing. Of several
	// addresses the first in alphabetical order that answers is used, so that
	// every Runner locks on the same server.
	Options *clickhouse.Options
	// Cluster is the cluster's name in the servers' configuration; empty = one
	// server. Its servers need the macros {shard} and {replica}.
	Cluster string
	// Logger is told of every migration that is run: nil = slog.Default().
	Logger *slog.Logger
}

// Runner brings the schema of one database up and down. Its methods are safe for
// concurrent use, also with Runners of other processes: they wait for each other.
//
// Behind an address that spreads connections over several servers the lock does
// not hold for all of them. Two Runners may then run the same migration at once,
// which does no harm as every statement can be repeated.
type Runner struct {
	options clickhouse.Options // Auth.Database is the database
	outside clickhouse.Options // no default database: it may not exist yet
	schema  schema
	logger  *slog.Logger
	conn    driver.Conn // over outside
	files   fs.FS
	all     []migration
}

// New returns a Runner. It does not connect yet.
func New(cfg Config) (*Runner, error) {
	if cfg.Options == nil || cfg.Options.Auth.Database == "" {
		return nil, errors.New("migrations need ClickHouse options that name a database")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	options := *cfg.Options
	options.Addr = slices.Clone(options.Addr)
	slices.Sort(options.Addr)
	options.ConnOpenStrategy = clickhouse.ConnOpenInOrder
	outside := options
	outside.Auth.Database = ""
	conn, err := clickhouse.Open(&outside)
	if err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	r := &Runner{
		options: options, outside: outside, logger: cfg.Logger, conn: conn, files: files,
		schema: schema{database: options.Auth.Database, cluster: cfg.Cluster, user: options.Auth.Username},
	}
	if r.all, err = list(r.files); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return r, nil
}

// Close ends the connections.
func (r *Runner) Close() error { return r.conn.Close() }

// Up applies what is pending, and first mends a migration that was cut short. A
// database that a newer program has migrated further is left as it is: its schema
// serves older programs too, so that several can be renewed one after the other.
func (r *Runner) Up(ctx context.Context) error {
	// The usual case at a start: nothing to do, so nobody has to wait.
	if pending, err := r.Pending(ctx); err != nil || len(pending) == 0 {
		return err
	}
	return r.locked(ctx, func(m *migrate.Migrate, d *lockedDriver) error {
		version, dirty, err := d.Version()
		if err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if newest := int(r.all[len(r.all)-1].version); version > newest {
			if dirty {
				return fmt.Errorf("a newer program left migration %d half done: only that program can mend it", version)
			}
			r.logger.Warn("schema is newer than this program", "schema", version, "program", newest)
			return nil
		}
		if dirty {
			r.logger.Warn("a migration was cut short: running it again", "version", version)
			version = r.before(version)
			if err := d.SetVersion(version, false); err != nil {
				return err
			}
		}
		// One by one: what golang-migrate has read ahead leaks after an error.
		for _, next := range r.all {
			if int(next.version) <= version {
				continue
			}
			if err := m.Migrate(next.version); err != nil {
				return fmt.Errorf("migration %s: %w", next.name, err)
			}
		}
		return nil
	})
}

// Down undoes the newest steps migrations, or all where there are fewer. Their
// tables and what is in them are gone.
func (r *Runner) Down(ctx context.Context, steps int) error {
	if steps <= 0 {
		return fmt.Errorf("undo migrations: %d steps make no sense", steps)
	}
	return r.locked(ctx, func(m *migrate.Migrate, d *lockedDriver) error {
		version, dirty, err := d.Version()
		if err != nil {
			return fmt.Errorf("read schema version: %w", err)
		}
		if dirty {
			if err := r.mendDown(m, d, version); err != nil {
				return err
			}
		}
		for range steps {
			version, _, err := d.Version()
			if err != nil {
				return fmt.Errorf("read schema version: %w", err)
			}
			if version == database.NilVersion {
				return nil // fewer were applied
			}
			if err := m.Steps(-1); err != nil {
				return err
			}
		}
		return nil
	})
}

// mendDown makes a version clean on the way down: whatever was cut short, the way
// up to it or the way down to it from the next, is finished.
func (r *Runner) mendDown(m *migrate.Migrate, d *lockedDriver, version int) error {
	r.logger.Warn("a migration was cut short: finishing it", "version", version)
	i := slices.IndexFunc(r.all, func(x migration) bool { return int(x.version) > version })
	if i >= 0 {
		if err := d.SetVersion(int(r.all[i].version), false); err != nil {
			return err
		}
		if err := m.Steps(-1); err != nil {
			return err
		}
	}
	if version == database.NilVersion {
		return nil
	}
	if err := d.SetVersion(r.before(version), false); err != nil {
		return err
	}
	return m.Steps(1)
}

// before returns the version that comes before one, NilVersion before the first.
func (r *Runner) before(version int) int {
	before := database.NilVersion
	for _, x := range r.all {
		if int(x.version) < version {
			before = int(x.version)
		}
	}
	return before
}

// Version returns the version of the newest migration that was begun, 0 = none,
// and whether it was cut short. It changes nothing.
func (r *Runner) Version(ctx context.Context) (version uint, dirty bool, err error) {
	var (
		number int64
		flag   uint8
	)
	rows, err := r.conn.Query(ctx, "SELECT version, dirty FROM "+r.schema.Table(versionTable)+" ORDER BY sequence DESC LIMIT 1")
	if err == nil {
		defer rows.Close()
		if rows.Next() {
			if err := rows.Scan(&number, &flag); err != nil {
				return 0, false, fmt.Errorf("read schema version: %w", err)
			}
		}
		err = rows.Err()
	}
	var e *clickhouse.Exception
	switch {
	case errors.As(err, &e) && (e.Code == codeUnknownTable || e.Code == codeUnknownDatabase):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read schema version: %w", err)
	}
	return uint(max(number, 0)), flag != 0, nil
}

// Pending returns the names of the migrations that Up would run, in order.
func (r *Runner) Pending(ctx context.Context) ([]string, error) {
	version, dirty, err := r.Version(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range r.all {
		if m.version > version || (dirty && m.version == version) {
			names = append(names, m.name)
		}
	}
	if dirty && len(names) == 0 {
		names = []string{fmt.Sprintf("%04d", version)} // a newer program's
	}
	return names, nil
}

// locked calls f while no other Runner works on this database.
func (r *Runner) locked(ctx context.Context, f func(*migrate.Migrate, *lockedDriver) error) (err error) {
	lock := lock{conn: r.conn, id: "tributary-migrations-" + r.schema.database, open: func() (driver.Conn, error) {
		options := r.outside
		return clickhouse.Open(&options)
	}}
	held, release, err := lock.acquire(ctx)
	if err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	defer release()
	if err := r.prepare(held); err != nil {
		return err
	}
	db := clickhouse.OpenDB(&r.options)
	inner, err := stock.WithInstance(db, &stock.Config{DatabaseName: r.schema.database, MigrationsTable: versionTable})
	if err != nil {
		return errors.Join(fmt.Errorf("open database for migrations: %w", err), db.Close())
	}
	d := &lockedDriver{Driver: inner, held: held, db: db}
	src, err := newSource(r.files, r.schema)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	m, err := migrate.NewWithInstance("embedded", src, "clickhouse", d)
	if err != nil {
		return errors.Join(err, src.Close(), db.Close())
	}
	m.Log = migrateLogger{r.logger}
	defer func() {
		sourceErr, databaseErr := m.Close()
		err = errors.Join(err, sourceErr, databaseErr)
	}()
	if err := f(m, d); err != nil {
		return fmt.Errorf("migrate database %s: %w", r.schema.database, err)
	}
	return nil
}

// prepare makes the database and golang-migrate's table, which that would make
// without regard for others who do the same, and for the replicas of a cluster.
func (r *Runner) prepare(ctx context.Context) error {
	var n uint64
	if err := r.conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = ?", r.schema.database).Scan(&n); err != nil {
		return fmt.Errorf("look for database %s: %w", r.schema.database, err)
	}
	// Only where it is missing: who may not make databases can be given one.
	if n == 0 {
		if err := r.conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+r.schema.Database()+r.schema.OnCluster()); err != nil {
			return fmt.Errorf("create database %s: %w", r.schema.database, err)
		}
	}
	if err := r.conn.Exec(ctx, r.schema.versionTable()); err != nil {
		return fmt.Errorf("create table %s: %w", versionTable, err)
	}
	if r.schema.Cluster() {
		// Another server may have written the newest version.
		if err := r.conn.Exec(ctx, "SYSTEM SYNC REPLICA "+r.schema.Table(versionTable)); err != nil {
			return fmt.Errorf("synchronise table %s: %w", versionTable, err)
		}
	}
	return nil
}

// versionTable has the columns that golang-migrate wants.
func (s schema) versionTable() string {
	return "CREATE TABLE IF NOT EXISTS " + s.Table(versionTable) + s.OnCluster() +
		" (version Int64, dirty UInt8, sequence UInt64) ENGINE = " +
		s.engine("MergeTree", "/clickhouse/tables/"+s.database+"/"+versionTable, "{shard}-{replica}", "") +
		" ORDER BY sequence SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
}

// migrateLogger passes golang-migrate's lines on, as in "2/u events (12ms)".
type migrateLogger struct{ logger *slog.Logger }

// Printf implements migrate.Logger.
func (l migrateLogger) Printf(format string, v ...any) {
	l.logger.Info("migration done", "migration", strings.TrimSpace(fmt.Sprintf(format, v...)))
}

// Verbose implements migrate.Logger.
func (l migrateLogger) Verbose() bool { return false }
