package collector

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/event"
)

// appendEvent appends one event of a batch as JSON, in the shape in which it is
// posted: what is kept of a refused event can be mended and sent again.
func appendEvent(dst []byte, b *event.Batch, i int) []byte {
	e := &b.Events[i]
	dst = appendText(append(dst, `{"event_id":`...), b.Text(e.ID))
	dst = append(dst, `,"event_timestamp":"`...)
	dst = time.UnixMilli(e.Timestamp).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, '"')
	if e.Email != 0 {
		dst = appendText(append(dst, `,"event_email":`...), b.Text(e.Email))
	}
	if e.CDT != 0 {
		dst = appendText(append(dst, `,"event_adb_cdt":`...), b.Text(e.CDT))
	}
	if e.Payload != 0 {
		dst = event.AppendPayload(append(dst, `,"event_payload":`...), b, e.Payload)
	}
	return append(dst, '}')
}

func appendText(dst, text []byte) []byte {
	// The decoder has checked the UTF-8, the only thing that AppendQuote refuses.
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}
