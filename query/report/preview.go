package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// previewEvents is how many of the newest events a preview looks at.
const previewEvents = 10_000

// Preview says how a field would suit the newest events.
type Preview struct {
	// Events were looked at; Present of them have a value at the path, Fitting one
	// that fits. Copies of one event that have not been merged yet count each.
	Events  uint64 `json:"events"`
	Present uint64 `json:"present"`
	Fitting uint64 `json:"fitting"`
	// Samples are JSON texts, cut at 200 characters.
	FittingSamples []string `json:"fitting_samples"`
	MisfitSamples  []string `json:"misfit_samples"`
}

// Preview looks at the newest events of the field's connections. Errors:
// *define.InvalidError, ErrTooHeavy, ErrUnavailable.
func (r *Runner) Preview(ctx context.Context, f *define.Field, catalog Catalog) (*Preview, error) {
	q, err := PreviewStatement(f, catalog)
	if err != nil {
		return nil, err
	}
	quick := *r
	quick.Limits.Time = 20 * time.Second
	rows, cancel, err := quick.query(ctx, q)
	if err != nil {
		return nil, err
	}
	defer cancel()
	defer func() { _ = rows.Close() }() // Err below tells what matters
	p := &Preview{}
	for rows.Next() {
		if err := rows.Scan(&p.Events, &p.Present, &p.Fitting, &p.FittingSamples, &p.MisfitSamples); err != nil {
			return nil, fmt.Errorf("read preview: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return p, nil
}

// PreviewStatement returns the SQL of a preview. It reads the table without FINAL:
// of the newest events few have several copies, and all would have to be read to tell.
func PreviewStatement(f *define.Field, catalog Catalog) (Query, error) {
	if err := f.Check().Err(); err != nil {
		return Query{}, err
	}
	c, err := newColumn(f)
	if err != nil {
		return Query{}, err
	}
	path, err := define.ParsePath(f.Path)
	if err != nil {
		return Query{}, err
	}
	var head define.Path
	for _, s := range path {
		head = append(head, define.Step{Key: s.Key})
		if s.Arrays > 0 {
			break
		}
	}
	var b builder
	ids := []uuid.UUID{uuid.Nil} // none has this one: an empty list has no type
	for _, x := range catalog.Connections {
		if f.AppliesTo(x.ID) {
			ids = append(ids, x.ID)
		}
	}
	fits := "isNotNull(v)"
	if c.array {
		fits = "startsWith(raw, '[') AND NOT arrayExists(x -> isNull(x), v)"
	}
	sql := "SELECT\n  count(),\n  countIf(present),\n  countIf(present AND fits),\n" +
		"  groupUniqArrayIf(10)(sample, present AND fits),\n  groupUniqArrayIf(10)(sample, present AND NOT fits)\nFROM (\n" +
		"  SELECT " + c.expr + " AS v,\n    JSONExtractRaw(toJSONString(event_payload)" + jsonKeys(head) + ") AS raw,\n" +
		"    raw NOT IN ('', 'null') AS present,\n    " + fits + " AS fits,\n    substringUTF8(raw, 1, 200) AS sample\n" +
		"  FROM (SELECT event_payload FROM events WHERE NOT is_deleted AND connection_id IN " + b.bind(ids) +
		fmt.Sprintf(" ORDER BY received_at DESC LIMIT %d)\n)", previewEvents)
	return b.finish(sql), nil
}

// CheckConversion says why a conversion cannot be used, nil = it can.
func CheckConversion(c *define.Conversion, catalog Catalog, now time.Time) error {
	issues := &define.Issues{}
	catalog.Connections = nil
	for _, id := range c.ConnectionIDs {
		catalog.Connections = append(catalog.Connections, Connection{ID: id})
	}
	e := &env{catalog: &catalog, now: now, loc: time.UTC, issues: issues, connections: catalog.Connections}
	if len(c.Filters) == 0 && len(c.ConnectionIDs) == 0 {
		issues.Add("/filters", "required", "must hold at least one condition where connection_ids is empty")
	}
	(&predicates{env: e}).all(c.Filters, "/filters")
	if c.ValueField != "" {
		if v := e.use(c.ValueField, "/value_field"); v != nil && v.typ != define.Numeric && v.typ != define.Integer {
			issues.Add("/value_field", "type", "must be a number or integer field; %s is of type %s", v.name, v.typ)
		}
	}
	return issues.Err()
}

// DecodeFilters reads the JSON of a list of filters.
func DecodeFilters(data []byte) ([]define.Filter, error) {
	var filters []define.Filter
	if err := unmarshal(data, &filters); err != nil {
		return nil, err
	}
	if len(filters) > maxFilters {
		return nil, errors.New("too many filters")
	}
	return filters, nil
}
