package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/engine/enginetest"
)

// listening returns the addresses that a process listens on, from proc(5): the
// kernel's table of sockets and the process's open files share inode numbers.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d", pid)
	files, err := filepath.Glob(dir + "/fd/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("open files of %d: %v", pid, err)
	}
	own := map[string]bool{}
	for _, f := range files {
		if target, err := os.Readlink(f); err == nil {
			own[target] = true
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(dir + "/net/" + table)
		if err != nil {
			continue // no IPv6 here
		}
		for line := range strings.Lines(string(text)) {
			// sl local_address rem_address st … inode
			f := strings.Fields(line)
			if len(f) < 10 || !own["socket:["+f[9]+"]"] {
				continue
			}
			if f[3] == "0A" || strings.HasPrefix(table, "udp") {
				found = append(found, table+" "+f[1])
			}
		}
	}
	return found
}

func TestEngineListensOnItsLoopbackPortOnly(t *testing.T) {
	e := enginetest.Start(t)
	var port int
	if _, err := fmt.Sscanf(e.Addr(), "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	// 127.0.0.1 in the byte order of this machine's kernel table.
	want := fmt.Sprintf("tcp 0100007F:%04X", port)
	if diff := cmp.Diff([]string{want}, listening(t, e.State().PID)); diff != "" {
		t.Errorf("listens on (-want +got):\n%s", diff)
	}
}

// The child gets what it needs of the collector's, and no more.
func TestChildSeesNoSecrets(t *testing.T) {
	t.Setenv("TRIBUTARY_ADMIN_KEY", "do-not-hand-on")
	e := start(t, engine.Config{})
	pid := e.State().PID
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"do-not-hand-on", e.AnalystPassword()} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds a secret", name)
			}
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "Max open files") && f[3] != f[4] {
			t.Errorf("open files are not raised: %s", line)
		}
		if strings.HasPrefix(line, "Max core file size") && f[4] != "0" {
			t.Errorf("a crash would write the memory to disk: %s", line)
		}
	}
	if score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid)); err != nil || strings.TrimSpace(string(score)) == "0" {
		t.Errorf("the kernel would as soon take the collector: %q, %v", score, err)
	}
}
