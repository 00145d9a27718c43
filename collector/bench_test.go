package collector_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/collector/block"
	"github.com/tributary-events/tributary/event"
)

// null is a Store that builds real blocks, writes them to nowhere and is never
// away: what is left is the collector's own cost.
type null struct{ *memory }

type nullBlock struct{ *block.Builder }

func (b nullBlock) Append(connection uuid.UUID, receivedAt int64, batch *event.Batch, from, to int) {
	b.Builder.Append(connection, receivedAt, batch, from, to)
}

func (null) NewBlock() collector.Block { return nullBlock{block.New(block.Options{})} }

func (null) Insert(_ context.Context, b collector.Block) error {
	_, err := b.(nullBlock).WriteTo(io.Discard)
	return err
}

// BenchmarkIngest is a request from the socket to the acknowledgement, spool and
// columnar block included, without the store. One operation is one event.
func BenchmarkIngest(b *testing.B) {
	for _, s := range []struct{ events, connections int }{{1, 64}, {100, 16}, {900, 4}} {
		b.Run(fmt.Sprintf("events=%d/connections=%d", s.events, s.connections), func(b *testing.B) {
			c := start(b, collector.Config{Store: null{newMemory()}})
			request := rendered(c.url, s.events)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.SetBytes(int64(len(request) / s.events))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range s.connections {
				wg.Go(func() {
					if err := sendWhile(c.url, request, func() bool { return left.Add(-int64(s.events)) > -int64(s.events) }); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func rendered(url string, events int) []byte {
	var body strings.Builder
	for i := range events {
		fmt.Fprintf(&body, `%c{"event_id":"order_%012d","event_timestamp":"2025-12-08T15:21:11.804Z","event_email":"customer%d@example.com","event_adb_cdt":"adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a306d0a","event_payload":{"revenue":99.99,"currency":"EUR","product_name":"Premium Plan","quantity":%d,"customer":{"country":"DE"}}}`,
			"[,"[min(i, 1)], i, i, i%5)
	}
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return fmt.Appendf(nil, "POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s]", path, host, body.Len()+1, body.String())
}

func sendWhile(url string, request []byte, more func() bool) error {
	conn, err := net.Dial("tcp", strings.Split(strings.TrimPrefix(url, "http://"), "/")[0])
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // everything was answered
	in := bufio.NewReader(conn)
	for more() {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("answered %s", res.Status)
		}
	}
	return nil
}
