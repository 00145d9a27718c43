package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/golang-migrate/migrate/v4/database"
)

// versionTable is golang-migrate's own: it knows what has been applied.
const versionTable = "schema_migrations"

// lockedDriver is golang-migrate's ClickHouse driver, made safe for several
// processes: it lives within a lock that is held, its work ends when that is
// lost, and its versions stay in order when the processes' clocks disagree.
type lockedDriver struct {
	database.Driver
	held context.Context
	db   *sql.DB
	// unmarked is why the migration about to run could not be marked as begun.
	unmarked error
}

// Lock implements database.Driver. The real lock is held around all of a
// Runner's work, because mending belongs under it too.
func (d *lockedDriver) Lock() error { return context.Cause(d.held) }

// Unlock implements database.Driver.
func (d *lockedDriver) Unlock() error { return nil }

// Run implements database.Driver: the file's statements, one after the other, unless
// the migration could not be marked as begun.
func (d *lockedDriver) Run(r io.Reader) error {
	sql, err := io.ReadAll(r)
	if err := errors.Join(d.unmarked, err); err != nil {
		d.unmarked = nil
		return err
	}
	for _, statement := range statements(string(sql)) {
		if err := d.exec(statement); err != nil {
			return fmt.Errorf("run %s: %w", headline(statement), err)
		}
	}
	return nil
}

// SetVersion implements database.Driver.
func (d *lockedDriver) SetVersion(version int, dirty bool) error {
	// After the newest row, even if it came from a clock that is ahead.
	const insert = "INSERT INTO " + versionTable + " (version, dirty, sequence) " +
		"SELECT toInt64(?), toUInt8(?), greatest(toUInt64(?), max(sequence) + 1) FROM " + versionTable
	flag := 0
	if dirty {
		flag = 1
	}
	err := d.exec(insert, version, flag, time.Now().UnixNano())
	if err != nil {
		err = fmt.Errorf("set schema version: %w", err)
	}
	if dirty {
		// Told by Run, which golang-migrate calls next: were it told here, the goroutine
		// that reads the file would wait for its reader for ever.
		d.unmarked, err = err, nil
	}
	return err
}

// exec runs a statement while the lock is held, and says so if it was lost.
func (d *lockedDriver) exec(statement string, args ...any) error {
	_, err := d.db.ExecContext(d.held, statement, args...)
	if cause := context.Cause(d.held); err != nil && cause != nil {
		return cause
	}
	return err
}

// headline is a statement's first line that is not a comment.
func headline(statement string) string {
	for line := range strings.Lines(statement) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return line
		}
	}
	return statement
}
