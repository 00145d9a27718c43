package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ndjsonSource reads one JSON object a line. Its columns are the plan's; members that
// are none of them are in Row.More.
type ndjsonSource struct {
	w         window
	columns   []string
	index     map[string]int
	decoded   bool
	whole     bool // every line is an event as it is: nobody looks at its members
	row, line int64
	decoder   *jsontext.Decoder
	cells     []Cell
	more      []Member
}

func newNDJSON(r io.Reader, plan *Plan) *ndjsonSource {
	s := &ndjsonSource{
		w: window{r: r}, index: map[string]int{}, whole: plan.identity(), decoded: plan.decoded(),
		decoder: jsontext.NewDecoder(bytes.NewReader(nil)), line: 1,
	}
	for i, c := range plan.Columns {
		s.columns = append(s.columns, c.Name)
		s.index[c.Name] = i
	}
	return s
}

func (s *ndjsonSource) Columns() []string { return s.columns }
func (s *ndjsonSource) Close() error      { return nil }

func (s *ndjsonSource) Next(row *Row) error {
	for {
		raw, err := s.text()
		if err != nil {
			return err
		}
		line := s.line
		s.line++
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 {
			continue
		}
		s.row++
		*row = Row{Number: s.row, Line: line, Raw: raw}
		if raw[0] == '[' && s.row == 1 {
			return &FileError{Row: 1, Line: line, Message: "the file is a JSON array; NDJSON has one object a line, without commas between them"}
		}
		if fault := badText(raw, s.decoded); fault != "" {
			row.Fault = &Fault{Message: fault, Unreadable: true}
			return nil
		}
		if !s.whole {
			s.members(row)
		}
		return nil
	}
}

// text returns the next line; it is valid until the next call.
func (s *ndjsonSource) text() ([]byte, error) {
	w := &s.w
	for from := 0; ; {
		if i := bytes.IndexByte(w.buf[w.start+from:w.end], '\n'); i >= 0 {
			raw := w.buf[w.start : w.start+from+i]
			w.start += from + i + 1
			return raw, nil
		}
		from = w.end - w.start
		if w.fill(MaxRow) {
			continue
		}
		switch err := w.failed(); {
		case err != nil:
			return nil, err
		case w.err == nil:
			return nil, &FileError{
				Row: s.row + 1, Line: s.line,
				Message: fmt.Sprintf("is longer than %d bytes, which no event is. The rows before it are imported; mend it and import the file again.", MaxRow),
			}
		case from == 0:
			return nil, io.EOF
		}
		raw := w.buf[w.start:w.end]
		w.start = w.end
		return raw, nil
	}
}

func (s *ndjsonSource) members(row *Row) {
	s.cells, s.more = append(s.cells[:0], make([]Cell, len(s.columns))...), s.more[:0]
	s.decoder.Reset(bytes.NewReader(row.Raw))
	err := s.object()
	if err == nil {
		if _, err = s.decoder.ReadToken(); err == io.EOF {
			row.Cells, row.More = s.cells, s.more
			return
		}
		err = errors.New("something stands behind the object")
	}
	row.Fault = &Fault{Message: jsonFault(err), Unreadable: true}
}

func jsonFault(err error) string {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("is not JSON: %v at column %d", syntax.Err, syntax.ByteOffset+1)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "is not JSON: it ends early"
	}
	return "is not JSON: " + err.Error()
}

func (s *ndjsonSource) object() error {
	start, err := s.decoder.ReadToken()
	if err != nil {
		return err
	}
	if start.Kind() != '{' {
		return fmt.Errorf("a row must be an object, not %v", start.Kind())
	}
	for s.decoder.PeekKind() == '"' {
		token, err := s.decoder.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := s.decoder.ReadValue()
		if err != nil {
			return err
		}
		if value.Kind() == 'n' {
			continue
		}
		if i, ok := s.index[name]; ok {
			s.cells[i] = Cell{Text: bytes.Clone(value), JSON: true}
		} else {
			s.more = append(s.more, Member{name, bytes.Clone(value)})
		}
	}
	_, err = s.decoder.ReadToken()
	return err
}
