//go:build linux || darwin

package engine_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/tributary-events/tributary/engine"
)

// killedParent starts an engine in a process of its own, does something with it,
// kills that process and returns the engine's pid.
func killedParent(t *testing.T, data string, before func(dsn string)) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, parentCommand, data)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // or it would end by itself
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("the parent did not start: %v", err)
	}
	var pid int
	var dsn string
	if _, err := fmt.Sscan(line, &pid, &dsn); err != nil {
		t.Fatal(err)
	}
	before(dsn)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = cmd.Wait()
	return pid
}

func TestKilledParentTakesTheEngineAlong(t *testing.T) {
	data := t.TempDir()
	pid := killedParent(t, data, func(dsn string) {
		run(t, connect(t, dsn), "CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO kept VALUES (7)")
		go func() { // still running at the kill
			conn := connect(t, dsn)
			_ = conn.Exec(t.Context(), "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1")
		}()
	})
	// A new start at once waits until the old engine has let go of the folder.
	e := start(t, engine.Config{Data: data})
	if alive(pid) {
		t.Error("two engines on one folder")
	}
	var n int64
	if err := connect(t, e.DSN()).QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("kept row: %d, %v", n, err)
	}
}

func TestKilledParentTakesAStuckEngineAlong(t *testing.T) {
	pid := killedParent(t, t.TempDir(), func(string) {})
	_ = syscall.Kill(pid, syscall.SIGTERM) // what a service manager sends next
	eventually(t, "the engine is gone with its parent", func() bool { return !alive(pid) })
}
