package engine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secret returns the password kept in the file, or makes one of 32 random bytes
// and keeps it there. The caller holds the data folder's lock.
func secret(name string) (string, error) {
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		if s := strings.TrimSpace(string(text)); s != "" {
			return s, nil
		}
		// An empty file is what a crash between create and write could leave.
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("read secret: %w", err)
	}
	s := freshSecret()
	if err := writeFile(name, []byte(s+"\n")); err != nil {
		return "", fmt.Errorf("keep secret: %w", err)
	}
	return s, nil
}

// freshSecret is 32 random bytes in hexadecimal.
func freshSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand
	return hex.EncodeToString(random[:])
}

// writeFile replaces a file, readable for its owner only: there is the old
// content or the new, never a part.
func writeFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
