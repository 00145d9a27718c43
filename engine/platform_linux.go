package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// availableMemory returns in bytes what this process may use at most.
func availableMemory() uint64 {
	var info unix.Sysinfo_t
	machine := uint64(0)
	if err := unix.Sysinfo(&info); err == nil {
		machine = uint64(info.Totalram) * uint64(info.Unit)
	}
	return memoryOf(machine, os.DirFS("/"))
}

// reservePort chooses a free loopback port and keeps others from it: the socket
// is bound but never listens, so that the engine, which binds with SO_REUSEPORT
// too, can listen there as often as it restarts. The kernel shares such a port
// only among processes of one user (socket(7)): while the engine is down
// nobody else can take its place and be given its passwords.
func reservePort() (port int, release func(), err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	release = func() { _ = unix.Close(fd) }
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		release()
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		release()
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	addr, err := unix.Getsockname(fd)
	if err != nil {
		release()
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	return addr.(*unix.SockaddrInet4).Port, release, nil
}

// processUsage reads a live process's resident memory in bytes and the CPU time
// it has used in seconds (proc(5)); zeros when it is gone.
func processUsage(pid int) (rss uint64, cpu float64) {
	dir := "/proc/" + strconv.Itoa(pid)
	if text, err := os.ReadFile(dir + "/statm"); err == nil {
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseUint(f[1], 10, 64)
			rss = pages * uint64(os.Getpagesize())
		}
	}
	if text, err := os.ReadFile(dir + "/stat"); err == nil {
		// The second field is the command's name in brackets and may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		if f := strings.Fields(rest); len(f) > 12 {
			user, _ := strconv.ParseUint(f[11], 10, 64)
			system, _ := strconv.ParseUint(f[12], 10, 64)
			cpu = float64(user+system) / clockTicks
		}
	}
	return rss, cpu
}

// clockTicks is USER_HZ, which is 100 on every platform that the engine has.
const clockTicks = 100

func childAttributes() *syscall.SysProcAttr {
	// A group of its own: Ctrl-C in a terminal reaches the collector alone, which
	// then drains and stops the engine last.
	return &syscall.SysProcAttr{Setpgid: true}
}
