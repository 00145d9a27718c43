package export

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// Column is a column of a table of values.
type Column struct{ Name, Type string }

// Table writes rows of values to Parquet: reports and results of SQL. All columns are
// optional. Types are integer, number, boolean, date and datetime (as texts) and string;
// what does not fit a column's type is written as null.
type Table struct {
	w       *parquet.GenericWriter[any]
	columns []Column
	row     parquet.Row
	count   int
}

// ordered is a group whose fields keep their order; the library sorts them by name.
type ordered struct {
	parquet.Group
	names []string
}

// Fields implements parquet.Node.
func (o ordered) Fields() []parquet.Field {
	fields := o.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return cmp.Compare(slices.Index(o.names, a.Name()), slices.Index(o.names, b.Name()))
	})
	return fields
}

// NewTable begins a file.
func NewTable(w io.Writer, columns []Column) *Table {
	group := ordered{Group: parquet.Group{}}
	for _, c := range columns {
		name := c.Name
		for n := 2; slices.Contains(group.names, name); n++ {
			name = fmt.Sprintf("%s (%d)", c.Name, n)
		}
		group.names = append(group.names, name)
		group.Group[name] = parquet.Optional(nodeOf(c.Type))
	}
	return &Table{
		w:       parquet.NewGenericWriter[any](w, parquet.NewSchema("table", group), parquet.Compression(&parquet.Zstd), parquet.CreatedBy("tributary", "1", "")),
		columns: columns,
	}
}

func nodeOf(kind string) parquet.Node {
	switch kind {
	case "integer":
		return parquet.Int(64)
	case "number":
		return parquet.Leaf(parquet.DoubleType)
	case "boolean":
		return parquet.Leaf(parquet.BooleanType)
	default:
		return parquet.String()
	}
}

// Write writes one row: values in the order of the columns.
func (t *Table) Write(values []any) error {
	t.row = t.row[:0]
	for i, c := range t.columns {
		var v any
		if i < len(values) {
			v = values[i]
		}
		value := valueOf(c.Type, v)
		level := 1
		if value.IsNull() {
			level = 0
		}
		t.row = append(t.row, value.Level(0, level, i))
	}
	if _, err := t.w.WriteRows([]parquet.Row{t.row}); err != nil {
		return err
	}
	if t.count++; t.count%groupRows == 0 {
		return t.w.Flush()
	}
	return nil
}

// Close ends the file.
func (t *Table) Close() error { return t.w.Close() }
