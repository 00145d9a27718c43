//go:build linux || darwin

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/tributary-events/tributary/engine"
)

// start runs an engine of the test's own.
func start(t *testing.T, cfg engine.Config) *engine.Engine {
	t.Helper()
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	if cfg.Memory == 0 {
		cfg.Memory = 1 << 30
	}
	e, err := engine.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return e
}

func connect(t *testing.T, dsn string) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func run(t *testing.T, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestStartAndStop(t *testing.T) {
	// Connections that clickhouse-go had just used when it closed live on for a
	// while; the engine's end ends them.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	data := t.TempDir()
	var log bytes.Buffer
	cfg := engine.Config{Data: data, Memory: 1 << 30, Log: slog.New(slog.NewTextHandler(&log, nil))}
	e, err := engine.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	state := e.State()
	if state.Phase != engine.Running || state.PID == 0 || state.Restarts != 0 || state.LastExit != "" {
		t.Errorf("state after the start: %+v", state)
	}
	if u := e.Usage(); u.RSS < 50<<20 || u.CPU <= 0 {
		t.Errorf("usage: %+v", u)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := e.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait on a running engine: %v", err)
	}
	conn := connect(t, e.DSN())
	run(t, conn, "CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO kept VALUES (7)")
	if err := conn.Close(); err != nil {
		t.Error(err)
	}

	// Only the owner can look into the folders that hold data and passwords.
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == data {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	begin := time.Now()
	for range 2 { // a second time does nothing
		if err := e.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > 9*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if err := e.Wait(t.Context()); err != nil || e.State().Phase != engine.Stopped {
		t.Errorf("after Stop: %v, %+v", err, e.State())
	}
	if alive(state.PID) {
		t.Error("the child is still there")
	}
	for _, secret := range []string{e.AnalystPassword(), e.DSN()} {
		if strings.Contains(log.String(), secret) {
			t.Error("the log holds a password")
		}
	}

	// The same folder again: same passwords, same data.
	again := start(t, cfg)
	if again.AnalystPassword() != e.AnalystPassword() {
		t.Error("the analyst's password has changed")
	}
	conn = connect(t, again.DSN())
	var n int64
	if err := conn.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("kept row: %d, %v", n, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// alive reports whether the process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

func TestEngineIsStartedAgainOnItsPort(t *testing.T) {
	e := start(t, engine.Config{})
	conn := connect(t, e.DSN())
	run(t, conn, "CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO kept VALUES (7)")
	address, dsn, before := e.Addr(), e.DSN(), e.Usage().CPU
	for round := 1; round <= 2; round++ {
		pid := e.State().PID
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "noticed", func() bool { return e.State().PID != pid })
		// While it is away nobody else gets its port, and the passwords sent there.
		for runtime.GOOS == "linux" && e.State().Phase == engine.Restarting {
			l, err := net.Listen("tcp", address)
			if err == nil {
				_ = l.Close()
				t.Fatal("the engine's port was free for others")
			}
		}
		eventually(t, "running again", func() bool { return e.State().Phase == engine.Running })
		state := e.State()
		if state.Restarts != round || !strings.Contains(state.LastExit, "killed") {
			t.Errorf("state: %+v", state)
		}
	}
	if e.DSN() != dsn {
		t.Error("the DSN has changed")
	}
	if e.Usage().CPU < before {
		t.Error("CPU time went down")
	}
	var n int64
	if err := connect(t, e.DSN()).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("kept row: %d, %v", n, err)
	}
}

// An engine that crashes says why in few words.
func TestCrashIsExplained(t *testing.T) {
	e := start(t, engine.Config{})
	pid := e.State().PID
	if err := syscall.Kill(pid, syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "running again", func() bool { s := e.State(); return s.Phase == engine.Running && s.PID != pid })
	if exit := e.State().LastExit; !strings.Contains(exit, "SIGABRT") || len(exit) > 1000 {
		t.Errorf("last exit: %s", exit)
	}
}

// A service manager and a terminal signal all processes of a group; the collector
// still needs the engine then.
func TestEngineOutlivesSignalsMeantForTheCollector(t *testing.T) {
	e := start(t, engine.Config{})
	pid := e.State().PID
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	var n uint64
	if err := connect(t, e.DSN()).QueryRow(t.Context(), "SELECT count() FROM numbers(3)").Scan(&n); err != nil || n != 3 {
		t.Errorf("after the signals: %d, %v", n, err)
	}
	if s := e.State(); s.PID != pid || s.Restarts != 0 {
		t.Errorf("state: %+v", s)
	}
}

func TestStopIsBounded(t *testing.T) {
	t.Run("while a query runs", func(t *testing.T) {
		e := start(t, engine.Config{StopGrace: 200 * time.Millisecond})
		conn := connect(t, e.DSN())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = conn.Exec(t.Context(), "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1")
		}()
		watcher := connect(t, e.DSN())
		eventually(t, "the query runs", func() bool {
			var n uint64
			err := watcher.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'").Scan(&n)
			return err == nil && n == 1
		})
		begin := time.Now()
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("took %s", took)
		}
		<-ended
	})
	t.Run("of a child that does not answer", func(t *testing.T) {
		e, err := engine.Start(t.Context(), engine.Config{Data: t.TempDir(), Memory: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		pid := e.State().PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := e.Stop(ctx); err == nil {
			t.Error("Stop does not tell that it had to kill")
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("took %s", took)
		}
		if alive(pid) {
			t.Error("the child is still there")
		}
	})
}

func TestDataFolderIsLocked(t *testing.T) {
	e := start(t, engine.Config{})
	data := filepath.Dir(filepath.Dir(dataOf(t, e)))
	_, err := engine.Start(t.Context(), engine.Config{Data: data, Memory: 1 << 30, LockWait: 100 * time.Millisecond})
	if !errors.Is(err, engine.ErrLocked) {
		t.Fatalf("second engine: %v", err)
	}
	for _, want := range []string{"--data", data, fmt.Sprint(os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %q: %v", want, err)
		}
	}
	if err := e.Ping(t.Context()); err != nil {
		t.Errorf("the first engine was hurt: %v", err)
	}
}

// dataOf asks the engine where its files are.
func dataOf(t *testing.T, e *engine.Engine) string {
	t.Helper()
	var path string
	if err := connect(t, e.DSN()).QueryRow(t.Context(), "SELECT path FROM system.disks").Scan(&path); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(path, "/")
}

func TestStartFailures(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(text, []byte("this is no library"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  engine.Config
		want []string
	}{
		"no data folder":     {engine.Config{}, []string{"--data"}},
		"data is a file":     {engine.Config{Data: file}, []string{"data folder"}},
		"too little memory":  {engine.Config{Data: t.TempDir(), Memory: 1 << 20}, []string{"512 MiB"}},
		"hostile database":   {engine.Config{Data: t.TempDir(), Databases: []string{"a`b"}}, []string{"database name"}},
		"no such library":    {engine.Config{Data: t.TempDir(), Library: filepath.Join(file, "x")}, []string{"--engine-library"}},
		"library is no file": {engine.Config{Data: t.TempDir(), Library: t.TempDir()}, []string{"--engine-library", "not a file"}},
		"library is text": {
			engine.Config{Data: t.TempDir(), Library: text},
			[]string{"5 times", "its log ends with", "load engine", text, "--clickhouse-dsn"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := engine.Start(t.Context(), c.cfg)
			if err == nil {
				_ = e.Stop(t.Context())
				t.Fatal("started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := engine.Start(ctx, engine.Config{Data: t.TempDir(), Memory: 1 << 30}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	})
}
