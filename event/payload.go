package event

// AppendPayload appends the JSON text of the value at tapeIndex, without white
// space, to dst. ClickHouse parses it to the value of the tape: numbers that fit
// 64 bits stand as their sender wrote them, others as strings, texts are
// escaped where JSON demands it and nowhere else.
func AppendPayload(dst []byte, b *Batch, tapeIndex int) []byte {
	dst, _ = appendValue(dst, b, tapeIndex)
	return dst
}

// appendValue returns the index after the value too. It calls itself no deeper
// than MaxDepth.
func appendValue(dst []byte, b *Batch, at int) ([]byte, int) {
	w := b.Tape[at]
	at++
	switch w.Kind() {
	case False:
		return append(dst, "false"...), at
	case True:
		return append(dst, "true"...), at
	case Int, Uint, Float:
		return append(dst, b.Body[w.Offset():w.Offset()+w.Len()]...), at + 1
	case String:
		return appendText(dst, b, w), at
	case Array:
		dst = append(dst, '[')
		for i := range w.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, at = appendValue(dst, b, at)
		}
		return append(dst, ']'), at
	case Object:
		dst = append(dst, '{')
		for i := range w.Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, b, b.Tape[at]), ':')
			dst, at = appendValue(dst, b, at+1)
		}
		return append(dst, '}'), at
	default:
		return append(dst, "null"...), at
	}
}

func appendText(dst []byte, b *Batch, w Word) []byte {
	text := b.Text(w)
	dst = append(dst, '"')
	if w&unescapedBit == 0 { // as it stood in the body, where it had no escapes
		return append(append(dst, text...), '"')
	}
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= 0x20 && text[n] != '"' && text[n] != '\\' {
			n++
		}
		dst = append(dst, text[:n]...)
		if n == len(text) {
			break
		}
		dst = appendEscape(dst, text[n])
		text = text[n+1:]
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
