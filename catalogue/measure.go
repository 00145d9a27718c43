package catalogue

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tributary-events/tributary/event"
)

// The same shapes as in reports, where ClickHouse decides.
var (
	numberText   = regexp.MustCompile(`^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$`)
	datetimeText = regexp.MustCompile(`^(19|2[0-2])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$`)
)

// measure notes which types the value at an index of the tape fits.
func (n *count) measure(b *event.Batch, at int) {
	n.sampled++
	n.changed = true
	w := b.Tape[at]
	switch w.Kind() {
	case event.True:
		n.fit[2]++
		n.sample = "true"
	case event.False:
		n.fit[2]++
		n.sample = "false"
	case event.Int, event.Uint, event.Float:
		n.text(string(b.Body[w.Offset() : w.Offset()+w.Len()]))
	case event.String:
		text := b.Text(w)
		if len(text) > maxSample {
			n.sample = clip(text[:maxSample])
			return // too long for any other type
		}
		n.text(string(text))
	}
}

// text notes which types a text fits.
func (n *count) text(s string) {
	n.sample = s
	if numberText.MatchString(s) {
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) {
			n.fit[0]++
			if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
				n.fit[1]++
			}
		}
	}
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0":
		n.fit[2]++
	}
	if datetimeText.MatchString(s) {
		n.fit[3]++
	}
}

// clip cuts a text between characters.
func clip(text []byte) string {
	for len(text) > 0 && !utf8.Valid(text) {
		text = text[:len(text)-1]
	}
	return string(text) + "…"
}
