package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// dataset makes the events of the report benchmark: 20 connections, a fifth of all
// events in the first; random ids; times in the order of arrival over 400 days; 3 % sent again
// later, a tenth of those with another time.
type dataset struct {
	webhooks []string // URL of each connection
	from     time.Time
	step     time.Duration // between two events
	random   *rand.Rand
	next     int // number of the next event
	bodies   []*bytes.Buffer
	pending  []int
	sent     int // copies, those sent again included
}

const (
	dataConnections = 20
	dataDays        = 400
	dataRequest     = 700 // events
)

func newDataset(webhooks []string, events int) *dataset {
	d := &dataset{
		webhooks: webhooks, from: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		step: dataDays * 24 * time.Hour / time.Duration(events), random: rand.New(rand.NewPCG(1, 2)),
		bodies: make([]*bytes.Buffer, len(webhooks)), pending: make([]int, len(webhooks)),
	}
	for i := range d.bodies {
		d.bodies[i] = &bytes.Buffer{}
	}
	return d
}

// mix is a bijection of 64-bit numbers (SplitMix64), so that ids are random and unique.
func mix(n uint64) uint64 {
	n += 0x9E3779B97F4A7C15
	n = (n ^ n>>30) * 0xBF58476D1CE4E5B9
	n = (n ^ n>>27) * 0x94D049BB133111EB
	return n ^ n>>31
}

func connectionOf(n int) int {
	if h := mix(uint64(n)) >> 8; h%5 != 0 {
		return 1 + int(h/5%(dataConnections-1))
	}
	return 0
}

func (d *dataset) time(n int) time.Time { return d.from.Add(time.Duration(n) * d.step) }

// append writes event n, moved in time.
func (d *dataset) append(n int, moved time.Duration) (connection int) {
	h := mix(uint64(n))
	c := connectionOf(n)
	b := d.bodies[c]
	if b.Len() == 0 {
		b.WriteByte('[')
	} else {
		b.WriteByte(',')
	}
	kind, status := "order", "paid"
	if h%5 == 0 {
		kind, status = "lead", "won"
	} else if h%7 == 0 {
		status = "open"
	}
	currency := [...]string{"EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "EUR", "USD", "USD", "GBP"}[h>>16%10]
	country := [...]string{"DE", "AT", "CH", "FR", "NL", "IT", "ES", "PL"}[h>>20%8]
	fmt.Fprintf(b, `{"event_id":"%016x","event_timestamp":"%s","event_email":"customer%d@example.com","event_adb_cdt":"adb_cscid:dcc50bcc-2bbc-44b1-8e29-%012x","event_payload":`+
		`{"kind":"%s","status":"%s","revenue":%d.%02d,"currency":"%s","product_name":"Premium Plan %d","quantity":%d,"customer":{"country":"%s","new":%t}}}`,
		h, d.time(n).Add(moved).Format(timeFormat), h%1_000_003, h>>16&0xFFFFFFFFFFFF,
		kind, status, 5+h>>24%500, h>>32%100, currency, min(h>>40%200, h>>48%200), 1+h>>36%5, country, h%3 == 0)
	d.pending[c]++
	d.sent++
	return c
}

// produce calls send with requests until count new events are in them, sent again
// ones besides; what is not full yet goes at the end.
func (d *dataset) produce(ctx context.Context, count int, send func(url string, body []byte)) {
	full := func(c int) {
		if d.pending[c] >= dataRequest {
			d.flush(c, send)
		}
	}
	for end := d.next + count; d.next < end && ctx.Err() == nil; d.next++ {
		full(d.append(d.next, 0))
		if d.next > 0 && d.random.IntN(100) < 3 {
			moved := time.Duration(0)
			if d.random.IntN(10) == 0 {
				moved = -time.Duration(1+d.random.IntN(60*24)) * time.Hour
			}
			full(d.append(d.random.IntN(d.next), moved))
		}
	}
	for c := range d.bodies {
		d.flush(c, send)
	}
}

func (d *dataset) flush(c int, send func(url string, body []byte)) {
	if d.pending[c] == 0 {
		return
	}
	d.bodies[c].WriteByte(']')
	send(d.webhooks[c], bytes.Clone(d.bodies[c].Bytes()))
	d.bodies[c].Reset()
	d.pending[c] = 0
}

// load sends count new events over four connections. every is the least time between
// two requests.
func (d *dataset) load(ctx context.Context, count int, every time.Duration) error {
	type request struct {
		url  string
		body []byte
	}
	requests := make(chan request, 8)
	senders, sending := errgroup.WithContext(ctx)
	for range 4 {
		senders.Go(func() error {
			for r := range requests {
				if err := post(sending, r.url, r.body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	due := time.Now()
	d.produce(sending, count, func(url string, body []byte) {
		due = due.Add(every)
		time.Sleep(time.Until(due))
		select {
		case requests <- request{url, body}:
		case <-sending.Done():
		}
	})
	close(requests)
	return senders.Wait()
}

func post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("answered %s: %s", res.Status, answer)
	}
	return nil
}
