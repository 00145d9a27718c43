package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/internal/spreadsheet"
	"github.com/tributary-events/tributary/query/export"
	"github.com/tributary-events/tributary/query/report"
)

// The formats of results.
const (
	formatJSON    = "application/json"
	formatCSV     = "text/csv"
	formatNDJSON  = "application/x-ndjson"
	formatParquet = "application/vnd.apache.parquet"
)

// writeTimeout is how long a reader may take for what was written at once.
const writeTimeout = 60 * time.Second

// formatOf chooses by the Accept header: the first type of the list that is known.
func formatOf(c *gin.Context) (string, error) {
	accept := c.GetHeader("Accept")
	if accept == "" {
		return formatJSON, nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		t, params, err := mime.ParseMediaType(part)
		if err != nil || params["q"] == "0" {
			continue
		}
		switch t {
		case formatJSON, "*/*", "application/*":
			return formatJSON, nil
		case formatCSV, "text/*":
			return formatCSV, nil
		case formatNDJSON, "application/ndjson", "application/jsonl":
			return formatNDJSON, nil
		case formatParquet, "application/x-parquet":
			return formatParquet, nil
		}
	}
	return "", &problem.Error{Kind: problem.InvalidRequest, Detail: "Accept must allow application/json, text/csv, application/x-ndjson or application/vnd.apache.parquet."}
}

// stream writes rows while they come. An error before the first row is answered as
// a problem. After it the connection is cut off, so that nobody takes a part for
// the whole; NDJSON ends with a line that says why.
func stream(c *gin.Context, format string, rows func(header func([]report.Column) error, row func([]any) error) error) error {
	w := bufio.NewWriterSize(deadlineWriter{c.Writer, http.NewResponseController(c.Writer)}, 64<<10)
	var header func([]report.Column) error
	var row func([]any) error
	var table *export.Table
	begun := false
	begin := func(contentType string) {
		begun = true
		c.Header("Content-Type", contentType)
		c.Status(http.StatusOK)
	}
	switch format {
	case formatCSV:
		out := csv.NewWriter(w)
		out.UseCRLF = true // RFC 4180
		var cells []string
		header = func(columns []report.Column) error {
			begin("text/csv; charset=utf-8")
			c.Header("Content-Disposition", `attachment; filename="report.csv"`)
			cells = cells[:0]
			for _, x := range columns {
				cells = append(cells, spreadsheet.Harmless(x.Name))
			}
			return out.Write(cells)
		}
		row = func(values []any) error {
			cells = cells[:0]
			for _, v := range values {
				cells = append(cells, csvCell(v))
			}
			return out.Write(cells) // into w: csv takes a large enough buffer as its own
		}
	case formatParquet:
		header = func(columns []report.Column) error {
			begin(formatParquet)
			c.Header("Content-Disposition", `attachment; filename="report.parquet"`)
			of := make([]export.Column, len(columns))
			for i, x := range columns {
				of[i] = export.Column{Name: x.Name, Type: x.Type}
			}
			table = export.NewTable(w, of)
			return nil
		}
		row = func(values []any) error { return table.Write(values) }
	default:
		var names [][]byte
		header = func(columns []report.Column) error {
			begin(formatNDJSON)
			for _, x := range columns {
				name, err := json.Marshal(x.Name)
				if err != nil {
					return err
				}
				names = append(names, name)
			}
			return nil
		}
		row = func(values []any) error { return writeObject(w, names, values) }
	}
	err := rows(header, row)
	if err == nil && table != nil {
		err = table.Close()
	}
	if err != nil && !begun {
		return err
	}
	if err != nil {
		if format == formatNDJSON {
			doc := problem.From(asProblem(err)).Document(c.Writer.Header().Get(problem.RequestIDHeader))
			_, _ = fmt.Fprintf(w, `{"error":%s}`+"\n", doc) // the reader may have gone
		}
		_ = w.Flush()
		_ = http.NewResponseController(c.Writer).Flush()
		panic(http.ErrAbortHandler) // net/http's way to cut off an answer
	}
	if err := w.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// writeObject writes one line of NDJSON: an object, its members in the order of
// the columns.
func writeObject(w *bufio.Writer, names [][]byte, values []any) error {
	separator := byte('{')
	for i, v := range values {
		if i >= len(names) {
			break
		}
		_ = w.WriteByte(separator) // an error stays for the last write
		separator = ','
		_, _ = w.Write(names[i])
		_ = w.WriteByte(':')
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode row: %w", err)
		}
		_, _ = w.Write(data)
	}
	if separator == '{' {
		_ = w.WriteByte('{')
	}
	_, err := w.WriteString("}\n")
	return err
}

// deadlineWriter moves the deadline of the answer with every write, so that a long
// answer may take long and a reader that stands still may not.
type deadlineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (d deadlineWriter) Write(p []byte) (int, error) {
	_ = d.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not all writers have deadlines
	return d.w.Write(p)
}

// csvCell writes a value for a spreadsheet: null is empty, texts are harmless.
func csvCell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return spreadsheet.Harmless(x)
	case bool:
		return strconv.FormatBool(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case json.Number:
		return x.String()
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		return spreadsheet.Harmless(text)
	}
	return text
}
