//go:build linux || darwin

package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

const libraryContent = "the engine's library"

// tarball makes a package as npm packs it.
func tarball(t *testing.T, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		if err := archive.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func goodTarball(t *testing.T) []byte {
	return tarball(t, [2]string{"package/index.js", "x"}, [2]string{"package/" + libraryName, libraryContent}, [2]string{"package/package.json", "{}"})
}

func digest(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// fakeNpm puts a shell script named npm first into PATH. The script sees its
// arguments and, as $out, the folder that the tarball is to go to.
func fakeNpm(t *testing.T, packed []byte, script string) (calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "packed.tgz"), packed, 0o600); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\nhere='" + dir + "'\necho \"$*\" >> \"$here/calls\"\nout=$5\ncache=$7\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() []string {
		text, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

const deliver = `cp "$here/packed.tgz" "$out/chdb-lib.tgz"`

func TestFetch(t *testing.T) {
	good := goodTarball(t)
	for name, c := range map[string]struct {
		packed    []byte
		integrity string // empty: the packed bytes'
		script    string
		fails     []string // what the error says; nil: no error
	}{
		"good":               {packed: good, script: deliver},
		"without a pin":      {packed: good, integrity: "none", script: deliver},
		"npm's old name":     {packed: good, script: `cp "$here/packed.tgz" "$out/@chdb-lib.tgz"; echo '[{"filename":"@chdb/lib.tgz"}]'`},
		"wrong integrity":    {packed: good, integrity: digest([]byte("other")), script: deliver, fails: []string{"not the package that was pinned", digest(good), digest([]byte("other"))}},
		"one byte more":      {packed: append(bytes.Clone(good), 0), integrity: digest(good), script: deliver, fails: []string{"unpack"}},
		"truncated":          {packed: good[:len(good)-20], script: deliver, fails: []string{"unpack"}},
		"truncated, no pin":  {packed: good[:len(good)/2], integrity: "none", script: deliver, fails: []string{"unpack"}},
		"empty":              {packed: nil, script: deliver, fails: []string{"unpack"}},
		"not gzip":           {packed: []byte("<html>proxy login</html>"), script: deliver, fails: []string{"unpack"}},
		"library missing":    {packed: tarball(t, [2]string{"package/index.js", "x"}), script: deliver, fails: []string{"no libchdb.so in it"}},
		"library elsewhere":  {packed: tarball(t, [2]string{"../" + libraryName, "x"}, [2]string{"package/x/" + libraryName, "x"}), script: deliver, fails: []string{"no libchdb.so in it"}},
		"npm fails":          {packed: good, script: `echo "npm error code E404" >&2; echo "npm error A complete log of this run can be found in: x" >&2; exit 1`, fails: []string{"npm pack failed", "exit status 1", "code E404"}},
		"npm fails silently": {packed: good, script: `exit 7`, fails: []string{"exit status 7", "gave no reason"}},
		"npm leaves nothing": {packed: good, script: `true`, fails: []string{"0 tarballs"}},
		"npm leaves two":     {packed: good, script: deliver + `; cp "$here/packed.tgz" "$out/b.tgz"`, fails: []string{"2 tarballs"}},
		"npm is killed":      {packed: good, script: `kill -9 $$`, fails: []string{"signal: killed"}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := fakeNpm(t, c.packed, c.script)
			p := npmPackage{platform: "test-x64", name: "@chdb/lib-test-x64", integrity: c.integrity}
			switch c.integrity {
			case "":
				p.integrity = digest(c.packed)
			case "none":
				p.integrity = ""
			}
			var said bytes.Buffer
			cache := filepath.Join(t.TempDir(), "a", "b")
			path, err := p.find(t.Context(), Config{Cache: cache, Progress: &said})
			folder := filepath.Join(cache, Version+"-test-x64")
			left, globErr := filepath.Glob(folder + "/*")
			if globErr != nil {
				t.Fatal(globErr)
			}
			if c.fails != nil {
				if !errors.Is(err, ErrFetch) {
					t.Fatalf("got %v", err)
				}
				for _, want := range append(c.fails, "--clickhouse-dsn", "--engine-library", p.name) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q: %v", want, err)
					}
				}
				if len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != libraryContent {
				t.Errorf("library: %q, %v", got, err)
			}
			if diff := cmp.Diff([]string{filepath.Join(folder, libraryName)}, left); diff != "" {
				t.Errorf("left in the cache (-want +got):\n%s", diff)
			}
			for _, want := range []string{"fetching ClickHouse engine " + Version, "178 MB", "checking", "ready after", path} {
				if !strings.Contains(said.String(), want) {
					t.Errorf("progress does not say %q:\n%s", want, said.String())
				}
			}
			// It is there now: nothing is fetched or said.
			said.Reset()
			if again, err := p.find(t.Context(), Config{Cache: cache, Progress: &said}); err != nil || again != path || said.Len() != 0 {
				t.Errorf("second time: %q, %v, %q", again, err, said.String())
			}
			got := calls()
			if len(got) != 1 {
				t.Fatalf("npm was called %d times", len(got))
			}
			args := strings.Fields(got[0])
			if diff := cmp.Diff([]string{"pack", p.name + "@" + Version, "--json", "--pack-destination", "", "--cache", ""},
				[]string{args[0], args[1], args[2], args[3], "", args[5], ""}); diff != "" {
				t.Errorf("npm's arguments (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(args[4], folder) || !strings.HasPrefix(args[6], folder) {
				t.Errorf("npm was to write outside the cache: %v", args)
			}
		})
	}
}

func TestFetchWithoutNpm(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := npmPackage{platform: "test", name: "@chdb/lib-test"}
	_, err := p.find(t.Context(), Config{Cache: t.TempDir()})
	if !errors.Is(err, errNoNpm) || !strings.Contains(err.Error(), "--clickhouse-dsn") || !strings.Contains(err.Error(), "--engine-library") {
		t.Errorf("got %v", err)
	}
}

func TestFetchOnceForMany(t *testing.T) {
	packed := goodTarball(t)
	calls := fakeNpm(t, packed, "sleep 0.2\n"+deliver)
	p := npmPackage{platform: "test", name: "@chdb/lib-test", integrity: digest(packed)}
	cache := t.TempDir()
	var wg sync.WaitGroup
	for range 5 { // locks belong to open files: goroutines compete like processes
		wg.Go(func() {
			path, err := p.find(t.Context(), Config{Cache: cache})
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != libraryContent {
				t.Errorf("library: %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := len(calls()); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

func TestFetchInterruptedAndTakenUp(t *testing.T) {
	packed := goodTarball(t)
	fakeNpm(t, packed, `echo part > "$cache/part"; touch "$here/started"; exec sleep 60`)
	p := npmPackage{platform: "test", name: "@chdb/lib-test", integrity: digest(packed)}
	cache := t.TempDir()
	folder := filepath.Join(cache, Version+"-test")
	// What a process that was killed while fetching leaves.
	stale := filepath.Join(folder, "fetch-123", "cache")
	if err := os.MkdirAll(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := p.find(ctx, Config{Cache: cache}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("npm was not ended: %s", took)
	}
	if left, _ := filepath.Glob(folder + "/*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	fakeNpm(t, packed, deliver)
	if _, err := p.find(t.Context(), Config{Cache: cache}); err != nil {
		t.Errorf("second attempt: %v", err)
	}
}

func TestWaitForTheOneWhoFetches(t *testing.T) {
	p := npmPackage{platform: "test", name: "@chdb/lib-test"}
	cache := t.TempDir()
	lock, err := acquireLock(t.Context(), filepath.Join(cache, Version+"-test.lock"), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var said bytes.Buffer
	if _, err := p.find(ctx, Config{Cache: cache, Progress: &said}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if want := fmt.Sprintf("waiting for process %d", os.Getpid()); !strings.Contains(said.String(), want) {
		t.Errorf("said %q, want %q", said.String(), want)
	}
}

func TestProgress(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "a/y", "a/b/z"} {
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if size := folderSize(folder); size != 3000 {
		t.Errorf("folder's size %d, want 3000", size)
	}
	if size := folderSize(filepath.Join(folder, "none")); size != 0 {
		t.Errorf("no folder's size %d", size)
	}
	for _, c := range []struct {
		size int64
		want string
	}{
		{0, "    0%  0 MB  0.0 MB/s"},
		{89_000_000, "   50%  89 MB  44.5 MB/s"},
		{500_000_000, "   99%  500 MB  250.0 MB/s"},
	} {
		if got := progressLine(c.size, 2*time.Second); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestUnpackOverwritesNothing(t *testing.T) {
	packed := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(packed, goodTarball(t), 0o600); err != nil {
		t.Fatal(err)
	}
	// A file that is there already, a link say, is not written through.
	target := filepath.Join(t.TempDir(), "lib")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := unpackLibrary(t.Context(), packed, target); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := unpackLibrary(ctx, packed, target+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFetchLogsTheDigest(t *testing.T) {
	packed := goodTarball(t)
	fakeNpm(t, packed, deliver)
	var log bytes.Buffer
	p := npmPackage{platform: "test", name: "@chdb/lib-test"}
	if _, err := p.find(t.Context(), Config{Cache: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), digest(packed)) {
		t.Errorf("the log does not tell what was fetched: %s", log.String())
	}
}
