//go:build !linux && !darwin

package engine

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// No engine is published for this platform: Start refuses before any of these
// are called, they let the package build.

func availableMemory() uint64 { return fallbackMemory }

func reservePort() (port int, release func(), err error) { return 0, nil, errPlatform() }

func processUsage(int) (rss uint64, cpu float64) { return 0, 0 }

func openFilesLimit() uint64 { return 0 }

func childAttributes() *syscall.SysProcAttr { return nil }

func tryLock(*os.File) (bool, error) { return false, errPlatform() }

func errPlatform() error {
	return fmt.Errorf("%w (this is %s/%s)", ErrUnsupported, runtime.GOOS, runtime.GOARCH)
}
