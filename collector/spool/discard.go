package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Discard deletes the copies of damaged records whose bytes match and returns how
// many it deleted. It may run at any time.
func (s *Spool) Discard(match func([]byte) bool) (n int, err error) {
	dir := filepath.Join(s.opts.Dir, damagedFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read damaged spool records: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return n, fmt.Errorf("read damaged spool record: %w", err)
		}
		if !match(data) {
			continue
		}
		if err := s.opts.Disk.Remove(path); err != nil {
			return n, fmt.Errorf("delete damaged spool record: %w", err)
		}
		n++
	}
	return n, nil
}
