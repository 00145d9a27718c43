package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
)

const (
	// Version is the engine's package version, pinned.
	Version = "26.7.3-stable.1"
	// packedSize is about what a package weighs, for the progress shown.
	packedSize = 178_000_000

	libraryName = "libchdb.so"
)

var (
	// ErrUnsupported is wrapped by errors that say there is no engine for this
	// platform.
	ErrUnsupported = errors.New("the embedded ClickHouse runs on Linux with glibc (x86-64, arm64) and on macOS only: " +
		"give the address of a ClickHouse server with --clickhouse-dsn")
	// ErrFetch is wrapped by errors of fetching the engine's library.
	ErrFetch = errors.New("fetch the embedded ClickHouse")
)

// npmPackage is what is fetched for one platform.
type npmPackage struct {
	platform string // as in the package's name
	name     string
	// integrity is the tarball's digest in the form of the npm client, checked
	// here. Empty: npm's own check, against what its registry says, is the judge.
	integrity string
}

// packageFor returns the package for a platform. glibc says whether the system
// has that C library.
func packageFor(goos, goarch string, glibc bool) (npmPackage, error) {
	var p npmPackage
	switch {
	case goos == "linux" && !glibc:
		return p, fmt.Errorf("%w (no glibc was found on this %s/%s system)", ErrUnsupported, goos, goarch)
	case goos == "linux" && goarch == "amd64":
		p.platform = "linux-x64-gnu"
		p.integrity = "sha512-XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="
	// The tarballs of the other platforms were never in the hands of whoever
	// pinned the one above, so no digest of theirs stands here: npm compares what
	// it downloads with the digest that the registry publishes.
	case goos == "linux" && goarch == "arm64":
		p.platform = "linux-arm64-gnu"
	case goos == "darwin" && goarch == "arm64":
		p.platform = "darwin-arm64"
	case goos == "darwin" && goarch == "amd64":
		p.platform = "darwin-x64"
	default:
		return p, fmt.Errorf("%w (this is %s/%s)", ErrUnsupported, goos, goarch)
	}
	p.name = "@chdb/lib-" + p.platform
	return p, nil
}

// hasGlibc reports whether glibc's loader is where its ABI puts it.
func hasGlibc(root fs.FS) bool {
	for _, name := range []string{"lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"} {
		if _, err := fs.Stat(root, name); err == nil {
			return true
		}
	}
	return false
}

// CacheDir is where fetched libraries are kept unless Config.Cache says
// otherwise: the user's cache folder.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w", err)
	}
	return filepath.Join(dir, "tributary", "engine"), nil
}

// LibraryPath returns where the library for this platform is kept below the
// cache folder (empty: CacheDir()), whether it is there yet or not.
func LibraryPath(cache string) (string, error) {
	p, err := packageFor(runtime.GOOS, runtime.GOARCH, hasGlibc(os.DirFS("/")))
	if err != nil {
		return "", err
	}
	return p.path(cache)
}

func (p npmPackage) path(cache string) (string, error) {
	if cache == "" {
		var err error
		if cache, err = CacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(cache, Version+"-"+p.platform, libraryName), nil
}

// FindLibrary returns the path of the engine's library and fetches it into the
// cache folder first when it is not there: cfg.Library, cfg.Cache, cfg.Progress
// and cfg.Log are looked at. Several processes may call it at once: one fetches,
// the others wait. Errors wrap ErrUnsupported or ErrFetch and say what to do.
func FindLibrary(ctx context.Context, cfg Config) (string, error) {
	if !built {
		return "", fmt.Errorf("%w (this program was built without it, for %s/%s)", ErrUnsupported, runtime.GOOS, runtime.GOARCH)
	}
	if cfg.Library != "" {
		if info, err := os.Stat(cfg.Library); err != nil {
			return "", fmt.Errorf("--engine-library: %w", err)
		} else if !info.Mode().IsRegular() {
			return "", fmt.Errorf("--engine-library: %s is not a file", cfg.Library)
		}
		return filepath.Abs(cfg.Library)
	}
	p, err := packageFor(runtime.GOOS, runtime.GOARCH, hasGlibc(os.DirFS("/")))
	if err != nil {
		return "", err
	}
	return p.find(ctx, cfg)
}

func (p npmPackage) find(ctx context.Context, cfg Config) (string, error) {
	path, err := p.path(cfg.Cache)
	if err != nil {
		return "", err
	}
	// The file gets its name only when it is complete and checked.
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	f := fetcher{npmPackage: p, target: path, progress: cfg.Progress, log: cfg.Log}
	if f.progress == nil {
		f.progress = io.Discard
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if err := f.fetch(ctx); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("%w: %w", ErrFetch, err)
		}
		return "", fmt.Errorf("%w (npm package %s@%s): %w; mend that and start again, or give a copy of %s with --engine-library, "+
			"or use a ClickHouse server with --clickhouse-dsn", ErrFetch, p.name, Version, err, libraryName)
	}
	return path, nil
}
