package engine

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPackageFor(t *testing.T) {
	for _, c := range []struct {
		goos, goarch string
		glibc        bool
		want         string
		pinned       bool
	}{
		{"linux", "amd64", true, "@chdb/lib-linux-x64-gnu", true},
		{"linux", "arm64", true, "@chdb/lib-linux-arm64-gnu", false},
		{"darwin", "arm64", false, "@chdb/lib-darwin-arm64", false},
		{"darwin", "amd64", false, "@chdb/lib-darwin-x64", false},
		{"linux", "amd64", false, "", false},
		{"linux", "riscv64", true, "", false},
		{"windows", "amd64", false, "", false},
		{"freebsd", "amd64", false, "", false},
	} {
		p, err := packageFor(c.goos, c.goarch, c.glibc)
		if c.want == "" {
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "--clickhouse-dsn") || !strings.Contains(err.Error(), c.goos+"/"+c.goarch) {
				t.Errorf("%s/%s: %v", c.goos, c.goarch, err)
			}
			continue
		}
		if err != nil || p.name != c.want || (p.integrity != "") != c.pinned {
			t.Errorf("%s/%s: %+v, %v", c.goos, c.goarch, p, err)
		}
	}
	if hasGlibc(fstest.MapFS{"lib/ld-musl-x86_64.so.1": {}}) || !hasGlibc(fstest.MapFS{"lib/ld-linux-aarch64.so.1": {}}) {
		t.Error("the C library is not told apart")
	}
}

func TestMemory(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		machine uint64
		root    fs.FS
		want    uint64
	}{
		"plain machine": {8 * gib, fstest.MapFS{}, 8 * gib},
		"unknown":       {0, fstest.MapFS{}, fallbackMemory},
		"container, version 2": {8 * gib, fstest.MapFS{
			"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("1073741824\n")},
		}, gib},
		"container without cgroup file": {8 * gib, fstest.MapFS{"sys/fs/cgroup/memory.max": {Data: []byte("1073741824\n")}}, gib},
		"service, limit on the parent": {8 * gib, fstest.MapFS{
			"proc/self/cgroup":                                {Data: []byte("0::/system.slice/x.service\n")},
			"sys/fs/cgroup/system.slice/memory.max":           {Data: []byte("2147483648\n")},
			"sys/fs/cgroup/system.slice/x.service/memory.max": {Data: []byte("max\n")},
		}, 2 * gib},
		"version 1": {8 * gib, fstest.MapFS{
			"proc/self/cgroup": {Data: []byte("5:cpu,memory:/docker/abc\n3:pids:/x\n")},
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": {Data: []byte("3221225472\n")},
		}, 3 * gib},
		"version 1, none": {8 * gib, fstest.MapFS{
			"proc/self/cgroup": {Data: []byte("5:memory:/\n")}, "sys/fs/cgroup/memory/memory.limit_in_bytes": {Data: []byte("9223372036854771712\n")},
		}, 8 * gib},
		"odd files": {8 * gib, fstest.MapFS{
			"proc/self/cgroup": {Data: []byte("nonsense\n0::/../../etc\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("many\n")},
		}, 8 * gib},
	} {
		if got := memoryOf(c.machine, c.root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if got := availableMemory(); got < 64<<20 {
		t.Errorf("this machine has %d bytes of memory", got)
	}
}

func TestSettingsAreWellFormed(t *testing.T) {
	cfg, err := Config{Data: filepath.Join(t.TempDir(), `a & <b> "c" 'd' {{.X}} é`), AnalystPassword: `<&">`, Memory: 1 << 30, CPUs: 2}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if err := makeFolders(cfg); err != nil {
		t.Fatal(err)
	}
	if err := newSettings(cfg, "app-secret", "backup-secret", cfg.AnalystPassword, 20_000).write(cfg.configDir()); err != nil {
		t.Fatal(err)
	}
	read := map[string]string{}
	for _, name := range []string{configXML, usersXML} {
		path := filepath.Join(cfg.configDir(), name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v, %v", name, info, err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("app-secret")) || bytes.Contains(text, []byte("no value")) {
			t.Errorf("%s holds a password, or a hole", name)
		}
		var where []string
		decoder := xml.NewDecoder(bytes.NewReader(text))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				where = append(where, token.Name.Local)
			case xml.EndElement:
				where = where[:len(where)-1]
			case xml.CharData:
				if s := strings.TrimSpace(string(token)); s != "" {
					read[strings.Join(where[1:], "/")] = s
				}
			}
		}
	}
	for path, want := range map[string]string{
		"users_config":                          filepath.Join(cfg.configDir(), usersXML),
		"logger/log":                            filepath.Join(cfg.logDir(), "clickhouse.log"),
		"max_server_memory_usage":               "1073741824",
		"profiles/analyst/readonly":             "2",
		"profiles/analyst/max_execution_time":   "60",
		"profiles/analyst/max_memory_usage":     "268435456",
		"profiles/analyst/max_result_rows":      "1000000",
		"profiles/app/optimize_on_insert":       "0",
		"users/analyst/grants/query":            "GRANT SELECT ON tributary_views.*",
		"users/analyst/default_database":        "tributary_views",
		"users/analyst/password_sha256_hex":     passwordHash(`<&">`),
		"users/default/grants/query":            "GRANT SYSTEM LISTEN ON *.*",
		"merge_tree/max_parts_to_merge_at_once": "38",
		"background_pool_size":                  "2",
	} {
		if diff := cmp.Diff(want, read[path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestPartsAtOnce(t *testing.T) {
	for _, c := range []struct {
		files  uint64
		merges int
		want   int
	}{{0, 2, 32}, {256, 2, 8}, {1024, 2, 8}, {20_000, 2, 38}, {1 << 20, 2, 100}, {1 << 20, 16, 100}, {65_536, 16, 15}} {
		if got := partsAtOnce(c.files, c.merges); got != c.want {
			t.Errorf("%d files, %d merges: %d, want %d", c.files, c.merges, got, c.want)
		}
	}
}

func TestBackOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1_000_000).Draw(t, "failures")
		wait := backOff(n)
		most := longestWait
		if n < 16 {
			most = min(longestWait, shortestWait<<(n-1))
		}
		if wait < most/2 || wait > most {
			t.Fatalf("after %d failures %s, not within %s and %s", n, wait, most/2, most)
		}
	})
}

func TestSecret(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s")
	first, err := secret(name)
	if err != nil || len(first) != 64 {
		t.Fatalf("%q, %v", first, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if again, err := secret(name); err != nil || again != first {
		t.Errorf("second time %q, %v", again, err)
	}
	if err := os.WriteFile(name, []byte(" mine \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if given, err := secret(name); err != nil || given != "mine" {
		t.Errorf("the user's own: %q, %v", given, err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := secret(name); err != nil || len(made) != 64 || made == first {
		t.Errorf("instead of an empty one: %q, %v", made, err)
	}
	if _, err := secret(filepath.Join(name, "x")); err == nil {
		t.Error("a secret below a file")
	}
}

func TestLockIsHandedOn(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := acquireLock(t.Context(), name, func(string) { t.Error("waited for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan string, 1)
	got := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f, err := acquireLock(ctx, name, func(holder string) { waiting <- holder })
		if err == nil {
			err = f.Close()
		}
		got <- err
	}()
	if holder := <-waiting; holder == "unknown" {
		t.Error("the holder is not named")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestLogTail(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "log")
	if got := tailFrom(name).lines(); got != nil {
		t.Errorf("of no file: %q", got)
	}
	if err := os.WriteFile(name, []byte("an older child's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := tailFrom(name)
	if got := from.lines(); len(got) != 0 {
		t.Errorf("an older child's lines: %q", got)
	}
	var b strings.Builder
	for range 100 {
		b.WriteString(strings.Repeat("x", 50) + "\n")
	}
	b.WriteString("\xff last\n")
	if err := os.WriteFile(name, []byte("an older child's\n"+b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := from.lines(); len(got) != tailLines || got[tailLines-1] != "? last" {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(name, []byte("fresh\n"), 0o600); err != nil { // rotated
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"fresh"}, from.lines()); diff != "" {
		t.Error(diff)
	}
	// Of the engine's own log only what tells of a crash, without the query.
	own := filepath.Join(folder, "clickhouse-error.log")
	fatal := tailFrom(own)
	fatal.fatalOnly = true
	if err := os.WriteFile(own, []byte("2026.01.02 03:04:05 [ 7 ] {} <Error> executeQuery: ann@example.com\nann@example.com\n"+
		"2026.01.02 03:04:06 [ 7 ] {} <Fatal> ClientBase: (from thread 8) (query: SELECT 'ann@example.com') Received signal 11\n"+
		"2026.01.02 03:04:06 [ 7 ] {} <Fatal> ClientBase: 3. abort @ 0x01\n"+
		"2026.01.02 03:04:07 [ 7 ] {} <Fatal> ClientBase: Signal description: "+strings.Repeat("x", 1000)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := fatal.lines()
	if len(got) != 2 || strings.Contains(strings.Join(got, ""), "ann@") || len(got[1]) > 400 || !strings.Contains(got[0], "Received signal 11") {
		t.Errorf("crash report: %q", got)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, consoleMax), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rotate(large); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(large + ".1"); err != nil {
		t.Error(err)
	}
}
