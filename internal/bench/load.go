package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The sender shares the machine with what it measures, so it does as little as
// it can: requests are rendered once, only the digits of their event ids change,
// and answers are read without being parsed beyond status and length.

// idDigits is the width of the number in an event id.
const idDigits = 12

// template is a rendered request whose event ids can be changed in place.
type template struct {
	data  []byte
	ids   []int // offsets of the digits of each event id
	times []int // offsets of each event_timestamp
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// appendEvent renders one event of about 300 bytes. i picks its values; the id's
// number and the time are filled in later.
func appendEvent(dst []byte, i int, extra string) (out []byte, id, at int) {
	dst = append(dst, '{')
	dst = append(dst, extra...)
	dst = append(dst, `"event_id":"order_`...)
	id = len(dst)
	dst = append(dst, `000000000000","event_timestamp":"`...)
	at = len(dst)
	dst = append(dst, timeFormat...)
	dst = fmt.Appendf(dst, `","event_email":"customer%d@example.com","event_adb_cdt":"adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a30%04x",`+
		`"event_payload":{"revenue":%d.99,"currency":"EUR","product_name":"Premium Plan %d","quantity":%d,"new":%t,"customer":{"country":"DE"}}}`,
		i%1000, i%65536, 10+i%90, i%7, 1+i%5, i%2 == 0)
	return dst, id, at
}

func newTemplate(head func(length int) string, events int, extra, open, between, end string) *template {
	var body []byte
	t := &template{}
	body = append(body, open...)
	for i := range events {
		if i > 0 {
			body = append(body, between...)
		}
		var id, at int
		body, id, at = appendEvent(body, i, extra)
		t.ids, t.times = append(t.ids, id), append(t.times, at)
	}
	body = append(body, end...)
	h := head(len(body))
	for i := range t.ids {
		t.ids[i] += len(h)
		t.times[i] += len(h)
	}
	t.data = append([]byte(h), body...)
	return t
}

func (t *template) clone() *template { return &template{slices.Clone(t.data), t.ids, t.times} }

// number gives the events the ids first, first+1, … and times in the same order, three
// milliseconds apart: events come as they happen.
func (t *template) number(first int64) {
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, at := range t.ids {
		n := first + int64(i)
		for d := idDigits - 1; d >= 0; d-- {
			t.data[at+d] = byte('0' + n%10)
			n /= 10
		}
		// By way of a buffer: AppendFormat writes beyond what it returns.
		var at [len(timeFormat) + 8]byte
		copy(t.data[t.times[i]:], start.Add(time.Duration(first+int64(i))*3*time.Millisecond).AppendFormat(at[:0], timeFormat))
	}
}

// load is one measured run of senders.
type load struct {
	addr        string
	request     *template
	connections int
	duration    time.Duration
	rate        float64 // requests a second over all connections; 0 = as fast as answers come
	first       *atomic.Int64
}

// outcome is what the senders saw.
type outcome struct {
	requests  int
	events    int
	elapsed   time.Duration
	latencies []time.Duration // sorted
}

func (o outcome) perSecond() float64 { return float64(o.events) / o.elapsed.Seconds() }

func (o outcome) quantile(q float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(int(q*float64(len(o.latencies))), len(o.latencies)-1)]
}

func (l load) run(ctx context.Context) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, l.duration)
	defer cancel()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		out   outcome
		fault error
	)
	begun := time.Now()
	for range l.connections {
		wg.Go(func() {
			seen, err := l.sender(ctx, begun)
			mu.Lock()
			defer mu.Unlock()
			out.latencies = append(out.latencies, seen...)
			fault = errors.Join(fault, err)
		})
	}
	wg.Wait()
	out.elapsed = time.Since(begun)
	out.requests = len(out.latencies)
	out.events = out.requests * len(l.request.ids)
	slices.Sort(out.latencies)
	return out, fault
}

func (l load) sender(ctx context.Context, begun time.Time) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // everything was answered
	request := l.request.clone()
	buf := make([]byte, 64<<10)
	var seen []time.Duration
	interval := time.Duration(0)
	if l.rate > 0 {
		interval = time.Duration(float64(l.connections) / l.rate * float64(time.Second))
	}
	for due := begun; ctx.Err() == nil; due = due.Add(interval) {
		sent := time.Now()
		if interval > 0 {
			// Open loop: the time that a request is late counts, too.
			if wait := due.Sub(sent); wait > 0 {
				time.Sleep(wait)
			}
			sent = due
		}
		request.number(l.first.Add(int64(len(request.ids))))
		if _, err := conn.Write(request.data); err != nil {
			return seen, err
		}
		if err := answer(conn, buf); err != nil {
			return seen, err
		}
		seen = append(seen, time.Since(sent))
	}
	return seen, nil
}

// answer reads one HTTP/1.1 answer and fails unless its status is 200 or 201.
func answer(conn net.Conn, buf []byte) error {
	n := 0
	for {
		m, err := conn.Read(buf[n:])
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		n += m
		end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		if !bytes.HasPrefix(buf, []byte("HTTP/1.1 20")) {
			return fmt.Errorf("answered: %s", buf[:min(n, 600)])
		}
		return rest(conn, buf, n, end+4)
	}
}

// rest reads what is missing of the body behind a header of the given length.
func rest(conn net.Conn, buf []byte, n, header int) error {
	head := buf[:header]
	if i := bytes.Index(head, []byte("Content-Length: ")); i >= 0 {
		v := head[i+len("Content-Length: "):]
		length, err := strconv.Atoi(string(v[:bytes.IndexByte(v, '\r')]))
		if err != nil {
			return fmt.Errorf("answer's length: %w", err)
		}
		if missing := header + length - n; missing > 0 {
			_, err = io.ReadFull(conn, buf[n:n+missing])
		}
		return err
	}
	for !bytes.HasSuffix(buf[:n], []byte("0\r\n\r\n")) { // chunked
		m, err := conn.Read(buf[n:])
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		n += m
	}
	return nil
}
