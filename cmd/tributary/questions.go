package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/migrations"
	queryapi "github.com/tributary-events/tributary/query/api"
	"github.com/tributary-events/tributary/query/define"
	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
	"github.com/tributary-events/tributary/query/views"
)

// questions is the side that answers: definitions, reports, SQL, the views of
// analysts and the catalogue of fields.
type questions struct {
	definitions *define.Service
	views       *views.Reconciler
	counter     *catalogue.Counter
	counts      *catalogue.Store
	reports     *report.Runner
	sql         *sqlrun.Runner
	cache       *queryapi.Cache
	analyst     driver.Conn
	list        func(context.Context) ([]report.Connection, error)
	logger      *slog.Logger
}

func newQuestions(st *store, connections *connection.Service, password, collectorID string, logger *slog.Logger) (*questions, error) {
	q := &questions{logger: logger, cache: queryapi.NewCache(), counter: catalogue.NewCounter(nil), counts: catalogue.NewStore(st.conn, collectorID, time.Now())}
	q.list = func(ctx context.Context) ([]report.Connection, error) { return reportConnections(ctx, connections) }
	var err error
	// Definitions change the views, and the views read the definitions.
	changed := func() {}
	q.definitions, err = define.NewService(define.Config{Conn: st.conn, Validate: queryapi.Validate, Changed: func() { changed() }})
	if err != nil {
		return nil, err
	}
	database := st.options.Auth.Database
	q.views, err = views.New(views.Config{
		Conn: st.conn, Database: database, Views: migrations.ViewsDatabase(database), Cluster: st.cluster,
		Definitions: q.definitions.Set, Connections: q.list, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	changed = q.views.Changed
	q.reports = &report.Runner{Conn: st.conn}
	analyst, err := analystOptions(st, password)
	if err != nil {
		return nil, err
	}
	if q.analyst, err = clickhouse.Open(analyst); err != nil {
		return nil, fmt.Errorf("open ClickHouse as the analyst: %w", err)
	}
	q.sql = sqlrun.New(q.analyst, sqlrun.Limits{})
	return q, nil
}

// run keeps views and counts up to date until ctx ends.
func (q *questions) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { q.counts.Run(ctx, q.counter, 0, q.logger) })
	wg.Go(func() { q.views.Run(ctx) })
	wg.Wait()
}

func (q *questions) register(router gin.IRouter, cfg queryapi.Config) error {
	cfg.Definitions, cfg.Connections, cfg.Reports, cfg.SQL, cfg.Catalogue = q.definitions, q.list, q.reports, q.sql, q.counts
	cfg.Cache = q.cache
	return queryapi.Register(router, cfg)
}

// Get implements httpapi.SavedReports.
func (q *questions) Get(ctx context.Context, slug string) (json.RawMessage, bool, error) {
	set, err := q.definitions.Set(ctx)
	if err != nil {
		return nil, false, err
	}
	saved, found := set.Reports[slug]
	if !found {
		return nil, false, nil
	}
	text, err := json.Marshal(saved)
	return text, true, err
}

func (q *questions) close() error { return q.analyst.Close() }

// reportConnections are all connections, for reports and views.
func reportConnections(ctx context.Context, connections *connection.Service) ([]report.Connection, error) {
	var all []report.Connection
	for cursor := ""; ; {
		page, err := connections.List(ctx, connection.ListOptions{Cursor: cursor, Limit: connection.MaxLimit})
		if err != nil {
			return nil, err
		}
		for _, c := range page.Connections {
			all = append(all, report.Connection{
				ID: c.ID, Name: c.Name, EventSource: c.EventSource, EventObject: c.EventObject, CreatedAt: c.CreatedAt,
			})
		}
		if page.Next == "" {
			return all, nil
		}
		cursor = page.Next
	}
}

// analystOptions are how the server itself asks on behalf of analysts: with no more
// rights than an analyst has.
func analystOptions(st *store, password string) (*clickhouse.Options, error) {
	if st.engine != nil {
		return clickhouse.ParseDSN(st.engine.AnalystDSN())
	}
	// Without the password the server starts all the same; SQL answers why it can't.
	o := *st.options
	o.Auth = clickhouse.Auth{Database: migrations.ViewsDatabase(o.Auth.Database), Username: engine.AnalystUser, Password: password}
	return &o, nil
}
