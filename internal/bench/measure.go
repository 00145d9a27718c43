package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// candidate is one way to take in the same events.
type candidate struct {
	name     string
	database string // whose events count as queryable; empty = nothing is stored
	pid      func() int
	run      func(ctx context.Context, s shape) (outcome, error)
}

// result is one measurement.
type result struct {
	outcome
	queryable          time.Duration // until the last event could be read
	ownCPU, engineCPU  float64       // microseconds an event
	peak               int64
	acked, queryableHz float64
}

// mostQueries is how many connections ClickHouse gets at most: it answers more than 100
// queries at once with an error, and Tributary asks beside them.
const mostQueries = 80

func (b *bench) candidates() []candidate {
	send := func(addr string, head func(int) string) func(context.Context, shape) (outcome, error) {
		return func(ctx context.Context, s shape) (outcome, error) {
			return b.load(addr, newTemplate(head, s.events, "", "[", ",", "]"), s, 0).run(ctx)
		}
	}
	listen := strings.Fields(b.yardstick.line)[1]
	return []candidate{
		{"tributary", "tributary", b.tributary.pid, send(b.tributary.line, postHead(b.tributary.line, b.webhook))},
		{"clickhouse, one bulk insert", "plain", nil, b.bulkInserts},
		{"clickhouse, same requests", "plain", nil, func(ctx context.Context, s shape) (outcome, error) {
			s.connections = min(s.connections, mostQueries)
			return send(b.engine.Addr(), b.insertHead())(ctx, s)
		}},
		{"gin + encoding/json + PrepareBatch", "plain", b.yardstick.pid, send(listen, postHead(listen, "/group"))},
		{"empty gin handler", "", b.yardstick.pid, send(listen, postHead(listen, "/empty"))},
	}
}

func (b *bench) load(addr string, t *template, s shape, rate float64) load {
	return load{
		addr: addr, request: t, connections: s.connections, rate: rate, first: &b.ids,
		duration: time.Duration(b.seconds * float64(time.Second)),
	}
}

// bulkInserts is the bulk insert as a candidate; the shape does not matter to it.
func (b *bench) bulkInserts(ctx context.Context, _ shape) (outcome, error) {
	t := newTemplate(func(int) string { return "" }, b.bulk, "", "", "\n", "\n")
	t.number(b.ids.Add(int64(b.bulk)))
	begun := time.Now()
	err := b.bulkInsert(ctx, t.data)
	took := time.Since(begun)
	return outcome{requests: 1, events: b.bulk, elapsed: took, latencies: []time.Duration{took}}, err
}

func (b *bench) one(ctx context.Context, c candidate, s shape) (r result, err error) {
	if err := b.empty(ctx); err != nil {
		return r, err
	}
	own, engineCPU, err := b.cpu(c)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if r.outcome, err = c.run(ctx, s); err != nil {
		return r, fmt.Errorf("%s, %s: %w", c.name, s, err)
	}
	if err := b.settle(ctx, c.database, r.events); err != nil {
		return r, fmt.Errorf("%s, %s: %w", c.name, s, err)
	}
	r.queryable = time.Since(begun)
	own2, engineCPU2, err := b.cpu(c)
	if err != nil {
		return r, err
	}
	perEvent := 1e6 / float64(max(r.events, 1))
	r.ownCPU, r.engineCPU = (own2-own)*perEvent, (engineCPU2-engineCPU)*perEvent
	r.acked, r.queryableHz = r.perSecond(), float64(r.events)/r.queryable.Seconds()
	if c.pid != nil {
		r.peak, err = peakMemory(c.pid())
	}
	return r, err
}

// settle waits until every event can be read.
func (b *bench) settle(ctx context.Context, database string, events int) error {
	if database == "" {
		return nil
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		n, err := b.count(ctx, database)
		if err != nil {
			return err
		}
		if n >= uint64(events) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d events became readable", n, events)
		}
	}
}

func (b *bench) cpu(c candidate) (own, engineCPU float64, err error) {
	if c.pid != nil {
		if own, err = cpuSeconds(c.pid()); err != nil {
			return 0, 0, err
		}
	}
	return own, b.engine.Usage().CPU, nil
}

func (b *bench) measure(ctx context.Context) error {
	fmt.Printf("%s/%s, %d processors, %d rounds of %.0f s; events of about 300 bytes; sender, collector and engine share the machine\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.rounds, b.seconds)
	all := b.candidates()
	for _, s := range b.cases {
		results := make([][]result, len(all))
		for round := range b.rounds {
			for i := range all {
				k := (i + round) % len(all) // nobody always comes first
				r, err := b.one(ctx, all[k], s)
				if err != nil {
					return err
				}
				results[k] = append(results[k], r)
			}
			fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", s, round+1, b.rounds)
		}
		report(s, all, results)
		if err := b.half(ctx, all[0], s, results[0]); err != nil {
			return err
		}
	}
	return nil
}

// half measures latency at half of the capacity just seen: what senders feel on
// a server that is not overloaded.
func (b *bench) half(ctx context.Context, c candidate, s shape, seen []result) error {
	capacity := median(seen, func(r result) float64 { return float64(r.requests) / r.elapsed.Seconds() })
	if err := b.empty(ctx); err != nil {
		return err
	}
	t := newTemplate(postHead(b.tributary.line, b.webhook), s.events, "", "[", ",", "]")
	o, err := b.load(b.tributary.line, t, s, capacity/2).run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  at half of its capacity: p50 %s, p99 %s, p99.9 %s\n", ms(o.quantile(.5)), ms(o.quantile(.99)), ms(o.quantile(.999)))
	return b.settle(ctx, c.database, o.events)
}

func report(s shape, all []candidate, results [][]result) {
	fmt.Printf("\n%d events a request, %d connections\n", s.events, s.connections)
	fmt.Printf("  %-36s %10s %10s %9s %9s %9s %8s %8s %8s\n", "", "acked/s", "queryable", "p50 ms", "p99 ms", "p99.9 ms", "own µs", "engine", "peak MB")
	for i, c := range all {
		rs := results[i]
		fmt.Printf("  %-36s %10.0f %10.0f %9s %9s %9s %8.2f %8.2f %8.0f\n", c.name,
			median(rs, func(r result) float64 { return r.acked }), median(rs, func(r result) float64 { return r.queryableHz }),
			quantileOf(rs, .5), quantileOf(rs, .99), quantileOf(rs, .999),
			median(rs, func(r result) float64 { return r.ownCPU }), median(rs, func(r result) float64 { return r.engineCPU }),
			median(rs, func(r result) float64 { return float64(r.peak) / 1e6 }))
	}
	for i, c := range all[1:] {
		acked := ratios(results[0], results[i+1], func(r result) float64 { return r.acked })
		queryable := ratios(results[0], results[i+1], func(r result) float64 { return r.queryableHz })
		fmt.Printf("  tributary : %-34s acked %s   queryable %s\n", c.name, spread(acked), spread(queryable))
	}
}

func median[T any](all []T, f func(T) float64) float64 {
	v := make([]float64, len(all))
	for i, x := range all {
		v[i] = f(x)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func ratios(a, b []result, f func(result) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = f(a[i]) / f(b[i])
	}
	slices.Sort(out)
	return out
}

// spread shows a sorted list as its median and, in brackets, its ends.
func spread(v []float64) string {
	return fmt.Sprintf("%6.2fx [%.2f–%.2f]", v[len(v)/2], v[0], v[len(v)-1])
}

func quantileOf(rs []result, q float64) string {
	return ms(time.Duration(median(rs, func(r result) float64 { return float64(r.quantile(q)) })))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1e6) }
