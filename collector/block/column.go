package block

import "encoding/binary"

// objectColumn holds objects: the row of each is spread over the columns of its
// paths and, for paths without one, over shared.
type objectColumn struct {
	typ    *objectType
	rows   uint32
	root   node
	paths  []*node // those that have a column
	shared sharedData
	live   uint32 // Builder.epoch of the last Reset that kept it
}

// sharedData holds the values of paths that have no column: row by row, sorted
// by path, each value in binary with its type before it.
type sharedData struct {
	rows   []sharedRow // that have any
	paths  []byte
	values []byte
}

// sharedRow says where a row's pairs end, counted over all rows.
type sharedRow struct {
	row uint32
	end uint64
}

// dynamicColumn holds the values of one path, each in the column of its type.
// Which row has which is kept in runs, so that a path that few rows have costs
// no more than their values.
type dynamicColumn struct {
	typ      *dynamicType
	runs     []run
	last     *run // of runs; nil at first
	scalars  [scalars]*variant
	variants []*variant
	types    int        // variants that are no overflow
	order    []*variant // those of variants that the block being written has
	overflow *variant   // ClickHouse's SharedVariant: values of types beyond maxTypes
}

// run is consecutive rows with values of one variant.
type run struct {
	start, end uint32 // rows; end is behind the last
	variant    uint8  // index into variants
}

// variant is the column of the values that have one type.
type variant struct {
	column
	index         uint8 // in dynamicColumn.variants
	discriminator uint8 // in the block being written, see dynamicColumn.sort
}

// column holds values of one type: of arrays where each ends, then the nulls
// and the values of the innermost elements.
type column struct {
	typ     *valueType
	ends    [][]byte // by level, outermost first; uint64 each
	counts  []uint64 // elements so far, by level
	nulls   []byte   // one byte each, 1 = NULL
	data    []byte
	object  *objectColumn
	dynamic *dynamicColumn
}

func newColumn(t *valueType) column {
	c := column{typ: t}
	if t.depth > 0 {
		c.ends = make([][]byte, t.depth)
		c.counts = make([]uint64, t.depth)
	}
	switch t.leaf {
	case objectLeaf, nullableObjectLeaf:
		c.object = newObjectColumn(t.object)
	case dynamicLeaf:
		c.dynamic = &dynamicColumn{typ: t.dynamic}
	}
	return c
}

func newObjectColumn(t *objectType) *objectColumn {
	o := &objectColumn{typ: t}
	o.root.object = o
	return o
}

// begin notes an array of n elements at a level and returns the number of its first.
func (c *column) begin(level, n int) uint64 {
	first := c.counts[level]
	c.counts[level] = first + uint64(n)
	c.ends[level] = binary.LittleEndian.AppendUint64(c.ends[level], first+uint64(n))
	return first
}

// variant returns the variant for values of type t, nil if there is no room for
// another type.
func (d *dynamicColumn) variant(t *valueType) *variant {
	if t.depth == 0 && t.leaf < scalars {
		if v := d.scalars[t.leaf]; v != nil {
			return v
		}
	}
	for _, v := range d.variants {
		if v.typ == t {
			return v
		}
	}
	if d.types == d.typ.maxTypes {
		return nil
	}
	d.types++
	v := d.add(newColumn(t))
	if t.depth == 0 && t.leaf < scalars {
		d.scalars[t.leaf] = v
	}
	return v
}

// spill returns the variant for values of types beyond maxTypes.
func (d *dynamicColumn) spill() *variant {
	if d.overflow == nil {
		d.overflow = d.add(column{typ: d.typ.spilled})
	}
	return d.overflow
}

func (d *dynamicColumn) add(c column) *variant {
	v := &variant{column: c, index: uint8(len(d.variants))}
	d.variants = append(d.variants, v)
	return v
}

// put notes that row, which is behind all noted before, has the next value of v.
// It returns the bytes that this took.
func (d *dynamicColumn) put(row uint32, v *variant) int {
	if r := d.last; r != nil && r.end == row && r.variant == v.index {
		r.end++
		return 0
	}
	return d.start(row, v)
}

func (d *dynamicColumn) start(row uint32, v *variant) int {
	d.runs = append(d.runs, run{start: row, end: row + 1, variant: v.index})
	d.last = &d.runs[len(d.runs)-1]
	return runSize
}

// runSize is the memory of a run.
const runSize = 12
