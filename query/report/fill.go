package report

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// fill adds a row for each time bucket and each combination of dimensions that
// occurs, where there is none, and cuts the rows at the limit again. It returns the
// rows' buckets.
func (p *Plan) fill(result *Result, keys []int64) []int64 {
	groups := p.groups()
	have := map[string]bool{}
	var combinations [][]any
	seen := map[string]bool{}
	for i, row := range result.Rows {
		dims := groupKey(row[1:groups])
		have[bucketKey(keys[i], dims)] = true
		if !seen[dims] {
			seen[dims] = true
			combinations = append(combinations, row[1:groups])
		}
	}
	if len(p.dims) == 0 && len(combinations) == 0 {
		combinations = [][]any{{}}
	}
	type filled struct {
		key int64
		row []any
	}
	rows := make([]filled, 0, len(result.Rows))
	for i, row := range result.Rows {
		rows = append(rows, filled{keys[i], row})
	}
	// More rows than the limit are of no use, whatever the order: of the missing
	// ones, each combination's come in the order of time.
	budget := MaxLimit * 4
fill:
	for _, dims := range combinations {
		encoded := groupKey(dims)
		for _, key := range p.keys {
			if have[bucketKey(key, encoded)] {
				continue
			}
			if budget--; budget < 0 {
				result.Meta.Truncated = true
				break fill
			}
			row := make([]any, 0, len(p.Columns))
			row = append(append(row, p.buckets.text(key)), dims...)
			for _, m := range p.metrics {
				row = append(row, m.zero)
			}
			rows = append(rows, filled{key, row})
		}
	}
	slices.SortStableFunc(rows, func(a, b filled) int {
		for _, o := range p.orders {
			order := 0
			if o.index == 0 { // the text of an hour does not sort across offsets
				order = compareCells(a.key, b.key, o.descending)
			} else {
				order = compareCells(a.row[o.index], b.row[o.index], o.descending)
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
	if len(rows) > p.limit {
		rows, result.Meta.Truncated = rows[:p.limit], true
	}
	result.Rows, keys = result.Rows[:0], keys[:0]
	for _, f := range rows {
		result.Rows, keys = append(result.Rows, f.row), append(keys, f.key)
	}
	return keys
}

// compare adds the metrics of the period before to each row: those of the same
// dimensions in the bucket at the same place.
func (r *Runner) compare(ctx context.Context, p *Plan, result *Result, keys []int64) error {
	before := p.Previous
	groups := p.groups()
	// Only what some row needs is kept.
	places := map[int64]int{}
	for i, key := range p.keys {
		places[key] = i
	}
	index := make(map[string]int, len(result.Rows))
	for i, row := range result.Rows {
		place := int64(0)
		if p.buckets.granularity != "" {
			place = int64(places[keys[i]])
		}
		index[bucketKey(place, groupKey(row[groups-len(p.dims):groups]))] = i
		for _, m := range p.metrics {
			result.Rows[i] = append(result.Rows[i], m.zero)
		}
	}
	beforePlaces := map[int64]int{}
	for i, key := range before.keys {
		beforePlaces[key] = i
	}
	var meta Meta
	width := groups + len(p.metrics)
	err := r.each(ctx, before, 0, &meta, func(key int64, row []any) error {
		place := int64(0)
		if before.buckets.granularity != "" {
			place = int64(beforePlaces[key])
		}
		if i, ok := index[bucketKey(place, groupKey(row[groups-len(p.dims):groups]))]; ok {
			copy(result.Rows[i][width:], row[groups:])
		}
		return nil
	}, func(totals []any) {
		result.Totals = append(result.Totals, totals[groups:]...)
	})
	if err != nil {
		return fmt.Errorf("compare with the period before: %w", err)
	}
	result.Meta.PreviousFrom = instant(before.Range.Start)
	return nil
}

// groupKey encodes the dimensions of a row, different ones differently.
func groupKey(dims []any) string {
	var b strings.Builder
	for _, v := range dims {
		switch x := v.(type) {
		case nil:
			b.WriteByte('n')
		case string:
			b.WriteByte('s')
			b.Write(binary.AppendUvarint(nil, uint64(len(x))))
			b.WriteString(x)
		default:
			fmt.Fprintf(&b, "v%v;", x)
		}
	}
	return b.String()
}

func bucketKey(bucket int64, dims string) string {
	return string(binary.AppendVarint(nil, bucket)) + dims
}
