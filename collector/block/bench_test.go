package block

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tributary-events/tributary/event"
)

// typicalBody is a request with events of about 300 bytes, as the help page's.
func typicalBody(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%c{"event_id":"order-%d-%d","event_timestamp":"2026-01-02T03:04:05.%03dZ","event_email":"customer%d@example.com",`+
			`"event_payload":{"order_id":"SO-%d","amount":%d.%02d,"currency":"EUR","quantity":%d,"paid":%t,`+
			`"customer":{"country":"DE","segment":"retail"},"product_name":"Widget %d"}}`,
			"[,"[min(i, 1)], i, r.Uint64(), i%1000, r.IntN(10000), r.IntN(1000000), r.IntN(500), r.IntN(100), r.IntN(9), i%2 == 0, r.IntN(50))
	}
	return append([]byte(b.String()), ']')
}

func wideBody(n, paths int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%c{"event_id":"e%d","event_timestamp":"2026-01-02T03:04:05Z","event_email":"a@example.com","event_payload":{`, "[,"[min(i, 1)], i)
		for j := range paths {
			fmt.Fprintf(&b, `%s"field_%d":%d`, ","[:min(j, 1)], j, i*j)
		}
		b.WriteString("}}")
	}
	return append([]byte(b.String()), ']')
}

func itemsBody(n, items int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%c{"event_id":"e%d","event_timestamp":"2026-01-02T03:04:05Z","event_email":"a@example.com","event_payload":{"order":%d,"tags":["a","b"],"items":[`, "[,"[min(i, 1)], i, i)
		for j := range items {
			fmt.Fprintf(&b, `%s{"sku":"A-%d","qty":%d,"price":%d.5,"options":[{"k":"size","v":%d}]}`, ","[:min(j, 1)], j, j, i, j)
		}
		b.WriteString("]}}")
	}
	return append([]byte(b.String()), ']')
}

// BenchmarkInterleaved appends single events of many connections in turn, each
// with paths of its own: no guess of the next path is right but inside an event.
func BenchmarkInterleaved(b *testing.B) {
	const connections = 20
	decoders := make([]*event.Decoder, connections) // each owns its batch
	batches := make([]*event.Batch, connections)
	for i := range batches {
		decoders[i] = event.NewDecoder()
		batch, err := decoders[i].Decode([]byte(strings.ReplaceAll(string(typicalBody(1)), `"order_id"`, fmt.Sprintf(`"order_id_%d"`, i))), event.Options{})
		if err != nil {
			b.Fatal(err)
		}
		batches[i] = batch
	}
	builder := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		for range 50 {
			for _, batch := range batches {
				builder.Append(connectionA, baseTime, batch, 0, 1)
			}
		}
		if _, err := builder.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		builder.Reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50/connections, "ns/event")
}

func BenchmarkBuilder(b *testing.B) {
	for _, bench := range []struct {
		name string
		body []byte
	}{
		{"typical", typicalBody(900)},
		{"wide50", wideBody(900, 50)},
		{"wide500", wideBody(100, 500)},
		{"items5", itemsBody(900, 5)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			batch := decode(b, bench.body)
			builder := New(Options{})
			n := len(batch.Events)
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.body)))
			for b.Loop() {
				builder.Append(connectionA, baseTime, batch, 0, n)
				if _, err := builder.WriteTo(io.Discard); err != nil {
					b.Fatal(err)
				}
				builder.Reset()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
		})
	}
}
