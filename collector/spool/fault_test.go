package spool

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faulty is a disk on which the next calls of a kind fail.
type faulty struct {
	OS
	write, sync, create, cut error
	short                    int // bytes that a failing write writes all the same
}

type faultyFile struct {
	File
	disk *faulty
}

func (d *faulty) Create(path string) (File, error) {
	if d.create != nil {
		return nil, d.create
	}
	f, err := d.OS.Create(path)
	return faultyFile{f, d}, err
}

func (f faultyFile) Write(b []byte) (int, error) {
	if f.disk.write != nil {
		n, _ := f.File.Write(b[:min(len(b), f.disk.short)])
		return n, f.disk.write
	}
	return f.File.Write(b)
}

func (f faultyFile) Sync() error {
	if f.disk.sync != nil {
		return f.disk.sync
	}
	return f.File.Sync()
}

func (f faultyFile) Truncate(n int64) error {
	if f.disk.cut != nil {
		return f.disk.cut
	}
	return f.File.Truncate(n)
}

// After any failure of the disk: what was acknowledged is there, what was
// refused is not, and the spool goes on once the disk does.
func TestDiskFaults(t *testing.T) {
	full := &os.PathError{Op: "write", Err: syscall.ENOSPC}
	tests := []struct {
		name   string
		inject func(d *faulty)
	}{
		{"disk full", func(d *faulty) { d.write = full }},
		{"disk full in the middle of a record", func(d *faulty) { d.write, d.short = full, 20 }},
		{"fsync fails", func(d *faulty) { d.sync = syscall.EIO }},
		{"nothing works", func(d *faulty) { d.write, d.sync, d.create = full, syscall.EIO, full }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, disk := t.TempDir(), &faulty{}
			s := open(t, Options{Dir: dir, Disk: disk})
			put(t, s, "before")
			tt.inject(disk)
			for range 3 {
				_, _, err := s.Append([][]byte{[]byte("refused")})
				if err == nil {
					err = s.Sync()
				}
				if err == nil {
					t.Fatal("a failing disk was acknowledged")
				}
			}
			*disk = faulty{}
			put(t, s, "after")
			want := []string{"before", "after"}
			if diff := cmp.Diff(want, all(t, s)); diff != "" {
				t.Errorf("in the same run (-want +got):\n%s", diff)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, all(t, open(t, Options{Dir: dir}))); diff != "" {
				t.Errorf("after a restart (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailedSyncWhoseCutFailsTooLosesNothing(t *testing.T) {
	dir, disk := t.TempDir(), &faulty{}
	s := open(t, Options{Dir: dir, Disk: disk})
	put(t, s, "before")
	disk.sync, disk.cut = syscall.EIO, syscall.EIO
	if _, _, err := s.Append([][]byte{[]byte("unknown")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Sync: %v", err)
	}
	*disk = faulty{}
	put(t, s, "after")
	if diff := cmp.Diff([]string{"before", "after"}, all(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestKill kills a process with SIGKILL while it writes and tells every number
// that it acknowledged: each of them must be read back.
func TestKill(t *testing.T) {
	const variable = "SPOOL_TEST_WRITER"
	if dir := os.Getenv(variable); dir != "" {
		s, err := Open(Options{Dir: dir, SegmentSize: 4 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			put(t, s, fmt.Sprint(i))
			fmt.Println("ack", i)
		}
	}
	dir := t.TempDir()
	next := 0
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), variable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := -1
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "ack %d", &acked); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if acked == 150 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
		got := all(t, open(t, Options{Dir: dir}))
		mine := got[next:]
		if len(mine) <= acked {
			t.Fatalf("%d records are there, %d were acknowledged", len(mine), acked+1)
		}
		for i, x := range mine {
			if x != fmt.Sprint(i) {
				t.Fatalf("record %d is %q", i, x)
			}
		}
		next = len(got)
	}
}
