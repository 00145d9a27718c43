package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/tributary-events/tributary/internal/spreadsheet"
)

// Format is a format of files.
type Format string

// The formats.
const (
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	Parquet Format = "parquet"
)

// MediaType is what an answer in the format is.
func (f Format) MediaType() string {
	switch f {
	case NDJSON:
		return "application/x-ndjson"
	case Parquet:
		return "application/vnd.apache.parquet"
	default:
		return "text/csv; charset=utf-8"
	}
}

// Formats lists them.
func Formats() []Format { return []Format{CSV, NDJSON, Parquet} }

// Writer writes events to a file.
type Writer interface {
	Write(*Event) error
	// Close ends the file, which is not whole without. It does not close what is below.
	Close() error
}

// NewWriter returns a writer of a format, buffered.
func NewWriter(format Format, w io.Writer) (Writer, error) {
	switch format {
	case CSV:
		c := &csvWriter{w: bufio.NewWriterSize(w, 64<<10)}
		_, err := c.w.WriteString("event_id,event_timestamp,event_email,event_adb_cdt,event_payload\r\n")
		return c, err
	case NDJSON:
		return &ndjsonWriter{w: bufio.NewWriterSize(w, 64<<10)}, nil
	case Parquet:
		return newParquetEvents(w), nil
	default:
		return nil, fmt.Errorf("unknown format %q", format)
	}
}

const timeLayout = "2006-01-02T15:04:05.000Z"

type csvWriter struct {
	w    *bufio.Writer
	line []byte
}

func (c *csvWriter) Write(e *Event) error {
	c.line = appendCell(c.line[:0], spreadsheet.Harmless(e.ID))
	c.line = e.Timestamp.AppendFormat(append(c.line, ','), timeLayout)
	c.line = appendCell(append(c.line, ','), spreadsheet.Harmless(e.Email))
	c.line = appendCell(append(c.line, ','), spreadsheet.Harmless(e.CDT))
	c.line = appendCell(append(c.line, ','), string(e.Payload))
	_, err := c.w.Write(append(c.line, '\r', '\n'))
	return err
}

func (c *csvWriter) Close() error { return c.w.Flush() }

// appendCell writes a cell as RFC 4180 has it, every character of it as it is:
// encoding/csv would write "\r\n" for a line feed.
func appendCell(dst []byte, text string) []byte {
	if !strings.ContainsAny(text, "\",\r\n") && !strings.HasPrefix(text, " ") && !strings.HasSuffix(text, " ") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			dst = append(dst, text...)
			return append(dst, '"')
		}
		dst = append(append(dst, text[:i]...), '"', '"')
		text = text[i+1:]
	}
}

type ndjsonWriter struct {
	w    *bufio.Writer
	line []byte
}

func (n *ndjsonWriter) Write(e *Event) error {
	n.line = appendText(append(n.line[:0], `{"event_id":`...), e.ID)
	n.line = e.Timestamp.AppendFormat(append(n.line, `,"event_timestamp":"`...), timeLayout)
	n.line = append(n.line, '"')
	if e.Email != "" {
		n.line = appendText(append(n.line, `,"event_email":`...), e.Email)
	}
	if e.CDT != "" {
		n.line = appendText(append(n.line, `,"event_adb_cdt":`...), e.CDT)
	}
	n.line = append(append(n.line, `,"event_payload":`...), e.Payload...)
	_, err := n.w.Write(append(n.line, '}', '\n'))
	return err
}

func (n *ndjsonWriter) Close() error { return n.w.Flush() }

// appendText appends a JSON string. What is stored is UTF-8.
func appendText(dst []byte, text string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// A row group is held until it is whole; readers hold one of its columns' pages.
const (
	groupBytes = 16 << 20
	groupRows  = 100_000
)

type parquetEvents struct {
	w     *parquet.GenericWriter[parquetEvent]
	rows  [1]parquetEvent
	count int
	bytes int
}

type parquetEvent struct {
	ID        string  `parquet:"event_id"`
	Timestamp int64   `parquet:"event_timestamp,timestamp(millisecond)"`
	Email     *string `parquet:"event_email,optional"`
	CDT       *string `parquet:"event_adb_cdt,optional"`
	Payload   []byte  `parquet:"event_payload,json"`
}

func newParquetEvents(w io.Writer) *parquetEvents {
	return &parquetEvents{w: parquet.NewGenericWriter[parquetEvent](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("tributary", "1", ""))}
}

func (p *parquetEvents) Write(e *Event) error {
	row := &p.rows[0]
	*row = parquetEvent{ID: e.ID, Timestamp: e.Timestamp.UnixMilli(), Payload: e.Payload}
	if e.Email != "" {
		row.Email = &e.Email
	}
	if e.CDT != "" {
		row.CDT = &e.CDT
	}
	if _, err := p.w.Write(p.rows[:]); err != nil {
		return err
	}
	p.count++
	p.bytes += len(e.ID) + len(e.Email) + len(e.CDT) + len(e.Payload)
	if p.count < groupRows && p.bytes < groupBytes {
		return nil
	}
	p.count, p.bytes = 0, 0
	return p.w.Flush()
}

func (p *parquetEvents) Close() error { return p.w.Close() }
