package engine

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// The names the engine is set up with.
const (
	// Database holds all tables.
	Database = "tributary"
	// ViewsDatabase holds only views; it is all that the analyst can read.
	ViewsDatabase = Database + "_views"
	// AppUser may do everything that needs no file or network of the engine's.
	AppUser = "tributary"
	// backupUser may do the same, and take backups.
	backupUser = AppUser + "_backup"
	// AnalystUser may read the views.
	AnalystUser = "analyst"
)

// Config says how to run the engine. Only Data is required.
type Config struct {
	// Data is the data folder. The engine lives in its sub-folder "clickhouse",
	// passwords in "secrets".
	Data string
	// Library is the path of a libchdb.so to use instead of the fetched one.
	// Empty: look into Cache, fetch when it is not there.
	Library string
	// Cache is the folder for fetched libraries. Empty: CacheDir().
	Cache string
	// Progress receives what the download has to tell. Nil: nothing is told.
	Progress io.Writer
	// Log receives life-cycle events, never a query or a password. Nil: discarded.
	Log *slog.Logger
	// AnalystPassword is the analyst's password. Empty: generated once and kept
	// in Data/secrets.
	AnalystPassword string
	// Databases are created at start. Empty: Database and ViewsDatabase.
	Databases []string
	// AnalystDatabases are what the analyst may read; the first is its default
	// database. Empty: ViewsDatabase.
	AnalystDatabases []string
	// Memory bounds the engine, in bytes. 0: half of what the machine, or the
	// control group that this process is in, has.
	Memory uint64
	// CPUs sizes the engine's background pools. 0: as many as Go sees.
	CPUs int
	// Analyst bounds one query of the analyst's. Zero fields take defaults.
	Analyst Limits
	// ReadyTimeout bounds one attempt to start. 0: 2 minutes (a folder with many
	// parts is slow to open).
	ReadyTimeout time.Duration
	// LockWait is how long Start waits for the data folder while another process
	// has it open: the engine of a collector that was killed a moment ago lets go
	// of it soon. 0: 10 seconds.
	LockWait time.Duration
	// StopGrace is how long a stopping engine may wait for its clients to close
	// their connections. 0: 3 seconds. Everything acknowledged is on stable
	// storage either way.
	StopGrace time.Duration
}

// Limits bounds the analyst's queries. A client may lower them, never raise them.
type Limits struct {
	// Time of one query. 0: 60 s. The engine counts whole seconds.
	Time time.Duration
	// Memory of one query in bytes. 0: a quarter of the engine's.
	Memory uint64
	// Rows and Bytes of one result. 0: 1,000,000 and 1 GiB.
	Rows, Bytes uint64
	// Queries running at the same time. 0: 16.
	Queries int
}

var (
	errNoData = errors.New("the engine's data folder is not set: give --data")
	// databaseName keeps names out of reach of every quoting rule they pass
	// through: XML, grants, statements.
	databaseName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`)
)

func (c Config) withDefaults() (Config, error) {
	if c.Data == "" {
		return c, errNoData
	}
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return c, fmt.Errorf("resolve data folder: %w", err)
	}
	c.Data = data
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if len(c.Databases) == 0 {
		c.Databases = []string{Database, ViewsDatabase}
	}
	if len(c.AnalystDatabases) == 0 {
		c.AnalystDatabases = []string{ViewsDatabase}
	}
	for _, list := range [][]string{c.Databases, c.AnalystDatabases} {
		for _, name := range list {
			if !databaseName.MatchString(name) {
				return c, fmt.Errorf("database name %q: use letters, digits and _ (64 at most)", name)
			}
		}
	}
	if c.CPUs == 0 {
		c.CPUs = runtime.GOMAXPROCS(0)
	}
	if c.Memory == 0 {
		c.Memory = availableMemory() / 2
	}
	if c.Memory < minMemory {
		return c, fmt.Errorf("the engine needs at least %d MiB of memory, not %d MiB", minMemory>>20, c.Memory>>20)
	}
	if c.ReadyTimeout == 0 {
		c.ReadyTimeout = 2 * time.Minute
	}
	if c.LockWait == 0 {
		c.LockWait = 10 * time.Second
	}
	if c.StopGrace == 0 {
		c.StopGrace = 3 * time.Second
	}
	c.Analyst.setDefaults(c.Memory)
	return c, nil
}

func (l *Limits) setDefaults(memory uint64) {
	if l.Time < time.Second {
		l.Time = time.Minute
	}
	if l.Memory == 0 {
		l.Memory = memory / 4
	}
	if l.Rows == 0 {
		l.Rows = 1_000_000
	}
	if l.Bytes == 0 {
		l.Bytes = 1 << 30
	}
	if l.Queries == 0 {
		l.Queries = 16
	}
}

// folders and files below Config.Data.
func (c Config) home() string         { return filepath.Join(c.Data, "clickhouse") }
func (c Config) storeDir() string     { return filepath.Join(c.home(), "store") }
func (c Config) logDir() string       { return filepath.Join(c.home(), "log") }
func (c Config) configDir() string    { return filepath.Join(c.home(), "config") }
func (c Config) lockFile() string     { return filepath.Join(c.home(), "lock") }
func (c Config) backupDir() string    { return filepath.Join(c.Data, "backups") }
func (c Config) secretsDir() string   { return filepath.Join(c.Data, "secrets") }
func (c Config) consoleFile() string  { return filepath.Join(c.logDir(), "console.log") }
func (c Config) errorLogFile() string { return filepath.Join(c.logDir(), "clickhouse-error.log") }
