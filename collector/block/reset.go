package block

// Reset empties the builder for the next block. It keeps the paths that had
// values, with their buffers: the next block's events mostly look like this
// one's. Where paths had to do without a column, those that few rows have lose
// theirs, so that a sender who uses new paths all the time can keep others from
// having columns for one block, but not for ever.
func (b *Builder) Reset() {
	b.epoch++
	b.resetObject(b.payload)
	b.table.prune(b.epoch)
	b.sources = emptied(b.sources)
	b.ids, b.timestamps = emptied(b.ids), emptied(b.timestamps)
	b.emails, b.cdts = emptied(b.emails), emptied(b.cdts)
	if cap(b.scratch) > maxScratch || cap(b.pairs)*pairSize > maxScratch || cap(b.path) > maxScratch {
		b.pairs, b.scratch, b.path = nil, nil, nil
	}
	b.tombstones = nil
	b.rows, b.size, b.crowded = 0, 0, false
}

// emptied returns the buffer for reuse if it was used well, so that columns that
// were large once do not add up over many blocks.
func emptied[T any](p []T) []T {
	if cap(p) > 4*len(p)+1024 {
		return nil
	}
	return p[:0]
}

const (
	maxScratch = 256 << 10 // bytes that a buffer for single events may keep
	pairSize   = 24
)

// rare is the share of rows, one in so many, that a path must have to keep its
// column when there are too few columns.
const rare = 1024

func (b *Builder) resetObject(o *objectColumn) {
	least := 1
	if b.crowded {
		least = 2 + int(o.rows)/rare
	}
	kept := o.paths[:0]
	for _, n := range o.paths {
		if n.values.count() < least {
			n.values = nil
			continue
		}
		kept = append(kept, n)
		b.resetDynamic(n.values)
	}
	clear(o.paths[len(kept):])
	o.paths = kept
	o.root.first = nil
	o.shared.rows, o.shared.paths, o.shared.values = emptied(o.shared.rows), emptied(o.shared.paths), emptied(o.shared.values)
	o.rows = 0
	o.live = b.epoch
}

func (b *Builder) resetDynamic(d *dynamicColumn) {
	used := [256]bool{}
	for _, r := range d.runs {
		used[r.variant] = true
	}
	d.runs, d.last = emptied(d.runs), nil
	kept := d.variants[:0]
	d.types, d.scalars = 0, [scalars]*variant{}
	for _, v := range d.variants {
		switch {
		case v == d.overflow:
			d.overflow = nil
			continue
		case !used[v.index]:
			continue
		}
		v.index = uint8(len(kept))
		kept = append(kept, v)
		d.types++
		if v.typ.depth == 0 && v.typ.leaf < scalars {
			d.scalars[v.typ.leaf] = v
		}
		b.resetColumn(&v.column)
	}
	clear(d.variants[len(kept):])
	clear(d.order)
	d.variants = kept
}

func (b *Builder) resetColumn(c *column) {
	for i := range c.ends {
		c.ends[i], c.counts[i] = emptied(c.ends[i]), 0
	}
	c.nulls, c.data = emptied(c.nulls), emptied(c.data)
	if c.object != nil {
		b.resetObject(c.object)
	}
	if c.dynamic != nil {
		b.resetDynamic(c.dynamic)
	}
}

// count returns the number of rows with a value.
func (d *dynamicColumn) count() int {
	n := 0
	for _, r := range d.runs {
		n += int(r.end - r.start)
	}
	return n
}

// prune forgets the nodes that have no column and lead to none, those of object
// columns that are gone, and all guesses.
func (t *table) prune(epoch uint32) {
	for _, n := range t.nodes {
		n.kept = false
		n.first, n.next = nil, nil
	}
	for i := len(t.nodes) - 1; i >= 0; i-- { // children before parents
		n := t.nodes[i]
		if n.values != nil && n.object.live == epoch {
			n.kept = true
		}
		if n.kept {
			n.parent.kept = true
		}
	}
	clear(t.slots)
	mask := uint64(len(t.slots) - 1)
	kept := t.nodes[:0]
	for _, n := range t.nodes {
		if !n.kept {
			continue
		}
		kept = append(kept, n)
		i := n.hash & mask
		for t.slots[i] != nil {
			i = (i + 1) & mask
		}
		t.slots[i] = n
	}
	clear(t.nodes[len(kept):])
	t.nodes = kept
}
