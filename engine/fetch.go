package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fetcher gets one library through the ordinary npm client, so that whatever
// registry, proxy and certificates the user has set up there hold.
type fetcher struct {
	npmPackage
	target   string // where the library goes
	progress io.Writer
	log      *slog.Logger
}

var errNoNpm = errors.New("npm was not found: install Node.js with npm")

func (f fetcher) fetch(ctx context.Context) error {
	dir := filepath.Dir(f.target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create cache folder: %w", err)
	}
	lock, err := acquireLock(ctx, dir+".lock", func(holder string) {
		fmt.Fprintf(f.progress, "waiting for process %s, which is fetching the ClickHouse engine\n", holder)
	})
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(f.target); err == nil {
		return nil // fetched by the one waited for
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errNoNpm
	}

	// On the target's file system, so that the last step is a rename. What a
	// killed fetch left is cleared away: the lock says nobody uses it.
	if stale, err := filepath.Glob(filepath.Join(dir, "fetch-*")); err == nil {
		for _, s := range stale {
			_ = os.RemoveAll(s)
		}
	}
	work, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(work)

	start := time.Now()
	tarball, err := f.download(ctx, npm, work)
	if err != nil {
		return err
	}
	fmt.Fprintln(f.progress, "checking and unpacking it")
	unpacked := filepath.Join(work, libraryName)
	size, digest, err := unpackLibrary(ctx, tarball, unpacked)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(tarball), err)
	}
	if f.integrity != "" && digest != f.integrity {
		return fmt.Errorf("what was downloaded is not the package that was pinned: its digest is %s, expected %s", digest, f.integrity)
	}
	if err := os.Rename(unpacked, f.target); err != nil {
		return fmt.Errorf("keep library: %w", err)
	}
	took := time.Since(start).Round(100 * time.Millisecond)
	fmt.Fprintf(f.progress, "ClickHouse engine ready after %s: %s\n", took, f.target)
	f.log.Info("engine fetched", "package", f.name, "version", Version, "integrity", digest, "bytes", size, "took", took, "path", f.target)
	return nil
}

// download has npm put the package's tarball into a folder below work.
func (f fetcher) download(ctx context.Context, npm, work string) (string, error) {
	cache := filepath.Join(work, "cache")
	for _, d := range []string{cache, filepath.Join(work, "out")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return "", fmt.Errorf("create folder: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, npm, "pack", f.name+"@"+Version, "--json",
		"--pack-destination", filepath.Join(work, "out"), "--cache", cache)
	cmd.Dir = work // a project's own npm settings are not meant for this
	cmd.WaitDelay = 5 * time.Second
	var stderr tailBuffer
	cmd.Stdout = io.Discard
	cmd.Stderr = &stderr

	shown := showProgress(f.progress, "fetching ClickHouse engine "+Version, cache)
	err := cmd.Run()
	shown(err == nil)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("npm pack failed (%w): %s", err, npmReason(stderr.kept))
	}
	// npm's own idea of the file's name has changed between its versions.
	found, err := filepath.Glob(filepath.Join(work, "out", "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack left %d tarballs, expected one: %s", len(found), npmReason(stderr.kept))
	}
	return found[0], nil
}

// npmReason makes one line of what npm wrote to standard error.
func npmReason(stderr []byte) string {
	var said []string
	for line := range strings.Lines(string(stderr)) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "npm error"))
		if line != "" && !strings.HasPrefix(line, "A complete log of this run") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "npm gave no reason"
	}
	return strings.Join(said[max(0, len(said)-8):], "; ")
}

// tailBuffer keeps the last 4 kB written to it.
type tailBuffer struct{ kept []byte }

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-4096):]
	return len(p), nil
}
