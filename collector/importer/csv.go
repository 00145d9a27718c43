package importer

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// csvSource reads CSV as RFC 4180 has it, with any delimiter. encoding/csv would not
// do: it has no bound on a row, and it makes "\n" of "\r\n" inside of cells. A
// quotation mark inside of a cell that does not begin with one is a character, as
// spreadsheets read it.
type csvSource struct {
	w         window
	delimiter byte
	decoded   bool
	columns   []string
	row, line int64
	cells     []span
	unquoted  []byte // cells that had doubled quotation marks
	values    [][]byte
	out       []Cell
}

// span is a cell in the row's text.
type span struct {
	start, end int
	quoted     bool // start and end lie inside the quotation marks
	doubled    bool // it holds doubled quotation marks
	trailing   bool // something stands behind the closing quotation mark
}

const neverClosed = "a quotation mark opens that is never closed"

func newCSV(r io.Reader, p *Plan) (*csvSource, error) {
	s := &csvSource{w: window{r: r}, delimiter: p.Delimiter[0], decoded: p.decoded(), line: 1}
	raw, _, err := s.record()
	switch {
	case err == io.EOF:
		return nil, broken(nil, "The file has no rows.")
	case err != nil:
		return nil, err
	}
	if len(s.cells) > maxColumns {
		return nil, broken(nil, "The file has more than %d columns.", maxColumns)
	}
	if p.NoHeader {
		for i := range s.cells {
			s.columns = append(s.columns, "column_"+strconv.Itoa(i+1))
		}
		return s, nil // the row stays in the window
	}
	if fault := badText(raw, s.decoded); fault != "" {
		return nil, broken(nil, "The header %s.", fault)
	}
	s.columns = uniqueNames(s.split(raw))
	s.skip(len(raw))
	return s, nil
}

// uniqueNames gives columns without a name one, and those of the same name different ones.
func uniqueNames(values [][]byte) []string {
	names := make([]string, len(values))
	taken := map[string]bool{}
	for i, v := range values {
		name := string(bytes.TrimSpace(v))
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s (%d)", bytes.TrimSpace(v), n)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

func (s *csvSource) Columns() []string { return s.columns }
func (s *csvSource) Close() error      { return nil }

func (s *csvSource) Next(row *Row) error {
	for {
		raw, open, err := s.record()
		if err != nil {
			return err
		}
		*row = Row{Number: s.row + 1, Line: s.line, Raw: bytes.TrimSuffix(raw, []byte{'\r'})}
		if len(row.Raw) == 0 { // an empty line
			s.skip(len(raw))
			continue
		}
		s.row++
		s.judge(row, raw, open)
		s.skip(len(raw))
		return nil
	}
}

// judge makes cells of the row that record has found.
func (s *csvSource) judge(row *Row, raw []byte, open bool) {
	if fault := badText(raw, s.decoded); fault != "" {
		row.Fault = &Fault{Message: fault, Unreadable: true}
		for i, c := range s.cells {
			if badText(raw[c.start:c.end], s.decoded) != "" {
				row.Fault.Column = s.name(i)
				break
			}
		}
		return
	}
	if open {
		row.Fault = &Fault{Column: s.name(len(s.cells) - 1), Message: neverClosed, Unreadable: true}
		return
	}
	for i, c := range s.cells {
		if c.trailing {
			row.Fault = &Fault{
				Column: s.name(i), Unreadable: true,
				Message: "text stands behind the closing quotation mark; inside of quotation marks they are doubled",
			}
			return
		}
	}
	if len(s.cells) != len(s.columns) {
		row.Fault = &Fault{Message: fmt.Sprintf("has %d cells, and the file has %d columns", len(s.cells), len(s.columns))}
		return
	}
	s.out = s.out[:0]
	for _, v := range s.split(raw) {
		if len(v) == 0 {
			s.out = append(s.out, Cell{})
			continue
		}
		s.out = append(s.out, Cell{Text: v})
	}
	row.Cells = s.out
}

func (s *csvSource) name(i int) string {
	if i < len(s.columns) {
		return s.columns[i]
	}
	return "cell " + strconv.Itoa(i+1)
}

// badText says what keeps a text from being stored. Decoded is one that was not UTF-8:
// there U+FFFD stands for what could not be read.
func badText(text []byte, decoded bool) string {
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		return "has a NUL byte"
	case !utf8.Valid(text):
		return "is not UTF-8: give the file's encoding"
	case decoded && bytes.Contains(text, []byte("\ufffd")):
		return "has bytes that are no character in the file's encoding"
	default:
		return ""
	}
}

// record finds the next row and its cells and returns its text without the line feed;
// it stays in the window until skip. Open tells that the text ends inside of quotation marks.
func (s *csvSource) record() (raw []byte, open bool, err error) {
	s.cells = s.cells[:0]
	w := &s.w
	cell := span{}
	const (
		begin  = iota // of a cell
		plain         // in one without quotation marks
		inside        // of quotation marks
		closed        // behind the closing one
	)
	state, i := begin, 0
	for {
		if w.start+i == w.end && !w.fill(MaxRow) {
			if err := w.failed(); err != nil {
				return nil, false, err
			}
			if w.err == nil {
				return nil, false, s.tooLong(state == inside)
			}
			break
		}
		if state == inside {
			text := w.buf[w.start+i : w.end]
			if mark := bytes.IndexByte(text, '"'); mark >= 0 {
				state = closed
				i += mark + 1
			} else {
				i += len(text)
			}
			continue
		}
		c := w.buf[w.start+i]
		if c == '\n' {
			break
		}
		switch {
		case c == s.delimiter:
			s.end(cell, state == closed, i)
			cell, state = span{start: i + 1}, begin
		case c == '"' && state == begin:
			state, cell.quoted, cell.start = inside, true, i+1
		case c == '"' && state == closed && !cell.trailing:
			state, cell.doubled = inside, true
		case state == closed:
			cell.trailing = cell.trailing || c != '\r' && c != ' '
		default:
			state = plain
		}
		i++
	}
	if i == 0 && w.start == w.end {
		return nil, false, io.EOF
	}
	raw = w.buf[w.start : w.start+i]
	if state != inside && i > 0 && raw[i-1] == '\r' {
		i--
	}
	s.end(cell, state == closed, max(i, cell.start))
	return raw, state == inside, nil
}

// end notes a cell that goes up to i, where the delimiter stands.
func (s *csvSource) end(c span, closed bool, i int) {
	c.end = i
	if c.quoted && closed {
		raw := s.w.buf[s.w.start:]
		for c.end > c.start && raw[c.end-1] != '"' {
			c.end--
		}
		c.end = max(c.start, c.end-1)
	}
	s.cells = append(s.cells, c)
}

func (s *csvSource) tooLong(quoted bool) error {
	message := fmt.Sprintf("is longer than %d bytes, which no event is", MaxRow)
	if quoted {
		message += fmt.Sprintf("; a quotation mark opens in %s and is perhaps never closed", s.name(len(s.cells)))
	}
	return &FileError{Row: s.row + 1, Line: s.line, Message: message + ". The rows before it are imported; mend it and import the file again."}
}

// skip goes behind a row of n bytes and its line feed.
func (s *csvSource) skip(n int) {
	s.line += int64(bytes.Count(s.w.buf[s.w.start:s.w.start+n], []byte{'\n'}))
	s.w.start += n
	if s.w.start < s.w.end && s.w.buf[s.w.start] == '\n' {
		s.w.start++
		s.line++
	}
}

// split returns the texts of the cells that record has found.
func (s *csvSource) split(raw []byte) [][]byte {
	s.values, s.unquoted = s.values[:0], s.unquoted[:0]
	for _, c := range s.cells {
		if c.doubled {
			s.unquoted = append(s.unquoted, raw[c.start:c.end]...) // room for all, so that slices of it stay
		}
	}
	used := 0
	for _, c := range s.cells {
		text := raw[c.start:c.end]
		if c.doubled {
			out := s.unquoted[used:used]
			for i := 0; i < len(text); i++ {
				out = append(out, text[i])
				if text[i] == '"' {
					i++
				}
			}
			used += len(out)
			text = out
		}
		s.values = append(s.values, text)
	}
	return s.values
}
