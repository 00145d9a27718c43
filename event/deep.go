package event

// tooDeep reports the container at i, one level deeper than allowed, and reads
// it for its syntax alone, since a body that is not JSON must be refused as
// such. It keeps the open containers in a slice: a body may hold 150,000 of
// them, too many for a stack of calls.
func (d *Decoder) tooDeep(i, depth int) int {
	d.reportDepth(depth)
	inPayload := d.inPayload
	d.inPayload = false // what is refused as a whole needs no warnings
	i = d.skip(i)
	d.inPayload = inPayload
	d.batch.Tape = append(d.batch.Tape, 0)
	return i
}

// skip reads the container at i for its syntax alone.
func (d *Decoder) skip(i int) int {
	b := d.body
	stack := d.deep[:0] // the open containers' brackets
	defer func() { d.deep = stack }()
	for {
		// A value begins at i.
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			open := b[i]
			stack = append(stack, open)
			i = space(b, i+1)
			if i >= len(b) || b[i] != closing(open) {
				if open == '{' {
					if i = d.skipKey(i); i < 0 {
						return i
					}
				}
				continue
			}
		} else if i = d.skipScalar(i); i < 0 {
			return i
		}
		// The value, or an empty container's content, has ended at i.
		var open byte
		for {
			open = stack[len(stack)-1]
			if i == len(b) {
				return d.failContainerEnd(i, open)
			}
			if b[i] != closing(open) {
				break
			}
			i++
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				return i
			}
			i = space(b, i)
		}
		if b[i] != ',' {
			return d.failAfterValue(i, closing(open))
		}
		i = space(b, i+1)
		if open == '{' {
			if i = d.skipKey(i); i < 0 {
				return i
			}
		}
	}
}

// skipScalar reads the value at i, which is no container, and the white space after it.
func (d *Decoder) skipScalar(i int) int {
	if i < len(d.body) && d.body[i] == '"' {
		_, i = d.text(i)
	} else {
		mark := len(d.batch.Tape)
		i = d.value(i, 0)
		d.batch.Tape = d.batch.Tape[:mark]
	}
	if i < 0 {
		return i
	}
	return space(d.body, i)
}

// skipKey reads a member's key and colon and the white space after it.
func (d *Decoder) skipKey(i int) int {
	if i >= len(d.body) || d.body[i] != '"' {
		return d.failKey(i)
	}
	if _, i = d.text(i); i < 0 {
		return i
	}
	return d.colon(i)
}

// closing returns the bracket that closes open, which is '[' or '{'.
func closing(open byte) byte { return open + 2 }
