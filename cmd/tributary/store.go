package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/migrations"
)

// store is ClickHouse, embedded or not.
type store struct {
	options *clickhouse.Options
	cluster string
	conn    driver.Conn
	engine  *engine.Engine // nil unless embedded
	proxy   *engine.Proxy
	schema  *migrations.Runner
	stop    time.Duration
	logger  *slog.Logger
}

func (cmd *serveCommand) openStore(ctx context.Context, set settings, t *terminal, logger *slog.Logger) (_ *store, err error) {
	s := &store{options: set.store, cluster: cmd.ClickhouseCluster, stop: set.shutdownTimeout, logger: logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.options == nil {
		s.engine, err = engine.Start(ctx, engine.Config{
			Data: set.data, Library: cmd.EngineLibrary, Progress: t.Err, Log: logger,
			AnalystPassword: cmd.AnalystPassword, Memory: uint64(set.embeddedMemory),
		})
		if err != nil {
			return nil, err
		}
		if s.options, err = clickhouse.ParseDSN(s.engine.DSN()); err != nil {
			return nil, fmt.Errorf("open the embedded ClickHouse: %w", err)
		}
		if set.embeddedPort != 0 {
			if s.proxy, err = engine.StartProxy(s.engine, net.JoinHostPort("127.0.0.1", strconv.Itoa(set.embeddedPort))); err != nil {
				return nil, err
			}
		}
	}
	if s.options.Auth.Database == "" || s.options.Auth.Database == "default" {
		s.options.Auth.Database = engine.Database
	}
	s.options.MaxOpenConns, s.options.MaxIdleConns = 20, 10
	if s.schema, err = migrations.New(migrations.Config{Options: s.options, Cluster: cmd.ClickhouseCluster, Logger: logger}); err != nil {
		return nil, err
	}
	if cmd.Migrate == "always" || cmd.Migrate == "auto" && s.engine != nil {
		if err := s.schema.Up(ctx); err != nil {
			return nil, err
		}
	}
	if s.conn, err = clickhouse.Open(s.options); err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	return s, nil
}

// migrated is the readiness check of the schema.
func (s *store) migrated(ctx context.Context) error {
	pending, err := s.schema.Pending(ctx)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return fmt.Errorf("%d migrations are not applied: run 'tributary migrate up'", len(pending))
	}
	return nil
}

// register shows the embedded engine in /metrics.
func (s *store) register(r prometheus.Registerer) {
	if s.engine == nil {
		return
	}
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tributary", Subsystem: "engine", Name: name, Help: help}, f)
	}
	r.MustRegister(
		gauge("resident_memory_bytes", "Memory of the embedded ClickHouse.", func() float64 { return float64(s.engine.Usage().RSS) }),
		gauge("up", "1 while the embedded ClickHouse runs.", func() float64 {
			if s.engine.State().Phase == engine.Running {
				return 1
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "engine", Name: "restarts_total", Help: "Restarts of the embedded ClickHouse after it died."},
			func() float64 { return float64(s.engine.State().Restarts) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "tributary", Subsystem: "engine", Name: "cpu_seconds_total", Help: "Processor time of the embedded ClickHouse."},
			func() float64 { return s.engine.Usage().CPU }),
	)
}

func (s *store) close() error {
	var errs []error
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.schema != nil {
		errs = append(errs, s.schema.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.stop)
	defer cancel()
	if s.proxy != nil {
		errs = append(errs, s.proxy.Close(ctx))
	}
	if s.engine != nil {
		if err := s.engine.Stop(ctx); err != nil {
			// Everything confirmed is on stable storage, so this is no failure.
			s.logger.Warn("the embedded ClickHouse did not stop by itself", "error", err)
		}
	}
	return errors.Join(errs...)
}

// collectorID names this data folder in the counts that it writes.
func collectorID(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err == nil {
		id, err := uuid.ParseBytes(data)
		if err != nil {
			return "", fmt.Errorf("collector id in %s: %w", path, err)
		}
		return id.String(), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read collector id: %w", err)
	}
	id := uuid.NewString()
	if err := os.WriteFile(path, []byte(id), 0o600); err != nil {
		return "", fmt.Errorf("keep collector id: %w", err)
	}
	return id, nil
}
