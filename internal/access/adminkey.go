package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// AdminKeyFile is the name of the administrator's key in the secrets folder.
const AdminKeyFile = "admin-key"

// weakBelow is how many characters a configured key should have at least.
const weakBelow = 16

// WeakKey tells whether a configured key is so short that it could be guessed: worth
// a warning, as nothing slows guessing down.
func WeakKey(key string) bool { return len(key) < weakBelow }

// LoadOrCreateAdminKey returns the configured key if there is one, else the one
// in dir, made at the first call. The file has mode 0600 and dir, where it has
// to be made, 0700. Of two processes that start at once both get the same key.
func LoadOrCreateAdminKey(dir, configured string) (string, error) {
	if configured != "" {
		if err := checkKey(configured); err != nil {
			return "", fmt.Errorf("administrator's key (--admin-key): %w", err)
		}
		return configured, nil
	}
	path := filepath.Join(dir, AdminKeyFile)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(dir, path, NewSecret(Admin)); err != nil {
		return "", fmt.Errorf("keep the administrator's key: %w", err)
	}
	// Read it back: another process may have been first.
	return readKey(path)
}

func readKey(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the administrator's key: %w", err)
	}
	key := strings.TrimSpace(string(data))
	if err := checkKey(key); err != nil {
		return "", fmt.Errorf("administrator's key in %s: %w; mend the file or delete it to get a fresh key", path, err)
	}
	return key, nil
}

// createKey writes the key whole or not at all and never over another one.
func createKey(dir, path, key string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, AdminKeyFile+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(key + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link does not replace what another process just made.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// checkKey says whether a key can stand in an Authorization header.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("is empty")
	case len(key) > MaxSecret:
		return fmt.Errorf("is longer than %d bytes", MaxSecret)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("must consist of visible ASCII characters without blanks")
	}
	return nil
}
