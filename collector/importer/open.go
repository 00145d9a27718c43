package importer

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// sniff is how many bytes are looked at to tell what a file is.
const sniff = 64 << 10

var (
	magicGzip    = []byte{0x1f, 0x8b}
	magicParquet = []byte("PAR1")
	magicZip     = []byte("PK\x03\x04")
	magicXLS     = []byte("\xd0\xcf\x11\xe0")
)

// Open returns the rows of a file that is read as the plan says; gzip is recognised by
// itself. A Parquet file, which is read from its end, is first written to a temporary
// file in tempDir. Errors: *FileError, or what r returned.
func Open(r io.Reader, plan *Plan, tempDir string) (Source, error) {
	text, head, err := unpack(r)
	if err != nil {
		return nil, err
	}
	if plan.Format == Parquet {
		return openParquet(text, tempDir)
	}
	if bytes.HasPrefix(head, magicParquet) {
		return nil, broken(nil, "The file is Parquet, not %s.", plan.Format)
	}
	encoding := plan.Encoding
	if encoding == "" {
		encoding = UTF8
	}
	utf, err := decode(text, encoding, head)
	if err != nil {
		return nil, err
	}
	if plan.Format == NDJSON {
		return newNDJSON(utf, plan), nil
	}
	return newCSV(utf, plan)
}

// unpack returns the file without gzip, and its beginning.
func unpack(r io.Reader) (*bufio.Reader, []byte, error) {
	in := bufio.NewReaderSize(r, sniff)
	head, err := peek(in)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, magicGzip):
		guard := &gzipGuard{packed: counter{r: in}}
		if guard.z, err = gzip.NewReader(&guard.packed); err != nil {
			return nil, nil, guard.explain(err)
		}
		in = bufio.NewReaderSize(guard, sniff)
		if head, err = peek(in); err != nil {
			return nil, nil, err
		}
	case bytes.HasPrefix(head, magicZip):
		return nil, nil, broken(nil, "The file is a ZIP archive; an .xlsx file is one, too. Save the sheet as CSV (UTF-8) and import that.")
	case bytes.HasPrefix(head, magicXLS):
		return nil, nil, broken(nil, "The file is an Excel workbook. Save the sheet as CSV (UTF-8) and import that.")
	}
	if len(head) == 0 {
		return nil, nil, broken(nil, "The file is empty.")
	}
	return in, head, nil
}

func peek(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(sniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	return head, nil
}

// counter counts the bytes that were read through it and keeps its reader's error.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// What gzip may grow to. Exports shrink to a tenth, logs to a hundredth; a file of
// zeros to a thousandth.
const (
	maxRatio   = 250
	ratioAfter = 16 << 20
)

// gzipGuard reads gzip and stops where it was made to fill a disk.
type gzipGuard struct {
	packed counter
	z      *gzip.Reader
	n      int64
}

func (g *gzipGuard) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	g.n += int64(n)
	if g.n > ratioAfter && g.n/maxRatio > g.packed.n {
		return n, broken(nil, "The file grows to more than %d times its size when it is unpacked (a zip bomb). If it is meant to, unpack it and import the result.", maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, g.explain(err)
	}
	return n, err
}

func (g *gzipGuard) explain(err error) error {
	switch {
	case g.packed.err != nil:
		return g.packed.err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return broken(err, "The gzip file is cut off.")
	default:
		return broken(err, "The gzip file is damaged: %v.", err)
	}
}

// window is a part of a text, as long as the row that is being read.
type window struct {
	r          io.Reader
	buf        []byte
	start, end int // the unread part of buf
	err        error
}

const windowSize = 128 << 10

// fill reads on behind end. It returns false at the end of the text or where the
// unread part has max bytes.
func (w *window) fill(limit int) bool {
	if w.err != nil || w.end-w.start >= limit {
		return false
	}
	if w.start > 0 {
		w.end = copy(w.buf, w.buf[w.start:w.end])
		w.start = 0
	}
	if w.end == len(w.buf) {
		grown := make([]byte, min(max(2*len(w.buf), windowSize), limit))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	for range 100 {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		if err != nil {
			w.err = err
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	w.err = io.ErrNoProgress
	return false
}

// failed is the error that ended the text, nil for its end.
func (w *window) failed() error {
	if w.err == nil || errors.Is(w.err, io.EOF) {
		return nil
	}
	return readError(w.err)
}
