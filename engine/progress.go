package engine

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"
)

const (
	terminalInterval = 200 * time.Millisecond // one line, rewritten
	plainInterval    = 3 * time.Second        // a line each
)

// showProgress tells w how a download into the folder goes on, until the
// returned function is called with whether it succeeded; that waits for the
// last line. A terminal sees one line that changes, anything else a line now
// and then.
func showProgress(w io.Writer, what, folder string) (done func(ok bool)) {
	interval, terminal := plainInterval, false
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		interval, terminal = terminalInterval, true
	}
	fmt.Fprintf(w, "%s through npm, about %d MB\n", what, packedSize/1_000_000)
	finished, stopped := make(chan bool), make(chan struct{})
	go func() {
		defer close(stopped)
		start := time.Now()
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				line := progressLine(folderSize(folder), time.Since(start))
				if terminal {
					fmt.Fprint(w, "\r\x1b[K"+line)
				} else {
					fmt.Fprintln(w, line)
				}
			case ok := <-finished:
				if terminal {
					fmt.Fprint(w, "\r\x1b[K")
				}
				if ok {
					fmt.Fprintf(w, "  downloaded in %.1f s\n", time.Since(start).Seconds())
				}
				return
			}
		}
	}()
	return func(ok bool) {
		finished <- ok
		<-stopped
	}
}

// progressLine says how far a download is. Its size is known only nearly, so it
// shows 99% at most.
func progressLine(size int64, elapsed time.Duration) string {
	mb := float64(size) / 1e6
	return fmt.Sprintf("  %3d%%  %.0f MB  %.1f MB/s", min(99, size*100/packedSize), mb, mb/max(elapsed.Seconds(), 0.001))
}

// folderSize adds up the files below a folder; files that vanish meanwhile do
// not count.
func folderSize(folder string) (total int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
