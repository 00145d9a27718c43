// Package sqlrun owns the running of analysts' own SQL: one statement, as the user
// analyst, within limits.
//
// Invariants:
//   - What a statement may see is decided by the rights of the connection that it
//     runs on, never by looking at its text.
//   - A result is bounded in rows, bytes and time, and a statement ends when its
//     context does.
package sqlrun

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-events/tributary/query/report"
)

// Limits bounds one statement. Zero fields take defaults. The user's own limits in
// ClickHouse hold besides.
type Limits struct {
	Time  time.Duration // 30 s
	Rows  int           // of a JSON answer: 10,000
	Bytes int           // of a JSON answer: 32 MiB
}

func (l *Limits) setDefaults() {
	if l.Time == 0 {
		l.Time = 30 * time.Second
	}
	if l.Rows == 0 {
		l.Rows = 10_000
	}
	if l.Bytes == 0 {
		l.Bytes = 32 << 20
	}
}

// The most that a request may have.
const (
	maxStatement = 256 << 10
	// Parameters travel in the URL, whose length servers bound.
	maxParams = 8 << 10
)

// Runner runs statements. It is safe for concurrent use.
type Runner struct {
	conn   driver.Conn
	limits Limits
}

// New returns a runner over a connection that was opened as the analyst.
func New(conn driver.Conn, limits Limits) *Runner {
	limits.setDefaults()
	return &Runner{conn: conn, limits: limits}
}

// Error is a statement that ClickHouse refuses; the message is for the user.
type Error struct {
	// Code is ClickHouse's number, Name its word for it ("SYNTAX_ERROR").
	Code    int32
	Name    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// ErrUnavailable says that ClickHouse did not answer.
var ErrUnavailable = errors.New("ClickHouse is unavailable")

// Request is the body of POST /api/v1/sql. Params are the values of placeholders
// like {name:Type} in the query, as texts.
type Request struct {
	Query  string
	Params map[string]string
}

var escapeParam = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

var paramName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// check returns the statement without what stands behind it.
func (r *Request) check() (string, error) {
	text := strings.TrimRight(r.Query, " \t\r\n;")
	size := 0
	for name, value := range r.Params {
		if !paramName.MatchString(name) {
			return "", &Error{Name: "BAD_PARAMETER", Message: fmt.Sprintf("params: %q is no name: use letters, digits and _", name)}
		}
		size += len(name) + len(value)
	}
	switch {
	case strings.TrimSpace(text) == "":
		return "", &Error{Name: "EMPTY_QUERY", Message: "query must not be empty"}
	case len(text) > maxStatement:
		return "", &Error{Name: "QUERY_TOO_LONG", Message: fmt.Sprintf("query must be at most %d bytes long", maxStatement)}
	case size > maxParams:
		return "", &Error{Name: "BAD_PARAMETER", Message: fmt.Sprintf("params must be at most %d bytes long together", maxParams)}
	case strings.ContainsRune(text, 0):
		return "", &Error{Name: "BAD_QUERY", Message: "query must not contain NUL"}
	}
	return text, nil
}

// Run runs a statement and returns what the limits let through. Errors: *Error,
// ErrUnavailable, that of the context.
func (r *Runner) Run(ctx context.Context, request Request) (*report.Result, error) {
	started := time.Now()
	result := &report.Result{Rows: [][]any{}, Meta: report.Meta{AsOf: started.UTC(), Misfits: map[string]int64{}}}
	size := 0
	err := r.each(ctx, request, func(c []report.Column) error {
		result.Columns = c
		return nil
	}, func(row []any) error {
		size += sizeOf(row)
		if len(result.Rows) >= r.limits.Rows || size > r.limits.Bytes {
			result.Meta.Truncated = true
			return errEnough
		}
		result.Rows = append(result.Rows, row)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if result.Columns == nil {
		result.Columns = []report.Column{}
	}
	result.Meta.RowsRead = int64(len(result.Rows))
	result.Meta.ElapsedMS = time.Since(started).Milliseconds()
	return result, nil
}

// errEnough ends the reading of a result early.
var errEnough = errors.New("enough")

// Stream hands out the rows one after the other, in constant memory.
func (r *Runner) Stream(ctx context.Context, request Request, header func([]report.Column) error, row func([]any) error) error {
	return r.each(ctx, request, header, row)
}

func (r *Runner) each(ctx context.Context, request Request, header func([]report.Column) error, row func([]any) error) error {
	text, err := request.check()
	if err != nil {
		return err
	}
	settings := clickhouse.Settings{
		"max_execution_time": int(max(r.limits.Time.Seconds(), 1)),
		// The driver reads JSON as text only.
		"output_format_native_write_json_as_string": 1,
	}
	options := []clickhouse.QueryOption{clickhouse.WithSettings(settings)}
	if len(request.Params) > 0 {
		// The server reads their texts as it reads a field of a tab-separated file.
		params := clickhouse.Parameters{}
		for name, value := range request.Params {
			params[name] = escapeParam.Replace(value)
		}
		options = append(options, clickhouse.WithParameters(params))
	}
	// Ending the context ends the statement: over HTTP the engine sees the closed
	// connection, over native TCP it is told.
	ctx, cancel := context.WithTimeout(clickhouse.Context(ctx, options...), r.limits.Time+5*time.Second)
	defer cancel()
	text, types, err := r.prepare(ctx, text)
	if err != nil {
		return err
	}
	rows, err := r.conn.Query(ctx, text)
	if err != nil {
		return clean(ctx, err)
	}
	defer func() { cancel(); _ = rows.Close() }()
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		if types == nil {
			for _, t := range rows.ColumnTypes() {
				types = append(types, column{t.Name(), t.DatabaseTypeName()})
			}
		}
		return header(columns(types))
	}
	var targets []any
	for rows.Next() {
		if err := begin(); err != nil {
			return err
		}
		if targets == nil {
			for _, t := range rows.ColumnTypes() {
				targets = append(targets, reflect.New(t.ScanType()).Interface())
			}
		}
		if err := rows.Scan(targets...); err != nil {
			return clean(ctx, err)
		}
		cells := make([]any, len(targets))
		for i, t := range targets {
			cells[i] = cell(reflect.ValueOf(t).Elem(), types[i].typ)
		}
		if err := row(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return clean(ctx, err)
	}
	return begin()
}

// column is a column of the result with ClickHouse's type.
type column struct {
	name, typ string
}

// prepare learns the columns of a query: of an empty result the driver tells none.
// Types that it cannot read are turned into JSON texts. What is no SELECT (SHOW,
// DESCRIBE, EXPLAIN) is left as it is.
func (r *Runner) prepare(ctx context.Context, text string) (string, []column, error) {
	rows, err := r.conn.Query(ctx, "DESCRIBE TABLE (\n"+text+"\n)")
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		// The statement itself is asked for the message: its positions are the user's.
		return text, nil, nil
	}
	if err != nil {
		return "", nil, clean(ctx, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var types []column
	var replace []string
	for rows.Next() {
		cells := make([]string, len(rows.Columns()))
		targets := make([]any, len(cells))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return "", nil, clean(ctx, err)
		}
		c := column{cells[0], cells[1]}
		if opaque(c.typ) {
			name := "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(c.name) + "`"
			replace = append(replace, "toJSONString("+name+") AS "+name)
			c.typ = "JSON"
		}
		types = append(types, c)
	}
	if err := rows.Err(); err != nil {
		return "", nil, clean(ctx, err)
	}
	if len(replace) > 0 {
		text = "SELECT * REPLACE (" + strings.Join(replace, ", ") + ") FROM (\n" + text + "\n)"
	}
	return text, types, nil
}

// opaque says whether the driver cannot read a type.
func opaque(typ string) bool {
	if strings.HasPrefix(typ, "JSON") {
		return false
	}
	for _, inside := range []string{"JSON", "Dynamic", "Variant", "Object", "AggregateFunction", "Nested"} {
		if strings.Contains(typ, inside) {
			return true
		}
	}
	return false
}

var (
	trailer   = regexp.MustCompile(`\s*\(version [0-9.]+[^)]*\)\s*$`)
	errorName = regexp.MustCompile(`\(([A-Z][A-Z0-9_]+)\)\s*$`)
	internals = regexp.MustCompile(`__table[0-9]+\.`)
	executing = regexp.MustCompile(`(?s): while executing .*$|: While processing .*$|: In scope .*$`)
)

// clean makes an *Error of what ClickHouse says, without its version and inner names.
func clean(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &Error{Code: 159, Name: "TIMEOUT_EXCEEDED", Message: "the statement takes longer than allowed"}
	}
	var e *clickhouse.Exception
	if errors.As(err, &e) {
		message := strings.TrimSpace(trailer.ReplaceAllString(e.Message, ""))
		name := e.Name
		if m := errorName.FindStringSubmatch(message); m != nil {
			name = m[1]
			message = strings.TrimSpace(strings.TrimSuffix(message, "("+m[1]+")"))
		}
		message = executing.ReplaceAllString(internals.ReplaceAllString(message, ""), "")
		message = strings.TrimPrefix(message, "DB::Exception: ")
		return &Error{Code: e.Code, Name: name, Message: message}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("run statement: %w", ctx.Err())
	}
	// The answer came and is not in the driver's format.
	if text := err.Error(); strings.Contains(text, "readData") || strings.Contains(text, "ScanRow") || strings.Contains(text, "unsupported column type") {
		return &Error{Name: "UNREADABLE_RESULT", Message: "the result cannot be read: leave FORMAT out, and turn columns of unusual types into strings with toString()"}
	}
	return fmt.Errorf("run statement: %w: %w", ErrUnavailable, err)
}
