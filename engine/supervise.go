package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	firstTries   = 5                      // children that may die before the first answer
	shortestWait = 100 * time.Millisecond // between two children, doubled each time
	longestWait  = 30 * time.Second
	stableAfter  = time.Minute // a child that lived as long starts the waits anew
	readyPoll    = 20 * time.Millisecond
	termGrace    = 3 * time.Second // between SIGTERM and the kill
	// idleGrace is Config.StopGrace when no query is running. The engine waits 5 s
	// for connections to close, also for idle ones that clients have forgotten.
	idleGrace = 250 * time.Millisecond
)

// supervise owns the child: it alone starts, watches and ends it. It tells
// first, once, how the first start went, and then runs until Stop.
func (e *Engine) supervise(first chan<- error) {
	defer func() {
		e.setState(Stopped, 0, "")
		e.giveUp()
		e.release()
		close(e.stopped)
	}()
	answered, failures := false, 0
	for {
		started := time.Now()
		c, err := e.launch()
		if err == nil {
			if err = e.awaitReady(c); err == nil {
				e.setState(Running, c.pid(), "")
				e.cfg.Log.Info("engine running", "pid", c.pid(), "port", e.port, "took", time.Since(started).Round(time.Millisecond))
				if !answered {
					answered = true
					first <- nil
				}
				err = e.watch(c)
			} else {
				c.kill()
			}
			e.account(c)
		}
		if e.isStopping() {
			return
		}
		if time.Since(started) > stableAfter {
			failures = 0
		}
		failures++
		if !answered && failures >= firstTries {
			e.setState(Stopped, 0, err.Error())
			first <- fmt.Errorf("the embedded ClickHouse failed to start %d times: %w; see %s, mend the cause and start again, "+
				"or use a ClickHouse server with --clickhouse-dsn", failures, err, e.cfg.logDir())
			return
		}
		wait := backOff(failures)
		phase := Restarting
		if !answered {
			phase = Starting
		}
		e.setState(phase, 0, err.Error())
		e.cfg.Log.Error("engine died", "reason", err, "again_in", wait.Round(time.Millisecond), "failures", failures)
		select {
		case <-time.After(wait):
		case <-e.stopping:
			return
		}
		if answered {
			e.mu.Lock()
			e.state.Restarts++
			e.mu.Unlock()
		}
	}
}

// backOff doubles with every failure and is spread over half of itself, so that
// several engines that fail for one reason do not all come back together.
func backOff(failures int) time.Duration {
	wait := min(shortestWait<<min(failures-1, 16), longestWait)
	return wait/2 + rand.N(wait/2)
}

func (e *Engine) isStopping() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}

// child is one child process.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer // closing it asks the engine to stop
	logs   []tailedFile
	exited chan struct{} // closed when it is gone
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// kill ends the child at once and waits for that.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.exited
}

func (e *Engine) launch() (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	if err := rotate(e.cfg.consoleFile()); err != nil {
		return nil, err
	}
	console, err := os.OpenFile(e.cfg.consoleFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open engine log: %w", err)
	}
	defer console.Close() // the child has its own
	cmd := exec.Command(self, ChildCommand, "-library", e.library, "-config", e.cfg.configDir(),
		"-store", e.cfg.storeDir(), "-port", strconv.Itoa(e.port))
	// Nothing of the collector's environment, which may hold its keys.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + e.cfg.home(), "TMPDIR=" + e.cfg.storeDir(), "TZ=UTC", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.ExtraFiles = []*os.File{e.lock} // held until the child is gone too
	cmd.SysProcAttr = childAttributes()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start engine: %w", err)
	}
	crashes := tailFrom(e.cfg.errorLogFile())
	crashes.fatalOnly = true
	logs := []tailedFile{tailFrom(e.cfg.consoleFile()), crashes}
	if err := cmd.Start(); err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("start engine: %w", err)
	}
	c := &child{cmd: cmd, stdin: stdin, logs: logs, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // told by cmd.ProcessState
		close(c.exited)
	}()
	e.mu.Lock()
	e.state.PID = c.pid()
	e.mu.Unlock()
	return c, nil
}

// awaitReady returns nil when the child answers and has the databases.
func (e *Engine) awaitReady(c *child) error {
	ctx, cancel := context.WithTimeout(e.abandon, e.cfg.ReadyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	last := errors.New("no answer")
	for {
		select {
		case <-tick.C:
		case <-c.exited:
			return c.exitReason()
		case <-e.stopping:
			return errors.New("stopped while starting")
		case <-ctx.Done():
			return fmt.Errorf("it was not ready within %s: %w%s", e.cfg.ReadyTimeout, last, c.logTail())
		}
		if last = e.Ping(ctx); last != nil {
			continue
		}
		if err := e.exec(ctx, "SELECT file('"+filepath.Join(e.cfg.configDir(), configXML)+"')"); err == nil {
			return errors.New("this engine lets SQL statements read files of this machine, so it is not used")
		}
		for _, name := range e.cfg.Databases {
			if err := e.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+name); err != nil {
				return fmt.Errorf("create database %s: %w", name, err)
			}
		}
		return nil
	}
}

// watch returns when the child has ended: with nil when Stop asked for it.
func (e *Engine) watch(c *child) error {
	select {
	case <-c.exited:
		return c.exitReason()
	case <-e.stopping:
	}
	grace := e.cfg.StopGrace
	if !e.busy() {
		grace = min(grace, idleGrace)
	}
	e.client.CloseIdleConnections() // the engine would wait for ours too
	_ = c.stdin.Close()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-c.exited:
		return nil
	case <-patience.C:
	case <-e.abandon.Done():
	}
	// With its pipe closed the child ends at once on SIGTERM.
	e.cfg.Log.Debug("engine has open connections left, ending it without them", "pid", c.pid())
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
		return nil
	case <-time.After(termGrace):
	}
	c.kill()
	e.mu.Lock()
	e.state.Killed = true
	e.mu.Unlock()
	return nil
}

// busy reports whether queries are running, as far as can be told.
func (e *Engine) busy() bool {
	ctx, cancel := context.WithTimeout(e.abandon, time.Second)
	defer cancel()
	return e.exec(ctx, "SELECT throwIf(count() > 1) FROM system.processes") != nil
}

// account adds up what an ended child has used.
func (e *Engine) account(c *child) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.PID = 0
	e.ended += (c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()).Seconds()
}

// exitReason says how a child that has exited ended.
func (c *child) exitReason() error {
	return fmt.Errorf("it ended with %s%s", c.cmd.ProcessState, c.logTail())
}

// exec runs one statement as the application's user.
func (e *Engine) exec(ctx context.Context, statement string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Addr()+"/", strings.NewReader(statement))
	if err != nil {
		return err
	}
	req.SetBasicAuth(AppUser, e.app)
	res, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("engine answered %s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
