package engine

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// maxLibrary bounds what is unpacked: three times the real size.
const maxLibrary = 2 << 30

// unpackLibrary writes the one file needed of an npm tarball to target, on
// stable storage, and returns its size and the digest of the whole tarball as
// npm writes it ("sha512-" and base64). The digest covers every byte of the
// file, also those behind the end of the archive, and is known only at the end:
// the caller compares it before it uses target.
func unpackLibrary(ctx context.Context, tarball, target string) (size int64, digest string, err error) {
	in, err := os.Open(tarball)
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	hash := sha512.New()
	raw := bufio.NewReaderSize(io.TeeReader(contextReader{ctx, in}, hash), 1<<20)
	unzipped, err := gzip.NewReader(raw)
	if err != nil {
		return 0, "", err
	}
	archive := tar.NewReader(unzipped)
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return 0, "", fmt.Errorf("there is no %s in it", libraryName)
		}
		if err != nil {
			return 0, "", err
		}
		// npm puts every file of a package below "package/".
		if entry.Name == "package/"+libraryName && entry.Typeflag == tar.TypeReg {
			break
		}
	}
	if size, err = writeLibrary(archive, target); err != nil {
		return 0, "", err
	}
	// The rest of the archive, with its own checks, then of the file.
	if _, err := io.Copy(io.Discard, io.LimitReader(unzipped, maxLibrary)); err != nil {
		return 0, "", err
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return 0, "", err
	}
	return size, "sha512-" + base64.StdEncoding.EncodeToString(hash.Sum(nil)), nil
}

func writeLibrary(from io.Reader, target string) (int64, error) {
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(out, io.LimitReader(from, maxLibrary+1))
	if err == nil && size > maxLibrary {
		err = fmt.Errorf("%s is larger than %d MB", libraryName, maxLibrary/1_000_000)
	}
	return size, errors.Join(err, out.Sync(), out.Close())
}

// contextReader ends reading when its context does.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
