package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// ChildCommand is the first argument of this binary's that makes it the
// engine's child process: the program then calls RunChild and nothing else.
const ChildCommand = "engine-child"

// ErrLocked is wrapped by Start's error when another collector, or the engine
// of one, has the data folder open.
var ErrLocked = errors.New("the data folder is in use by another tributary")

// Engine is one running embedded ClickHouse. Its methods may be called from
// several goroutines at once.
type Engine struct {
	cfg       Config
	library   string
	port      int
	app       string // passwords
	backup    string
	analyst   string
	client    *http.Client
	lock      *os.File
	unreserve func()

	stopping chan struct{} // closed by the first Stop
	stopOnce sync.Once
	stopped  chan struct{} // closed when the supervisor has ended
	abandon  context.Context
	giveUp   context.CancelFunc // ends Stop's patience

	mu    sync.Mutex
	state State
	ended float64 // CPU seconds of the children that have ended
}

// Start fetches the engine if need be, starts it and returns when it answers
// and cfg.Databases exist. It waits for cfg.LockWait when another process has
// the data folder open. ctx bounds starting only: the engine then runs until Stop,
// and is started again when it dies. An engine that dies five times before it
// has answered once is an error that carries the end of its log.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeFolders(cfg); err != nil {
		return nil, err
	}
	lock, err := lockData(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, lock: lock, stopping: make(chan struct{}), stopped: make(chan struct{})}
	if err := e.prepare(ctx); err != nil {
		e.release()
		return nil, err
	}
	e.abandon, e.giveUp = context.WithCancel(context.Background())
	e.setState(Starting, 0, "")
	first := make(chan error, 1)
	go e.supervise(first)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = fmt.Errorf("start engine: %w", ctx.Err())
	}
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopGrace)
		defer cancel()
		return nil, errors.Join(err, e.Stop(stop))
	}
	return e, nil
}

// prepare does what must be done once, whatever becomes of the children.
func (e *Engine) prepare(ctx context.Context) (err error) {
	if e.library, err = FindLibrary(ctx, e.cfg); err != nil {
		return err
	}
	if e.app, err = secret(filepath.Join(e.cfg.secretsDir(), "clickhouse-"+AppUser)); err != nil {
		return err
	}
	e.backup = freshSecret() // needed by nobody but this process
	if e.analyst = e.cfg.AnalystPassword; e.analyst == "" {
		if e.analyst, err = secret(filepath.Join(e.cfg.secretsDir(), "clickhouse-"+AnalystUser)); err != nil {
			return err
		}
	}
	if e.port, e.unreserve, err = reservePort(); err != nil {
		return err
	}
	e.client = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConns: 1, IdleConnTimeout: 10 * time.Second}}
	return newSettings(e.cfg, e.app, e.backup, e.analyst, openFilesLimit()).write(e.cfg.configDir())
}

func lockData(ctx context.Context, cfg Config) (*os.File, error) {
	wait, cancel := context.WithTimeout(ctx, cfg.LockWait)
	defer cancel()
	lock, err := acquireLock(wait, cfg.lockFile(), func(holder string) {
		cfg.Log.Info("waiting for the data folder, which another process has open", "folder", cfg.Data, "pid", holder)
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, fmt.Errorf("%w: process %s has %s open; stop it or give another folder with --data",
			ErrLocked, lockHolder(cfg.lockFile()), cfg.Data)
	}
	return lock, err
}

// release gives back what prepare and lockData took.
func (e *Engine) release() {
	if e.client != nil {
		e.client.CloseIdleConnections()
	}
	if e.unreserve != nil {
		e.unreserve()
	}
	_ = e.lock.Close()
}

// Stop ends the engine and waits until it has. Clients close their connections
// before: with none open it takes some 30 ms, otherwise Config.StopGrace or as
// long as ctx, and then the queries still running are cut off. Nothing
// acknowledged is lost by that. It may be called several times, by several
// goroutines. The error says that the engine did not answer and was killed.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() { close(e.stopping) })
	select {
	case <-e.stopped:
	case <-ctx.Done():
		e.giveUp()
		<-e.stopped
	}
	if s := e.State(); s.Killed {
		return errors.New("the engine did not stop in time and was killed")
	}
	return nil
}

// Wait returns nil when Stop has ended the engine, or ctx's error.
func (e *Engine) Wait(ctx context.Context) error {
	select {
	case <-e.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DSN is the application's address for clickhouse-go, with its password. It
// stays the same as long as the Engine lives; while the engine restarts,
// connecting to it is refused.
func (e *Engine) DSN() string { return e.dsn(AppUser, e.app, e.cfg.Databases[0]) }

// AnalystDSN is the same for the analyst. It passes by the Proxy: only code that
// ends its requests properly may use it.
func (e *Engine) AnalystDSN() string {
	return e.dsn(AnalystUser, e.analyst, e.cfg.AnalystDatabases[0])
}

// AnalystPassword is what SQL clients give at the Proxy.
func (e *Engine) AnalystPassword() string { return e.analyst }

// Addr is the listener's host and port.
func (e *Engine) Addr() string { return "127.0.0.1:" + strconv.Itoa(e.port) }

func (e *Engine) dsn(user, password, database string) string {
	u := url.URL{Scheme: "http", Host: e.Addr(), User: url.UserPassword(user, password), Path: "/" + database}
	return u.String()
}

// BackupDSN is the address for taking backups and restoring them, with the rights of the
// application and those. It is for nothing else: who takes a backup can send it to any
// address, and no statement made of what comes from outside may do that.
func (e *Engine) BackupDSN() string { return e.dsn(backupUser, e.backup, e.cfg.Databases[0]) }

// BackupDir is the one folder on disk that backups may be written to and read from. It
// exists when somebody makes it.
func (e *Engine) BackupDir() string { return e.cfg.backupDir() }

// Ping asks the engine for an answer as the application's user.
func (e *Engine) Ping(ctx context.Context) error { return e.exec(ctx, "SELECT 1") }
