package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// goodEvent is an event of the help page's shape, about 300 bytes.
func goodEvent(n int) string {
	return fmt.Sprintf(`{"event_id":"order_%d","event_timestamp":"2025-12-08T15:21:11.804Z","event_email":"customer.%d@example.com",`+
		`"event_adb_cdt":"adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a306d0a","event_payload":{"revenue":%d.99,"currency":"EUR",`+
		`"product_name":"Premium Plan","quantity":3,"customer":{"country":"DE","new":true}}}`, 100000+n, n, n%1000)
}

// goodBody is an array of n such events.
func goodBody(n int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(goodEvent(i))
	}
	b.WriteByte(']')
	return b.Bytes()
}

// benchmark runs one way to read n events and reports the fastest run too: other
// load on a machine only adds.
func benchmark(b *testing.B, name string, n int, read func(body []byte) error) {
	body := goodBody(n)
	b.Run(fmt.Sprintf("%s/events=%d", name, n), func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		least := time.Hour
		for b.Loop() {
			start := time.Now()
			if err := read(body); err != nil {
				b.Fatal(err)
			}
			least = min(least, time.Since(start))
		}
		b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(n), "ns/event")
		b.ReportMetric(float64(least)/float64(n), "least-ns/event")
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 100, 900} {
		d := NewDecoder()
		benchmark(b, "decoder", n, func(body []byte) error {
			_, err := d.Decode(body, Options{})
			return err
		})
	}
	for _, n := range []int{1, 100, 900} {
		rules := NewRules()
		benchmark(b, "oracle", n, func(body []byte) error {
			o := oracle{rules: rules}
			return o.run(body)
		})
	}
	for _, n := range []int{1, 100, 900} {
		benchmark(b, "jsontext-tokens", n, func(body []byte) error {
			dec := jsontext.NewDecoder(bytes.NewBuffer(body))
			for {
				if _, err := dec.ReadToken(); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
			}
		})
	}
	for _, n := range []int{1, 100, 900} {
		type event struct {
			ID        string         `json:"event_id"`
			Timestamp time.Time      `json:"event_timestamp"`
			Email     string         `json:"event_email"`
			CDT       string         `json:"event_adb_cdt"`
			Payload   map[string]any `json:"event_payload"`
		}
		benchmark(b, "encoding-json", n, func(body []byte) error {
			var events []event
			return json.Unmarshal(body, &events)
		})
	}
}
