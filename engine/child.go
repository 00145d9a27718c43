//go:build (linux || darwin) && !noengine

package engine

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// built says whether this program can be the engine's child.
const built = true

// hangUpGrace is how long a child may take to stop after its parent is gone. The
// engine waits for connections that are open, which is of no use then, and to
// end it loses nothing.
const hangUpGrace = 2 * time.Second

// RunChild is the child process: the program calls it before anything else when
// its first argument is ChildCommand, with the arguments behind that one, and
// exits with what it returns. It runs the engine until standard input ends.
func RunChild(args []string) int {
	flags := flag.NewFlagSet(ChildCommand, flag.ContinueOnError)
	library := flags.String("library", "", "path of libchdb.so")
	config := flags.String("config", "", "folder of the configuration")
	store := flags.String("store", "", "folder of the data")
	port := flags.Int("port", 0, "loopback port")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *library == "" || *config == "" || *store == "" || *port == 0 {
		fmt.Fprintln(os.Stderr, ChildCommand+" is started by serve, not by hand")
		return 2
	}
	if err := prepareChild(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := noFiles(*config); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := runEngine(*library, engineArguments(*config, *store, *port)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// engineArguments opens the listener and then waits: the engine reads the second
// file of queries, which is the pipe from the parent, to its end before it looks
// at it. So the start-up session needs no table and no file function, and the
// end of the pipe ends the engine.
func engineArguments(config, store string, port int) []string {
	return []string{
		"clickhouse",
		"--config-file", filepath.Join(config, configXML),
		"--path", store,
		"--listen-host", "127.0.0.1",
		"--http_port", strconv.Itoa(port),
		"--queries-file", filepath.Join(config, startSQL),
		"--queries-file", "/dev/stdin",
	}
}

// prepareChild sets what belongs to the process as a whole.
func prepareChild() error {
	syscall.Umask(0o077)
	// When the machine runs out of memory the kernel takes the engine, which comes
	// back, rather than the collector, which holds what producers send meanwhile.
	// Linux only; a process may always raise its own score (proc(5)).
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("300"), 0o600)
	// A crash leaves no image of the memory, which holds people's data, behind.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	// A merge of wide parts opens hundreds of files. Some systems refuse the hard
	// limit as a soft one; then the one there is has to do.
	files.Cur = files.Max
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &files)

	// The parent alone decides when the engine stops. A service manager signals
	// every process of a service at once, and the collector still needs the
	// engine to drain into. SIGTERM counts once the parent is gone or has let go.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		waitHangUp(int(os.Stdin.Fd()))
		select { // forget what came while the parent was there
		case <-terminate:
		default:
		}
		select {
		case <-terminate:
		case <-time.After(hangUpGrace):
		}
		fmt.Fprintln(os.Stderr, "connections were still open: ending without them")
		os.Exit(0)
	}()
	return nil
}

// noFiles takes the file function away from SQL. The engine thinks it runs for
// one local user and lets everybody, the analyst too, call file('/any/path'); no
// grant or setting forbids it. But the function first asks for the working
// folder, whatever the path, and fails when there is none any more. So the
// engine starts in a folder that is removed before the listener opens, which
// the engine does when it reads the first file of queries: a named pipe whose
// writer waits for it. The parent checks that it worked, see awaitReady.
func noFiles(config string) error {
	folder, pipe := filepath.Join(config, "cwd"), filepath.Join(config, startSQL)
	for _, left := range []string{folder, pipe} {
		if err := os.RemoveAll(left); err != nil {
			return fmt.Errorf("prepare engine: %w", err)
		}
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("prepare engine: %w", err)
	}
	if err := os.Chdir(folder); err != nil {
		return fmt.Errorf("prepare engine: %w", err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		return fmt.Errorf("prepare engine: %w", err)
	}
	go func() {
		err := func() error {
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the engine reads
			if err != nil {
				return err
			}
			defer w.Close()
			if err := os.Remove(folder); err != nil {
				return err
			}
			_, err = io.WriteString(w, "SYSTEM START LISTEN HTTP\n")
			return err
		}()
		if err != nil {
			fmt.Fprintln(os.Stderr, "start engine:", err)
			os.Exit(1)
		}
	}()
	return nil
}

// waitHangUp returns when the other end of the pipe is closed. It reads nothing.
func waitHangUp(fd int) {
	for {
		polled := []unix.PollFd{{Fd: int32(fd)}}
		_, err := unix.Poll(polled, -1)
		if err == nil && polled[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// runEngine loads the library and runs its command-line program in this thread
// until that returns.
func runEngine(library string, args []string) error {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return fmt.Errorf("load engine %s: %w", library, err)
	}
	query, err := purego.Dlsym(handle, "chdb_query_cmdline")
	if err != nil {
		return fmt.Errorf("load engine %s: %w", library, err)
	}
	failure, err := purego.Dlsym(handle, "chdb_result_error")
	if err != nil {
		return fmt.Errorf("load engine %s: %w", library, err)
	}
	// The engine's handlers of fatal signals look for symbols in a library that
	// has none, for 4 seconds and more, before they let the process die. Without
	// them it is dead, and started again, at once.
	if symbol, err := purego.Dlsym(handle, "chdb_set_signal_handlers_enabled"); err == nil {
		var enableHandlers func(enabled int32)
		purego.RegisterFunc(&enableHandlers, symbol)
		enableHandlers(0)
	}
	var run func(argc int32, argv unsafe.Pointer) uintptr
	var resultError func(result uintptr) string
	purego.RegisterFunc(&run, query)
	purego.RegisterFunc(&resultError, failure)

	// argv and its strings are Go memory that the engine only reads, and only
	// until run returns.
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		argv[i] = &append([]byte(a), 0)[0]
	}
	result := run(int32(len(args)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if result == 0 {
		return nil
	}
	if text := resultError(result); text != "" {
		return fmt.Errorf("engine: %s", text)
	}
	return nil
}
