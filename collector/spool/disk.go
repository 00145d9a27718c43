package spool

import (
	"errors"
	"fmt"
	"os"
)

// Disk is what the appending side needs of a file system.
type Disk interface {
	// Create makes a new file for appending, mode 0600; it fails if there is one.
	Create(path string) (File, error)
	Remove(path string) error
	// SyncDir makes the names in the folder durable.
	SyncDir(path string) error
}

// File is an open segment.
type File interface {
	Write(b []byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// OS is the operating system's file system.
type OS struct{}

// Create implements Disk.
func (OS) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Remove implements Disk.
func (OS) Remove(path string) error { return os.Remove(path) }

// SyncDir implements Disk.
func (OS) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open folder to sync: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

type osFile struct{ *os.File }

// Sync flushes the data and the size of the file, not its times.
func (f osFile) Sync() error { return syncData(f.File) }
