// Package backup owns how a backup looks outside the server: a tar archive of what
// ClickHouse's own BACKUP wrote, with a manifest in front and a checksum of every file
// at the end.
//
// Invariants:
//   - An archive is written and read in constant memory.
//   - Unpack succeeds only with every file that Pack wrote, byte for byte: an archive
//     that was cut off or changed is refused before anything is restored from it.
//   - Unpack writes nothing outside the folder that it is given.
package backup

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrDamaged says that an archive is not what Pack wrote.
var ErrDamaged = errors.New("the backup is damaged or cut off")

// Manifest says what an archive is.
type Manifest struct {
	Format    int       `json:"format"` // 1
	Program   string    `json:"program"`
	CreatedAt time.Time `json:"created_at"`
}

const (
	format       = 1
	manifestName = "manifest.json"
	sumsName     = "SHA256SUMS"
	filesFolder  = "files"
	maxManifest  = 1 << 20
	maxSums      = 1 << 30
)

// Pack writes a folder as an archive.
func Pack(w io.Writer, folder string, m Manifest) error {
	m.Format = format
	head, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	archive := tar.NewWriter(w)
	p := packer{archive: archive, at: m.CreatedAt}
	if err := p.bytes(manifestName, head); err != nil {
		return err
	}
	err = filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return p.file(name, path.Join(filesFolder, filepath.ToSlash(relative)))
	})
	if err != nil {
		return fmt.Errorf("pack backup: %w", err)
	}
	if err := p.bytes(sumsName, []byte(p.sums.String())); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("pack backup: %w", err)
	}
	return nil
}

type packer struct {
	archive *tar.Writer
	at      time.Time
	sums    strings.Builder // "hash  name" a line, as sha256sum has it
}

func (p *packer) header(name string, size int64) error {
	err := p.archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: size, ModTime: p.at})
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}

func (p *packer) bytes(name string, data []byte) error {
	if err := p.header(name, int64(len(data))); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	p.note(name, sum[:])
	if _, err := p.archive.Write(data); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}

func (p *packer) file(source, name string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := p.header(name, info.Size()); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(p.archive, sum), f); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	p.note(name, sum.Sum(nil))
	return nil
}

func (p *packer) note(name string, sum []byte) {
	fmt.Fprintf(&p.sums, "%s  %s\n", hex.EncodeToString(sum), name)
}

// Unpack reads an archive into a folder, which it makes. It returns ErrDamaged for
// anything but a whole archive; what it has written by then is the caller's to remove.
func Unpack(r io.Reader, folder string) (m Manifest, err error) {
	archive := tar.NewReader(bufio.NewReaderSize(r, 1<<20))
	sums := map[string]string{}
	for first := true; ; first = false {
		h, err := archive.Next()
		if err != nil {
			return m, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		switch {
		case first != (h.Name == manifestName):
			return m, fmt.Errorf("%w: it does not begin with a manifest", ErrDamaged)
		case h.Name == manifestName:
			data, err := readSmall(archive, h, maxManifest)
			if err != nil {
				return m, err
			}
			if err := json.Unmarshal(data, &m); err != nil {
				return m, fmt.Errorf("%w: its manifest is not readable: %w", ErrDamaged, err)
			}
			if m.Format != format {
				return m, fmt.Errorf("the backup has format %d, this program reads %d", m.Format, format)
			}
			sum := sha256.Sum256(data)
			sums[h.Name] = hex.EncodeToString(sum[:])
		case h.Name == sumsName:
			data, err := readSmall(archive, h, maxSums)
			if err != nil {
				return m, err
			}
			return m, compare(string(data), sums)
		default:
			if sums[h.Name], err = unpackFile(archive, h, folder); err != nil {
				return m, err
			}
		}
	}
}

func readSmall(r io.Reader, h *tar.Header, most int64) ([]byte, error) {
	if h.Size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, h.Name, h.Size)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, nil
}

func unpackFile(r io.Reader, h *tar.Header, folder string) (sum string, err error) {
	name, ok := strings.CutPrefix(h.Name, filesFolder+"/")
	if !ok || h.Typeflag != tar.TypeReg || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%w: it holds %q", ErrDamaged, h.Name)
	}
	target := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return "", fmt.Errorf("unpack backup: %w", err)
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("unpack backup: %w", err)
	}
	hash := sha256.New()
	if _, err = io.Copy(io.MultiWriter(f, hash), r); err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, f.Close())
}

// compare holds what was read against the list at the end.
func compare(list string, sums map[string]string) error {
	n := 0
	for line := range strings.Lines(list) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if sums[name] != sum {
			return fmt.Errorf("%w: the checksum of %s is wrong", ErrDamaged, name)
		}
		n++
	}
	if n != len(sums) {
		return fmt.Errorf("%w: it holds %d files and lists %d", ErrDamaged, len(sums), n)
	}
	return nil
}
