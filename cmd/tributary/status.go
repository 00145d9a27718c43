package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/logging"
)

const (
	// A sample of the counters each sampleEvery makes the history of ingest: ten minutes.
	sampleEvery = 5 * time.Second
	samplesKept = 121
	// askEvery is how old what ClickHouse and the disk were asked for may be: many
	// may watch the page, which asks every two seconds.
	askEvery   = 5 * time.Second
	askTimeout = time.Second
	// slowAfter is a lag that somebody should look at: an event is stored within a second
	// or two as long as ClickHouse keeps up.
	slowAfter = 30 * time.Second
)

// statusSource implements httpapi.StatusSource: what this process counts, what ClickHouse
// says, and what doctor finds. It is safe for concurrent use.
type statusSource struct {
	store   *store
	data    string
	metrics prometheus.Gatherer
	ready   []httpapi.Check
	started time.Time
	logger  *slog.Logger

	mu      sync.Mutex
	samples []sample // oldest first
	asked   asked
}

// sample is the counters at one moment.
type sample struct {
	at               time.Time
	events, requests float64
}

// asked is what is asked for at most once each askEvery.
type asked struct {
	at      time.Time
	version string
	err     error // of ClickHouse
	storage *httpapi.StorageStatus
	refused httpapi.RefusedStatus
	checks  []httpapi.StatusCheck
}

// run takes samples until ctx ends.
func (s *statusSource) run(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		if values, err := s.gather(); err != nil {
			s.logger.Warn("metrics cannot be read for the status page", "error", err)
		} else {
			s.mu.Lock()
			s.samples = append(s.samples, sample{time.Now(), values["tributary_ingest_events_total"], values["requests"]})
			s.samples = s.samples[max(0, len(s.samples)-samplesKept):]
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// gather reads the collector's metrics by name; accepted requests are "requests".
func (s *statusSource) gather() (map[string]float64, error) {
	families, err := s.metrics.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() // one of them is nil and counts as 0
			labels := m.GetLabel()
			switch {
			case len(labels) == 0:
				values[f.GetName()] = value
			case f.GetName() == "tributary_ingest_requests_total" && labels[0].GetValue() == "201":
				values["requests"] = value
			}
		}
	}
	return values, nil
}

// Status implements httpapi.StatusSource.
func (s *statusSource) Status(ctx context.Context) (httpapi.Status, error) {
	values, err := s.gather()
	if err != nil {
		return httpapi.Status{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked.at) > askEvery {
		// Not cut short by a reader that goes away: others use the answer too.
		s.asked = s.ask(context.WithoutCancel(ctx))
	}
	status := httpapi.Status{
		StartedAt: s.started, Engine: s.engine(), Ingest: s.ingest(values, time.Now()), Spool: spoolStatus(values),
		Refused: s.asked.refused, Disk: diskStatus(s.data), Storage: s.asked.storage, Checks: s.asked.checks,
	}
	status.State = worst(status.Engine.State, status.Spool.State)
	for _, c := range status.Checks {
		status.State = worst(status.State, c.State)
	}
	return status, nil
}

func worst(a, b httpapi.Health) httpapi.Health {
	for _, h := range []httpapi.Health{httpapi.HealthDown, httpapi.HealthDegraded} {
		if a == h || b == h {
			return h
		}
	}
	return httpapi.HealthOK
}

func (s *statusSource) ingest(values map[string]float64, now time.Time) httpapi.IngestStatus {
	events, requests := values["tributary_ingest_events_total"], values["requests"]
	status := httpapi.IngestStatus{
		EventsTotal: uint64(events), RequestsTotal: uint64(requests), HistoryStepSeconds: sampleEvery.Seconds(),
	}
	if n := len(s.samples); n > 0 {
		// Over the last sample but one, so that the rate is of five to ten seconds.
		from := s.samples[max(0, n-2)]
		if seconds := now.Sub(from.at).Seconds(); seconds >= 1 {
			status.EventsPerSecond, status.RequestsPerSecond = (events-from.events)/seconds, (requests-from.requests)/seconds
		}
	}
	for i := 1; i < len(s.samples); i++ {
		a, b := s.samples[i-1], s.samples[i]
		status.History = append(status.History, (b.events-a.events)/b.at.Sub(a.at).Seconds())
	}
	return status
}

func spoolStatus(values map[string]float64) httpapi.SpoolStatus {
	status := httpapi.SpoolStatus{
		State: httpapi.HealthOK, WaitingBytes: int64(values["tributary_unconfirmed_bytes"]), Bytes: int64(values["tributary_spool_bytes"]),
		LimitBytes: int64(values["tributary_spool_limit_bytes"]), LagSeconds: values["tributary_lag_seconds"],
		DamagedRecords: int64(values["tributary_spool_damaged_records"]),
	}
	if status.LagSeconds == 0 {
		status.WaitingBytes = 0 // what is left is the head of the open segment
	}
	switch {
	case status.LimitBytes > 0 && status.WaitingBytes >= status.LimitBytes:
		status.State = httpapi.HealthDown
	case status.WaitingBytes > status.LimitBytes/2, status.LagSeconds > slowAfter.Seconds(), status.DamagedRecords > 0:
		status.State = httpapi.HealthDegraded
	}
	return status
}

func diskStatus(dir string) httpapi.DiskStatus {
	status := httpapi.DiskStatus{Path: dir}
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) == nil { // otherwise its check tells
		status.FreeBytes = int64(uint64(st.Bavail) * uint64(st.Bsize))
		status.TotalBytes = int64(st.Blocks * uint64(st.Bsize))
	}
	return status
}

func (s *statusSource) engine() httpapi.EngineStatus {
	status := httpapi.EngineStatus{Kind: httpapi.EngineServer, State: httpapi.HealthOK, Version: s.asked.version}
	if s.asked.err != nil {
		status.State, status.Detail = httpapi.HealthDown, "It does not answer."
	}
	if s.store.engine == nil {
		return status
	}
	status.Kind = httpapi.EngineEmbedded
	state, usage := s.store.engine.State(), s.store.engine.Usage()
	restarts, memory := int64(state.Restarts), int64(usage.RSS)
	status.Restarts = &restarts
	if memory > 0 {
		status.MemoryBytes = &memory
	}
	if state.Phase == engine.Restarting || state.Phase == engine.Starting {
		status.State, status.Detail = httpapi.HealthDegraded, "It is being started again after it died."
	}
	return status
}

// ask asks ClickHouse and looks at what doctor looks at.
func (s *statusSource) ask(ctx context.Context) asked {
	a := asked{}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if a.err = s.store.conn.QueryRow(ctx, "SELECT version()").Scan(&a.version); a.err == nil {
		a.refused, a.storage = s.refused(ctx), s.storage(ctx)
	}
	a.checks = s.checks(ctx)
	a.at = time.Now()
	return a
}

// refused counts the refused requests that are kept; nothing where that cannot be told.
func (s *statusSource) refused(ctx context.Context) httpapi.RefusedStatus {
	status := httpapi.RefusedStatus{ByStatus: map[string]int64{}}
	rows, err := s.store.conn.Query(ctx, `SELECT status, toInt64(countIf(received_at > now64(6) - INTERVAL 1 HOUR)), toInt64(count())
		FROM refused_requests FINAL WHERE kind = 'request' AND received_at > now64(6) - INTERVAL 1 DAY GROUP BY status`)
	if err == nil {
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var code uint16
			var hour, day int64
			if err = rows.Scan(&code, &hour, &day); err != nil {
				break
			}
			status.LastHour, status.LastDay = status.LastHour+hour, status.LastDay+day
			status.ByStatus[strconv.Itoa(int(code))] = day
		}
		err = errors.Join(err, rows.Err())
	}
	if err != nil {
		s.logger.Warn("refused requests cannot be counted", "error", err)
	}
	return status
}

// storage is nil where it cannot be told: of a cluster one server knows its part alone.
func (s *statusSource) storage(ctx context.Context) *httpapi.StorageStatus {
	if s.store.cluster != "" {
		return nil
	}
	var status httpapi.StorageStatus
	var parts int64
	err := s.store.conn.QueryRow(ctx, `SELECT toInt64(sum(rows)), toInt64(sum(bytes_on_disk)), toInt64(count())
		FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'`).Scan(&status.Rows, &status.BytesOnDisk, &parts)
	if err != nil {
		s.logger.Warn("the size of the events cannot be told", "error", err)
		return nil
	}
	status.Parts = &parts
	return &status
}

// checks are the readiness checks and those of doctor that make sense from inside.
func (s *statusSource) checks(ctx context.Context) []httpapi.StatusCheck {
	remedies := map[string]string{
		"clickhouse": "Events are taken and wait in the spool. The server's log tells why ClickHouse does not answer.",
		"migrations": "Run 'tributary migrate up'.",
		"spool":      "Free space on the disk of the data folder, or raise --spool-limit (TRIBUTARY_SPOOL_LIMIT): senders get 503 until then.",
	}
	notes := map[string]string{"clickhouse": "answers", "migrations": "the schema is up to date", "spool": "can be written"}
	var checks []httpapi.StatusCheck
	for _, c := range s.ready {
		check := httpapi.StatusCheck{Name: c.Name, State: httpapi.HealthOK, Message: notes[c.Name]}
		if err := c.Do(ctx); err != nil {
			check.State, check.Message, check.Remedy = httpapi.HealthDown, logging.Redact(err.Error()), remedies[c.Name]
		}
		checks = append(checks, check)
	}
	for _, f := range []finding{dataFinding(s.data), diskFinding(s.data)} {
		check := httpapi.StatusCheck{Name: f.what, State: httpapi.HealthOK, Message: f.note}
		if f.err != nil {
			check.State, check.Message, check.Remedy = httpapi.HealthDegraded, f.err.Error(), f.mend
		}
		checks = append(checks, check)
	}
	return checks
}
