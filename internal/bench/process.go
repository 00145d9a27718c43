package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the unit of the times in /proc/PID/stat: USER_HZ, 100 on Linux.
const ticks = 100

// cpuSeconds is the processor time of a process so far.
func cpuSeconds(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the name, may hold blanks; it ends with ')'.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	return (user + system) / ticks, errors.Join(err1, err2)
}

// peakMemory is the most resident memory that a process has had, in bytes.
func peakMemory(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmHWM")
}

// server is a process under test.
type server struct {
	cmd  *exec.Cmd
	line string // the line of its output that was waited for
}

// launch starts a program and waits for a line that contains ready.
func launch(ctx context.Context, cmd *exec.Cmd, ready string) (*server, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), ready) {
				select {
				case found <- lines.Text():
				default:
				}
			}
		}
		close(found)
	}()
	select {
	case line, ok := <-found:
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s ended before it was ready", cmd.Path), cmd.Wait())
		}
		return &server{cmd: cmd, line: line}, nil
	case <-time.After(2 * time.Minute):
	case <-ctx.Done():
	}
	return nil, errors.Join(fmt.Errorf("%s was not ready in time", cmd.Path), cmd.Process.Kill(), cmd.Wait())
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}
