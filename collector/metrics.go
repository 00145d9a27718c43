package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-events/tributary/collector/spool"
)

// metrics are what /metrics shows of ingest. Names follow the Prometheus
// conventions: base units, _total for counters.
type metrics struct {
	requests        *prometheus.CounterVec
	events, bytes   prometheus.Counter
	fsync           prometheus.Histogram
	spoolErrors     prometheus.Counter
	insertSeconds   prometheus.Histogram
	insertedEvents  prometheus.Counter
	insertErrors    prometheus.Counter
	refusedEvents   prometheus.Counter
	refusalsDropped prometheus.Counter
	byStatus        map[int]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, sp *spool.Spool, progress *progress) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tributary", Name: name, Help: help})
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tributary", Name: "ingest_requests_total", Help: "Webhook requests by HTTP status.",
		}, []string{"status"}),
		events: counter("ingest_events_total", "Events acknowledged with 201."),
		bytes:  counter("ingest_bytes_total", "Bytes of acknowledged request bodies after decompression."),
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tributary", Name: "spool_sync_seconds", Help: "Time of one fsync of the spool.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14),
		}),
		spoolErrors: counter("spool_errors_total", "Writes or fsyncs of the spool that failed."),
		insertSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tributary", Name: "insert_seconds", Help: "Time until ClickHouse confirmed a block, retries included.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
		insertedEvents:  counter("inserted_events_total", "Events that ClickHouse confirmed, copies after a crash included."),
		insertErrors:    counter("insert_errors_total", "Inserts that failed and were tried again."),
		refusedEvents:   counter("refused_events_total", "Acknowledged events that ClickHouse refused, kept among the refused requests."),
		refusalsDropped: counter("refused_requests_dropped_total", "Refused requests not kept because too many came at once."),
		byStatus:        map[int]prometheus.Counter{},
	}
	for _, status := range []int{201, 400, 403, 404, 408, 413, 415, 422, 503} {
		m.byStatus[status] = m.requests.WithLabelValues(itoa(status))
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Name: name, Help: help}, f)
	}
	reg.MustRegister(m.requests, m.events, m.bytes, m.fsync, m.spoolErrors, m.insertSeconds, m.insertedEvents,
		m.insertErrors, m.refusedEvents, m.refusalsDropped,
		gauge("spool_bytes", "Bytes of all spool segments.", func() float64 { return float64(sp.Stats().Bytes) }),
		gauge("spool_limit_bytes", "Limit of the spool.", func() float64 { return float64(sp.Stats().Limit) }),
		gauge("spool_segments", "Segment files of the spool.", func() float64 { return float64(sp.Stats().Segments) }),
		gauge("spool_damaged_records", "Records skipped since the start because their checksum failed.", func() float64 { return float64(sp.Stats().Damaged) }),
		gauge("unconfirmed_bytes", "Bytes in the spool that ClickHouse has not confirmed yet.", func() float64 { return float64(sp.Size(progress.confirmed())) }),
		gauge("lag_seconds", "Age of the oldest acknowledged event that ClickHouse has not confirmed yet, 0 where there is none.", func() float64 { return progress.lag(time.Now()).Seconds() }),
	)
	return m
}

func (m *metrics) inserted(rows int, took time.Duration) {
	m.insertSeconds.Observe(took.Seconds())
	m.insertedEvents.Add(float64(rows))
}
