package importer

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// split returns the texts of the elements of a JSON array.
func split(array []byte) ([][]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(array), jsontext.AllowDuplicateNames(true))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var out [][]byte
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		out = append(out, bytes.Clone(value))
	}
	return out, nil
}
