package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/privacy"
)

func newEraser(st *store, refuse bool, poll time.Duration, logger *slog.Logger) (*privacy.Eraser, error) {
	return privacy.New(privacy.Config{
		Conn: st.conn, Database: st.options.Auth.Database, Cluster: st.cluster, Refuse: refuse, Poll: poll, Logger: logger,
	})
}

// forgetfulIngest is privacy.Ingest.
type forgetfulIngest struct{ collector *collector.Collector }

func (f forgetfulIngest) Forget(ctx context.Context, mentions func([]byte) bool) (map[string]int, error) {
	held, err := f.collector.Forget(ctx, mentions)
	return map[string]int{"refused requests not yet kept": held.Refused, "damaged spool records": held.Damaged}, err
}

// forgetfulSamples is privacy.Samples.
type forgetfulSamples struct{ asked *questions }

func (f forgetfulSamples) Forget(ctx context.Context, connections []uuid.UUID, mentions func([]byte) bool) (int, error) {
	return f.asked.counts.ForgetSamples(ctx, f.asked.counter, connections, mentions)
}
