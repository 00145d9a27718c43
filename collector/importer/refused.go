package importer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/tributary-events/tributary/internal/spreadsheet"
)

// WriteRefused writes the refused rows of an import as a file that can be mended and
// imported again with the same mapping: CSV with the delimiter of the file, NDJSON for
// the other formats. Each row has its number in the file and the reason before it.
func (s *Service) WriteRefused(ctx context.Context, x *Import, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	write := writeRefusedJSON
	if x.Plan.Format == CSV {
		header, cells := refusedCSV(x.Plan)
		_, _ = out.Write(header) // an error stays for Flush
		write = cells
	}
	if err := s.cfg.Store.Refused(ctx, x, func(r RefusedRow) error { return write(out, r) }); err != nil {
		return err
	}
	return out.Flush()
}

// refusedCSV returns the header and what writes a row.
func refusedCSV(plan *Plan) ([]byte, func(*bufio.Writer, RefusedRow) error) {
	delimiter := plan.Delimiter[0]
	cells := func(values ...string) []byte {
		var b bytes.Buffer
		c := csv.NewWriter(&b)
		c.Comma = rune(delimiter)
		_ = c.Write(values) // into memory, with a delimiter that check has let pass
		c.Flush()
		return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	}
	names := []string{RefusedRowColumn, RefusedReasonColumn}
	for _, c := range plan.Columns {
		// A file of refused rows that has refused rows itself.
		if c.Name != RefusedRowColumn && c.Name != RefusedReasonColumn {
			names = append(names, c.Name)
		}
	}
	strip := len(plan.Columns) + 2 - len(names)
	return append(cells(names...), '\n'), func(out *bufio.Writer, r RefusedRow) error {
		_, _ = out.Write(cells(strconv.FormatInt(r.Row, 10), spreadsheet.Harmless(oneLine(r.Reason))))
		_ = out.WriteByte(delimiter)
		switch {
		case r.Unreadable:
			_, _ = out.Write(cells(strings.ToValidUTF8(strings.ReplaceAll(r.Text, "\x00", "␀"), "\ufffd")))
		case strip > 0:
			_, _ = out.WriteString(withoutCells(r.Text, delimiter, strip))
		default:
			_, _ = out.WriteString(r.Text)
		}
		return out.WriteByte('\n')
	}
}

// withoutCells takes away the first cells of a row of CSV.
func withoutCells(text string, delimiter byte, n int) string {
	inside := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			inside = !inside
		case text[i] == delimiter && !inside:
			if n--; n == 0 {
				return text[i+1:]
			}
		}
	}
	return ""
}

func writeRefusedJSON(out *bufio.Writer, r RefusedRow) error {
	line := append([]byte(`{"`+RefusedRowColumn+`":`), strconv.FormatInt(r.Row, 10)...)
	line = appendText(append(line, `,"`+RefusedReasonColumn+`":`...), []byte(oneLine(r.Reason)))
	text := withoutMembers(strings.TrimSpace(r.Text))
	switch {
	case r.Unreadable || !strings.HasPrefix(text, "{"):
		line = appendText(append(line, `,"import_text":`...), []byte(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "␀"), "\ufffd")))
		line = append(line, '}')
	case strings.TrimSpace(text[1:]) == "}":
		line = append(line, '}')
	default:
		line = append(append(line, ','), text[1:]...)
	}
	_, _ = out.Write(line)
	return out.WriteByte('\n')
}

// withoutMembers takes away what an earlier file of refused rows has put before a row.
func withoutMembers(text string) string {
	if !strings.Contains(text, `"`+RefusedRowColumn+`"`) && !strings.Contains(text, `"`+RefusedReasonColumn+`"`) {
		return text
	}
	s := newNDJSON(strings.NewReader(text), &Plan{Columns: []Column{{Name: RefusedRowColumn}, {Name: RefusedReasonColumn}}})
	var row Row
	if err := s.Next(&row); err != nil || row.Fault != nil {
		return text
	}
	if len(row.More) == 0 {
		return "{}"
	}
	return string(appendMore(nil, row.More))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
