package event

// value reads any JSON value onto the tape. Its path has depth elements.
func (d *Decoder) value(i, depth int) int {
	if i >= len(d.body) {
		return d.failValue(i)
	}
	switch c := d.body[i]; c {
	case '"':
		w, i := d.text(i)
		if i < 0 {
			return i
		}
		if w == 0 {
			d.reportFault(depth)
			w = d.faultText
		}
		d.batch.Tape = append(d.batch.Tape, w)
		return i
	case '{':
		if depth > MaxDepth {
			return d.tooDeep(i, depth)
		}
		return d.object(i, depth)
	case '[':
		if depth > MaxDepth {
			return d.tooDeep(i, depth)
		}
		return d.elements(i, depth)
	case 't':
		d.batch.Tape = append(d.batch.Tape, word(True, 0, 0))
		return d.literal(i, "true")
	case 'f':
		d.batch.Tape = append(d.batch.Tape, word(False, 0, 0))
		return d.literal(i, "false")
	case 'n':
		d.batch.Tape = append(d.batch.Tape, word(Null, 0, 0))
		return d.literal(i, "null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number(i, depth)
	default:
		return d.failValue(i)
	}
}

// literal reads true, false or null.
func (d *Decoder) literal(i int, want string) int {
	b := d.body
	if i+len(want) <= len(b) && string(b[i:i+len(want)]) == want {
		return i + len(want)
	}
	return d.failLiteral(i, want)
}

// object reads an object whose own path has depth elements; its '{' is at i.
func (d *Decoder) object(i, depth int) int {
	b := d.body
	at := len(d.batch.Tape)
	d.batch.Tape = append(d.batch.Tape, 0)
	d.objects++
	object, base, members := d.objects, len(d.keys), 0
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		d.batch.Tape[at] = word(Object, 0, at+1)
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return d.failKey(i)
		}
		key, next := d.text(i)
		if next < 0 {
			return next
		}
		if key == 0 {
			key = d.faultText
			d.path[depth] = key
			d.reportFault(depth + 1)
		} else {
			d.path[depth] = key
			d.addKey(object, base, key, depth)
		}
		d.batch.Tape = append(d.batch.Tape, key)
		members++
		if i = next + 1; !tight(b, next) {
			if i = d.colon(next); i < 0 {
				return i
			}
		}
		if i = d.value(i, depth+1); i < 0 {
			return i
		}
		if i = space(b, i); i == len(b) {
			return d.failObjectEnd(i)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case '}':
			d.dropKeys(base)
			d.batch.Tape[at] = word(Object, members, len(d.batch.Tape))
			return i + 1
		default:
			return d.failAfterValue(i, '}')
		}
	}
}

// tight tells whether a colon stands at i and no white space behind it: the
// usual case, for which a call of colon is a waste.
func tight(b []byte, i int) bool {
	return i+1 < len(b) && b[i] == ':' && b[i+1] > ' '
}

// colon reads the colon after a key and the white space around it.
func (d *Decoder) colon(i int) int {
	b := d.body
	if i = space(b, i); i >= len(b) || b[i] != ':' {
		return d.failColon(i)
	}
	return space(b, i+1)
}

// elements reads an array whose own path has depth elements; its '[' is at i.
func (d *Decoder) elements(i, depth int) int {
	b := d.body
	at := len(d.batch.Tape)
	d.batch.Tape = append(d.batch.Tape, 0)
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		d.batch.Tape[at] = word(Array, 0, at+1)
		return i + 1
	}
	for n := 0; ; n++ {
		d.path[depth] = word(Int, 0, n)
		if i = d.value(i, depth+1); i < 0 {
			return i
		}
		if i = space(b, i); i == len(b) {
			return d.failArrayEnd(i)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case ']':
			d.batch.Tape[at] = word(Array, n+1, len(d.batch.Tape))
			return i + 1
		default:
			return d.failAfterValue(i, ']')
		}
	}
}
