package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/internal/backup"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/privacy"
)

// backups is httpapi.Backups over the embedded engine.
type backups struct {
	store  *store
	ingest *collector.Collector
	people *privacy.Eraser
	folder string
}

// newBackups returns nil without an embedded engine: the disk of a server is not ours.
// What a crash left of earlier backups holds people's data and goes.
func newBackups(st *store, ingest *collector.Collector, people *privacy.Eraser) (httpapi.Backups, error) {
	if st.engine == nil {
		return nil, nil
	}
	b := &backups{store: st, ingest: ingest, people: people, folder: st.engine.BackupDir()}
	if err := os.RemoveAll(b.folder); err != nil {
		return nil, fmt.Errorf("delete what is left of backups: %w", err)
	}
	return b, nil
}

// Take implements httpapi.Backups.
func (b *backups) Take(ctx context.Context) (httpapi.Backup, error) {
	taken := &takenBackup{folder: filepath.Join(b.folder, uuid.NewString()), at: time.Now().UTC()}
	if err := os.MkdirAll(b.folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of backups: %w", err)
	}
	// What an erasure removes must not stay in the copy.
	taken.release = b.people.Exclude()
	database := b.store.options.Auth.Database
	err := b.ingest.Hold(ctx, func() error {
		return withBackupRights(b.store.engine, func(conn driver.Conn) error {
			// Once begun it is waited for, also if the caller leaves: the engine would go on
			// and leave a copy behind.
			return backup.Take(context.WithoutCancel(ctx), conn, taken.folder, database, migrations.ViewsDatabase(database))
		})
	})
	if err != nil {
		return nil, errors.Join(err, taken.Close())
	}
	return taken, nil
}

// withBackupRights calls f with a connection of its own that may take backups.
func withBackupRights(e *engine.Engine, f func(driver.Conn) error) (err error) {
	options, err := clickhouse.ParseDSN(e.BackupDSN())
	if err != nil {
		return fmt.Errorf("open the embedded ClickHouse: %w", err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("open the embedded ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return f(conn)
}

type takenBackup struct {
	folder  string
	at      time.Time
	release func()
}

func (b *takenBackup) Write(w io.Writer) error {
	return backup.Pack(w, b.folder, backup.Manifest{Program: "tributary " + buildVersion(), CreatedAt: b.at})
}

func (b *takenBackup) Close() error {
	defer b.release()
	return os.RemoveAll(b.folder)
}

// backupCommand gets a backup from a running server.
type backupCommand struct {
	remote
	File string `arg:"" help:"Where to write the archive; an existing folder gets a file named by the time. '-' = standard output."`
}

func (cmd *backupCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	if cmd.File == "-" {
		_, err := client.Patient().Download(ctx, http.MethodPost, "/api/v1/backup", t.Out)
		return err
	}
	name := cmd.File
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "tributary-"+time.Now().UTC().Format("20060102T150405Z")+".tar")
	}
	// Under another name until it is whole.
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	n, err := client.Patient().Download(ctx, http.MethodPost, "/api/v1/backup", f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	fmt.Fprintf(t.Out, "%s  %d bytes\n", name, n)
	return nil
}

// restoreCommand fills a data folder that no server has used yet.
type restoreCommand struct {
	EngineLibrary  string `name:"engine-library" help:"A libchdb.so to use instead of the one that npm fetches." placeholder:"FILE"`
	EmbeddedMemory string `name:"embedded-memory" help:"Memory of the embedded ClickHouse; default half of the machine's." placeholder:"SIZE"`
	File           string `arg:"" help:"An archive that 'tributary backup' wrote. '-' = standard input."`
}

func (cmd *restoreCommand) Run(ctx context.Context, g *cli, t *terminal) (err error) {
	var c checker
	memory := c.size("embedded-memory", cmd.EmbeddedMemory)
	if err := c.err(); err != nil {
		return err
	}
	for _, used := range []string{"clickhouse", "spool"} {
		if _, err := os.Stat(filepath.Join(g.Data, used)); err == nil {
			return fmt.Errorf("%s is in use: a backup is restored into a new data folder, give another with --data", g.Data)
		}
	}
	archive := t.In
	if cmd.File != "-" {
		f, err := os.Open(cmd.File)
		if err != nil {
			return fmt.Errorf("read backup: %w", err)
		}
		defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
		archive = f
	}
	// All of it is read and checked before the engine sees any.
	data, err := filepath.Abs(g.Data)
	if err != nil {
		return err
	}
	backups := filepath.Join(data, "backups")
	folder := filepath.Join(backups, "restore")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(backups)) }()
	manifest, err := backup.Unpack(archive, folder)
	if err != nil {
		return err
	}
	logger := newLogger(t.Err, "text", 0)
	e, err := engine.Start(ctx, engine.Config{Data: g.Data, Library: cmd.EngineLibrary, Progress: t.Err, Log: logger, Memory: uint64(memory)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop(context.WithoutCancel(ctx))) }()
	options, err := clickhouse.ParseDSN(e.DSN())
	if err != nil {
		return fmt.Errorf("open the embedded ClickHouse: %w", err)
	}
	if err := restoreInto(ctx, e, options, folder); err != nil {
		return errors.Join(err, fmt.Errorf("delete %s and try again", g.Data))
	}
	fmt.Fprintf(t.Out, "restored the backup of %s (%s) into %s\n", manifest.CreatedAt.Local().Format(time.DateTime), manifest.Program, g.Data)
	return showTables(ctx, t.Out, options)
}

// restoreInto brings the tables back and up to the schema of this program.
func restoreInto(ctx context.Context, e *engine.Engine, options *clickhouse.Options, folder string) (err error) {
	err = withBackupRights(e, func(conn driver.Conn) error {
		return backup.Restore(ctx, conn, folder, engine.Database, engine.ViewsDatabase)
	})
	if err != nil {
		return err
	}
	runner, err := migrations.New(migrations.Config{Options: options})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	return runner.Up(ctx)
}

// showTables prints how many rows each table has.
func showTables(ctx context.Context, w io.Writer, options *clickhouse.Options) (err error) {
	conn, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("open the embedded ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	rows, err := conn.Query(ctx, "SELECT name, ifNull(total_rows, 0) FROM system.tables WHERE database = ? AND engine LIKE '%MergeTree' ORDER BY name", engine.Database)
	if err != nil {
		return fmt.Errorf("count what was restored: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			name string
			n    uint64
		)
		if err := rows.Scan(&name, &n); err != nil {
			return fmt.Errorf("count what was restored: %w", err)
		}
		fmt.Fprintf(w, "  %s%s%d rows\n", name, strings.Repeat(" ", max(24-len(name), 1)), n)
	}
	return rows.Err()
}
