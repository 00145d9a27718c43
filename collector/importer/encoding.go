package importer

import (
	"bytes"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var (
	bomUTF8    = []byte("\xef\xbb\xbf")
	bomUTF16LE = []byte("\xff\xfe")
	bomUTF16BE = []byte("\xfe\xff")
)

// encodingOf says in which encoding a file begins with head: by its byte order mark,
// else UTF-8 if it is that, else "" with what was seen.
func encodingOf(head []byte, whole bool) (encoding, doubt string) {
	switch {
	case bytes.HasPrefix(head, bomUTF8):
		return UTF8, ""
	case bytes.HasPrefix(head, bomUTF16LE):
		return UTF16LE, ""
	case bytes.HasPrefix(head, bomUTF16BE):
		return UTF16BE, ""
	}
	if zeros := bytes.Count(head, []byte{0}); zeros > len(head)/4 {
		return "", "Every other byte is zero: it looks like UTF-16 without a byte order mark."
	}
	if !whole {
		head = cutRune(head)
	}
	if utf8.Valid(head) {
		return UTF8, ""
	}
	return "", "The file is not UTF-8 and has no byte order mark. Western European spreadsheets write windows-1252."
}

// decoded tells whether texts are made UTF-8 before they are read.
func (p *Plan) decoded() bool { return p.Encoding != "" && p.Encoding != UTF8 }

// cutRune takes away a character at the end of which bytes may be missing.
func cutRune(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			return b
		}
	}
	return b
}

// decode returns a reader of UTF-8 without a byte order mark. What is no UTF-16 or
// UTF-8 is found row by row: UTF-16 leaves U+FFFD, which the CSV and NDJSON sources refuse.
func decode(r io.Reader, encoding string, head []byte) (io.Reader, error) {
	found, _ := encodingOf(head, true)
	if sixteen := found == UTF16LE || found == UTF16BE; sixteen && encoding != found {
		return nil, broken(nil, "The file is %s, as its byte order mark says, and not %s.", found, encoding)
	}
	switch encoding {
	case UTF16LE:
		return transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), nil
	case UTF16BE:
		return transform.NewReader(r, unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder()), nil
	case Windows1252:
		return transform.NewReader(r, charmap.Windows1252.NewDecoder()), nil
	case Latin1:
		return transform.NewReader(r, charmap.ISO8859_1.NewDecoder()), nil
	default:
		if bytes.HasPrefix(head, bomUTF8) {
			if _, err := io.CopyN(io.Discard, r, int64(len(bomUTF8))); err != nil {
				return nil, err
			}
		}
		return r, nil
	}
}
