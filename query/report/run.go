package report

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Conn is what reports need of a ClickHouse connection: its default database holds
// the table of events.
type Conn interface {
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

// Limits bounds one report.
type Limits struct {
	Time time.Duration // 0 = 60 s
}

// Runner runs compiled reports. It is safe for concurrent use.
type Runner struct {
	Conn Conn
	// AsOf returns the time up to which every event that was received can be read.
	// Default: now, for a database that nobody writes to.
	AsOf   func() time.Time
	Limits Limits
}

// Meta tells what a result rests on.
type Meta struct {
	// AsOf: every event received until then is counted. Later ones may be.
	AsOf time.Time `json:"as_of"`
	// RowsRead is how many events the range and the filters left, elements where
	// an array was exploded.
	RowsRead  int64 `json:"rows_read"`
	ElapsedMS int64 `json:"elapsed_ms"`
	// Truncated: there are more rows than the limit.
	Truncated bool `json:"truncated"`
	// Misfits has, for each field whose values may not fit its type, how many of
	// the events that were read have such a value. It counts as null.
	Misfits map[string]int64 `json:"misfits"`
	From    *time.Time       `json:"from,omitempty"`
	To      *time.Time       `json:"to,omitempty"`
	// PreviousFrom is where the period begins that compare adds; it ends at From.
	PreviousFrom *time.Time `json:"previous_from,omitempty"`
}

// Result is a report's answer (CONTRACT section 5).
type Result struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
	// Totals has one value for each column, over all events, not only those in
	// Rows: null for the time and the dimensions.
	Totals []any `json:"totals"`
	Meta   Meta  `json:"meta"`
}

// The errors of running a statement.
var (
	// ErrTooHeavy says that a limit on time or memory was reached: the report must
	// ask for less.
	ErrTooHeavy = errors.New("the report takes more time or memory than allowed")
	// ErrUnavailable says that ClickHouse did not answer.
	ErrUnavailable = errors.New("ClickHouse is unavailable")
)

func (r *Runner) timeout() time.Duration {
	if r.Limits.Time > 0 {
		return r.Limits.Time
	}
	return time.Minute
}

// query runs a statement within the limits; cancel must be called when its rows
// have been read.
func (r *Runner) query(ctx context.Context, q Query) (driver.Rows, context.CancelFunc, error) {
	settings := clickhouse.Settings{"max_execution_time": int(r.timeout().Seconds())}
	maps.Copy(settings, requiredSettings)
	ctx, cancel := context.WithTimeout(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), r.timeout()+5*time.Second)
	rows, err := r.Conn.Query(ctx, q.Text())
	if err != nil {
		cancel()
		return nil, nil, wrap(err)
	}
	return rows, cancel, nil
}

// ClickHouse's codes for limits that were reached.
var tooHeavy = []int32{158, 159, 160, 241, 307, 396}

// wrap says what an error of ClickHouse's means to the caller.
func wrap(err error) error {
	var e *clickhouse.Exception
	switch {
	case errors.As(err, &e) && slices.Contains(tooHeavy, e.Code):
		return fmt.Errorf("run report: %w: %w", ErrTooHeavy, err)
	case errors.As(err, &e):
		return fmt.Errorf("run report: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("run report: %w: %w", ErrTooHeavy, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("run report: %w", err)
	default:
		return fmt.Errorf("run report: %w: %w", ErrUnavailable, err)
	}
}

func (r *Runner) asOf() time.Time {
	if r.AsOf == nil {
		return time.Now().UTC()
	}
	return r.AsOf().UTC()
}

// Run answers a report. Errors wrap ErrTooHeavy or ErrUnavailable.
func (r *Runner) Run(ctx context.Context, p *Plan) (*Result, error) {
	started := time.Now()
	result := &Result{Columns: p.Columns, Rows: [][]any{}}
	var keys []int64
	width := len(p.Columns)
	err := r.each(ctx, p, p.limit, &result.Meta, func(key int64, row []any) error {
		row = append(make([]any, 0, width), row...)
		keys = append(keys, key)
		result.Rows = append(result.Rows, row)
		return nil
	}, func(totals []any) {
		result.Totals = append(make([]any, 0, width), totals...)
	})
	if err != nil {
		return nil, err
	}
	if len(result.Rows) > p.limit {
		result.Rows, keys, result.Meta.Truncated = result.Rows[:p.limit], keys[:p.limit], true
	}
	if p.request.Fill {
		keys = p.fill(result, keys)
	}
	if p.Previous != nil {
		if err := r.compare(ctx, p, result, keys); err != nil {
			return nil, err
		}
	}
	result.Meta.ElapsedMS = time.Since(started).Milliseconds()
	return result, nil
}

// Stream hands out the rows of a report one after the other, in constant memory
// but for fill and compare. header is called once, before the first row.
func (r *Runner) Stream(ctx context.Context, p *Plan, header func([]Column) error, row func([]any) error) (Meta, error) {
	if p.request.Fill || p.Previous != nil {
		result, err := r.Run(ctx, p)
		if err != nil {
			return Meta{}, err
		}
		if err := header(p.Columns); err != nil {
			return result.Meta, err
		}
		for _, x := range result.Rows {
			if err := row(x); err != nil {
				return result.Meta, err
			}
		}
		return result.Meta, nil
	}
	limit := MaxStreamed
	if p.request.Limit != nil {
		limit = p.limit
	}
	var meta Meta
	n := 0
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return header(p.Columns)
	}
	err := r.each(ctx, p, limit, &meta, func(_ int64, x []any) error {
		if err := begin(); err != nil {
			return err
		}
		if n++; n > limit {
			meta.Truncated = true
			return nil
		}
		return row(x)
	}, func([]any) {})
	if err == nil {
		err = begin()
	}
	return meta, err
}

// each runs a plan's statement and hands out its rows, which are valid until the
// next one. key is the time bucket's.
func (r *Runner) each(ctx context.Context, p *Plan, limit int, meta *Meta, row func(key int64, row []any) error, totals func([]any)) error {
	meta.AsOf, meta.Misfits = r.asOf(), map[string]int64{}
	meta.From, meta.To = instant(p.Range.Start), instant(p.Range.End)
	rows, cancel, err := r.query(ctx, p.Statement(limit))
	if err != nil {
		return err
	}
	defer cancel()
	defer func() { _ = rows.Close() }() // Err below tells what matters
	reader := p.reader()
	found := false
	for rows.Next() {
		if err := rows.Scan(reader.targets...); err != nil {
			return fmt.Errorf("read report: %w", err)
		}
		values := reader.read()
		if reader.total == 1 {
			found = true
			meta.RowsRead = int64(reader.count)
			for i, c := range p.misfits() {
				meta.Misfits[c.name] = int64(reader.misfits[i])
			}
			totals(p.totals(values))
			if len(p.dims) > 0 || p.buckets.granularity != "" {
				continue
			}
		}
		if err := row(reader.bucket, values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return wrap(err)
	}
	if !found { // nothing matched, and there was something to group by
		totals(p.zeros())
	}
	return nil
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// rowReader reads the rows of a plan's statement.
type rowReader struct {
	plan    *Plan
	targets []any
	bucket  int64
	cells   []cell
	total   uint8
	count   uint64
	misfits []uint64
	row     []any
}

func (p *Plan) reader() *rowReader {
	r := &rowReader{plan: p, misfits: make([]uint64, len(p.misfits()))}
	if p.buckets.granularity != "" {
		r.targets = append(r.targets, &r.bucket)
	}
	r.cells = make([]cell, len(p.dims)+len(p.metrics))
	for i, c := range p.dims {
		r.cells[i].kind = kindOf(c.typ)
		r.targets = append(r.targets, r.cells[i].target(false))
	}
	for i, m := range p.metrics {
		c := &r.cells[len(p.dims)+i]
		c.kind = m.kind
		c.rounded = m.kind == kindFloat && !m.sent()
		r.targets = append(r.targets, c.target(m.counts()))
	}
	r.targets = append(r.targets, &r.total, &r.count)
	for i := range r.misfits {
		r.targets = append(r.targets, &r.misfits[i])
	}
	return r
}

func (r *rowReader) read() []any {
	r.row = r.row[:0]
	if r.plan.buckets.granularity != "" {
		r.row = append(r.row, r.plan.buckets.text(r.bucket))
	}
	for i := range r.cells {
		r.row = append(r.row, r.cells[i].value())
	}
	return r.row
}

// totals is the row of totals with nulls for what it has no value of.
func (p *Plan) totals(values []any) []any {
	out := slices.Clone(values)
	for i := range len(values) - len(p.metrics) {
		out[i] = nil
	}
	return out
}

// zeros is the row of totals where there are no events.
func (p *Plan) zeros() []any {
	out := make([]any, 0, len(p.Columns))
	for range p.groups() {
		out = append(out, nil)
	}
	for _, m := range p.metrics {
		out = append(out, m.zero)
	}
	return out
}

// groups is how many columns come before the metrics.
func (p *Plan) groups() int {
	n := len(p.dims)
	if p.buckets.granularity != "" {
		n++
	}
	return n
}
