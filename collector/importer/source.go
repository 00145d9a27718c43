package importer

import (
	"errors"
	"fmt"
)

// MaxRow is how many bytes a row of a file may have: an event has at most 300 kB,
// and a file may write it with escapes and quotes.
const MaxRow = 1 << 20

// Cell is one value of a row.
type Cell struct {
	// Text is the cell's text or, where JSON is set, a JSON value. Nil: there is none.
	Text []byte
	JSON bool
}

// Row is one row of a file. It is valid until the next is read.
type Row struct {
	// Number counts the rows from 1, a header not included; Line is where the row begins
	// in a file of lines.
	Number, Line int64
	// Cells are in the order of the source's columns. Members that are no column of the
	// source are in More.
	Cells []Cell
	More  []Member
	// Raw is the row's text as it stood in the file, in UTF-8 without its line break; of
	// a Parquet file its JSON.
	Raw []byte
	// Fault is why the row cannot be used; the rows behind it can.
	Fault *Fault
}

// Member is a member of a JSON object.
type Member struct {
	Name  string
	Value []byte
}

// Fault is what is wrong with one row.
type Fault struct {
	Column  string // empty where it is the whole row
	Message string
	// Unreadable says that the row's text would break the file that it is written to.
	Unreadable bool
}

func (f *Fault) String() string {
	if f.Column == "" {
		return f.Message
	}
	return f.Column + ": " + f.Message
}

// Source gives the rows of a file in their order.
type Source interface {
	// Columns are the file's columns; of NDJSON those of the plan.
	Columns() []string
	// Next reads the next row. The error is io.EOF behind the last one, a *FileError
	// where the rest of the file cannot be read, or what the reader returned.
	Next(*Row) error
	// Close frees what the source holds, not its reader.
	Close() error
}

// FileError says that a file cannot be read, or not any further.
type FileError struct {
	// Row and Line are where, 0 where it is no row's fault.
	Row, Line int64
	Message   string
	cause     error
}

func (e *FileError) Error() string {
	switch {
	case e.Line > 0:
		return fmt.Sprintf("row %d (line %d): %s", e.Row, e.Line, e.Message)
	case e.Row > 0:
		return fmt.Sprintf("row %d: %s", e.Row, e.Message)
	default:
		return e.Message
	}
}

func (e *FileError) Unwrap() error { return e.cause }

func broken(cause error, format string, args ...any) *FileError {
	return &FileError{Message: fmt.Sprintf(format, args...), cause: cause}
}

// readError is the reader's error as it is, unless it is one that says more.
func readError(err error) error {
	var known *FileError
	if errors.As(err, &known) {
		return known
	}
	return err
}
