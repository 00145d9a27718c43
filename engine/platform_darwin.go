package engine

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// availableMemory returns in bytes what this process may use at most.
func availableMemory() uint64 {
	machine, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		machine = 0
	}
	return memoryOf(machine, os.DirFS("/"))
}

// reservePort chooses a free loopback port. Unlike on Linux it cannot be held
// while the engine restarts: a bound socket that does not listen would take
// connections away from the engine here.
func reservePort() (port int, release func(), err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, func() {}, nil
}

// processUsage has no source here that needs no cgo.
func processUsage(int) (rss uint64, cpu float64) { return 0, 0 }

func childAttributes() *syscall.SysProcAttr {
	// A group of its own: Ctrl-C in a terminal reaches the collector alone, which
	// then drains and stops the engine last.
	return &syscall.SysProcAttr{Setpgid: true}
}
