package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/privacy"
)

func newEraser(st *store, refuse bool, poll time.Duration, logger *slog.Logger) (*privacy.Eraser, error) {
	return privacy.New(privacy.Config{
		Conn: st.conn, Database: st.options.Auth.Database, Cluster: st.cluster, Refuse: refuse, Poll: poll, Logger: logger,
	})
}

func newJanitor(st *store, connections *connection.Service, ingest *collector.Collector, asked *questions, logger *slog.Logger) (*privacy.Janitor, error) {
	return privacy.NewJanitor(privacy.JanitorConfig{
		Conn: st.conn, Database: st.options.Auth.Database, Cluster: st.cluster, Ingest: forgetfulIngest{ingest}, Logger: logger,
		Forget:      func(ids []uuid.UUID) { asked.counts.Drop(asked.counter, ids) },
		Connections: func(ctx context.Context) ([]privacy.Kept, error) { return keptForDays(ctx, connections) },
	})
}

// keptForDays are the connections with a retention.
func keptForDays(ctx context.Context, connections *connection.Service) (kept []privacy.Kept, err error) {
	for cursor := ""; ; {
		page, err := connections.List(ctx, connection.ListOptions{Cursor: cursor, Limit: connection.MaxLimit})
		if err != nil {
			return nil, err
		}
		for _, c := range page.Connections {
			if c.RetentionDays > 0 {
				kept = append(kept, privacy.Kept{ID: c.ID, Days: c.RetentionDays})
			}
		}
		if page.Next == "" {
			return kept, nil
		}
		cursor = page.Next
	}
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
