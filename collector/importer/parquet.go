package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// maxPage is how many bytes a page of a Parquet file may unpack to: a reader holds one
// page of every column. Writers make pages of 1 MiB or, if one value is larger, a little more.
const maxPage = 64 << 20

// maxFooter bounds the part of a Parquet file that describes it.
const maxFooter = 64 << 20

// maxOnDisk bounds what is copied to disk, which the spool may need.
const maxOnDisk = 32 << 30

// parquetSource reads a Parquet file, which lies on disk or in parts in memory.
type parquetSource struct {
	close   func() error
	file    *parquet.File
	groups  []parquet.RowGroup
	rows    parquet.Rows
	columns []string
	fields  []*assembler
	buffer  []parquet.Row
	read    []parquet.Row // of buffer, not yet returned
	split   [][]parquet.Value
	row     int64
	cells   []Cell
	text    []byte
	raw     []byte
}

// openParquet copies the file to a temporary one and opens that.
func openParquet(r io.Reader, tempDir string) (Source, error) {
	f, size, err := toDisk(r, tempDir)
	if err != nil {
		return nil, err
	}
	s, err := newParquet(f, size)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.close = f.Close
	return s, nil
}

// toDisk copies what it reads to a file that has no name: it goes with its last user,
// however that ends.
func toDisk(r io.Reader, dir string) (f *os.File, size int64, err error) {
	f, err = os.CreateTemp(dir, "import-*")
	if err != nil {
		return nil, 0, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("hide a temporary file: %w", err), f.Close())
	}
	if size, err = io.Copy(f, io.LimitReader(r, maxOnDisk+1)); err != nil {
		return nil, 0, errors.Join(readError(err), f.Close())
	}
	if size > maxOnDisk {
		return nil, 0, errors.Join(broken(nil, "The Parquet file is larger than %d GiB: import it in parts.", maxOnDisk>>30), f.Close())
	}
	return f, size, nil
}

func newParquet(r io.ReaderAt, size int64) (s *parquetSource, err error) {
	s = &parquetSource{close: func() error { return nil }, buffer: make([]parquet.Row, 16)}
	defer recovered(&err)
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	s.file, err = parquet.OpenFile(r, size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, broken(err, "The Parquet file cannot be read: %v.", err)
	}
	for _, f := range s.file.Schema().Fields() {
		a, err := newAssembler(f.Name(), f, 1)
		if err != nil {
			return nil, broken(err, "The Parquet file cannot be read: %v.", err)
		}
		s.columns, s.fields = append(s.columns, f.Name()), append(s.fields, a)
	}
	if len(s.columns) > maxColumns {
		return nil, broken(nil, "The file has more than %d columns.", maxColumns)
	}
	s.groups = s.file.RowGroups()
	s.split = make([][]parquet.Value, len(s.file.Schema().Columns()))
	return s, nil
}

// recovered makes an error of a panic: the library trusts files in places.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = broken(fmt.Errorf("panic: %v", p), "The Parquet file is damaged: %v.", p)
	}
}

// checkFooter refuses a file that is cut off in words that say so, before its footer
// decides how much memory is taken.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return broken(nil, "The Parquet file is cut off: it has %d bytes.", size)
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	length := int64(tail[0]) | int64(tail[1])<<8 | int64(tail[2])<<16 | int64(tail[3])<<24
	if string(tail[4:]) != string(magicParquet) {
		return broken(nil, "The Parquet file is cut off: it does not end with PAR1.")
	}
	if length > maxFooter || length > size-12 {
		return broken(nil, "The Parquet file is damaged: its footer would have %d bytes.", length)
	}
	return nil
}

// checkPages reads the headers of the pages of a row group and refuses pages that
// would unpack to more than maxPage.
func (s *parquetSource) checkPages(group int) error {
	meta := s.file.Metadata()
	protocol := thrift.CompactProtocol{}
	for i := range meta.RowGroups[group].Columns {
		c := &meta.RowGroups[group].Columns[i].MetaData
		at := c.DataPageOffset
		if c.DictionaryPageOffset > 0 && c.DictionaryPageOffset < at {
			at = c.DictionaryPageOffset
		}
		for end := at + c.TotalCompressedSize; at < end; {
			section := &counter{r: io.NewSectionReader(s.file, at, end-at)}
			in := bufio.NewReaderSize(section, 512)
			var header format.PageHeader
			if err := thrift.NewDecoder(protocol.NewReader(in)).Decode(&header); err != nil {
				return broken(err, "The Parquet file is damaged: the header of a page of column %s cannot be read: %v.", s.leaf(i), err)
			}
			if header.UncompressedPageSize < 0 || header.UncompressedPageSize > maxPage || header.CompressedPageSize < 0 {
				return broken(nil, "A page of column %s would take %d bytes, more than %d: write the file with smaller pages.",
					s.leaf(i), header.UncompressedPageSize, maxPage)
			}
			at += section.n - int64(in.Buffered()) + int64(header.CompressedPageSize)
		}
	}
	return nil
}

func (s *parquetSource) leaf(i int) string {
	if paths := s.file.Schema().Columns(); i < len(paths) && len(paths[i]) > 0 {
		return paths[i][0]
	}
	return fmt.Sprint(i + 1)
}

func (s *parquetSource) Columns() []string { return s.columns }

// Total is how many rows the file says it has.
func (s *parquetSource) Total() int64 { return s.file.NumRows() }

func (s *parquetSource) Close() (err error) {
	defer recovered(&err)
	if s.rows != nil {
		err = s.rows.Close()
	}
	return errors.Join(err, s.close())
}

func (s *parquetSource) Next(row *Row) (err error) {
	defer func() {
		if f, ok := errors.AsType[*FileError](err); ok && f.Row == 0 {
			f.Row = s.row + 1
		}
	}()
	defer recovered(&err) // deferred itself, without which recover does nothing
	for len(s.read) == 0 {
		if err := s.fill(); err != nil {
			return err
		}
	}
	values := s.read[0]
	s.read = s.read[1:]
	s.row++
	*row = Row{Number: s.row}
	s.assemble(row, values)
	return nil
}

// fill reads some rows of the current row group, or opens the next.
func (s *parquetSource) fill() error {
	if s.rows == nil {
		if len(s.groups) == 0 {
			return io.EOF
		}
		if err := s.checkPages(len(s.file.RowGroups()) - len(s.groups)); err != nil {
			return err
		}
		s.rows, s.groups = s.groups[0].Rows(), s.groups[1:]
	}
	n, err := s.rows.ReadRows(s.buffer)
	s.read = s.buffer[:n]
	switch {
	case n > 0: // an error comes again with the next call
		return nil
	case errors.Is(err, io.EOF):
		err = s.rows.Close()
		s.rows = nil
	case err == nil:
		err = io.ErrNoProgress
	}
	if err != nil && !errors.Is(err, errNotSent) {
		return broken(err, "The Parquet file is damaged: %v.", err)
	}
	return err
}

func (s *parquetSource) assemble(row *Row, values parquet.Row) {
	clear(s.split)
	for i, start := 1, 0; i <= len(values); i++ {
		if i == len(values) || values[i].Column() != values[start].Column() {
			if c := values[start].Column(); c >= 0 && c < len(s.split) {
				s.split[c] = values[start:i]
			}
			start = i
		}
	}
	s.text, s.cells = s.text[:0], s.cells[:0]
	at := 0
	ends := make([]int, len(s.fields))
	for i, f := range s.fields {
		var err error
		if s.text, err = f.append(s.text, s.split[at:at+f.leaves], 0, 0); err != nil {
			row.Fault = &Fault{Column: f.name, Message: err.Error()}
			s.text = append(s.text, "null"...)
		}
		at += f.leaves
		ends[i] = len(s.text)
	}
	for i, start := 0, 0; i < len(ends); i++ {
		cell := Cell{Text: s.text[start:ends[i]], JSON: true}
		if string(cell.Text) == "null" {
			cell = Cell{}
		}
		s.cells = append(s.cells, cell)
		start = ends[i]
	}
	row.Cells = s.cells
	if len(s.text) > MaxRow && row.Fault == nil {
		row.Fault = &Fault{Message: fmt.Sprintf("is longer than %d bytes, which no event is", MaxRow)}
	}
	s.raw = append(s.raw[:0], '{')
	for i, c := range s.cells {
		if c.Text == nil {
			continue
		}
		if len(s.raw) > 1 {
			s.raw = append(s.raw, ',')
		}
		s.raw = append(append(appendText(s.raw, []byte(s.columns[i])), ':'), c.Text...)
	}
	s.raw = append(s.raw, '}')
	row.Raw = s.raw
}

// errNotSent is what a sparse file answers where nothing was sent.
var errNotSent = errors.New("this part of the file was not sent")

// sparse is a file of which only the beginning and the end are there, for a preview.
type sparse struct {
	head, tail []byte
	size       int64
}

func (s *sparse) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) {
		from := at + int64(n)
		switch tail := s.size - int64(len(s.tail)); {
		case from < 0:
			return n, errNotSent
		case from >= s.size:
			return n, io.EOF
		case from < int64(len(s.head)):
			n += copy(p[n:], s.head[from:])
		case from >= tail:
			n += copy(p[n:], s.tail[from-tail:])
		default:
			return n, errNotSent
		}
	}
	return n, nil
}
