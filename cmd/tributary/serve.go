package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/collector/importer"
	importapi "github.com/tributary-events/tributary/collector/importer/api"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/dashboards"
	"github.com/tributary-events/tributary/internal/access"
	"github.com/tributary-events/tributary/internal/board"
	"github.com/tributary-events/tributary/internal/httpapi"
	"github.com/tributary-events/tributary/internal/logging"
	"github.com/tributary-events/tributary/migrations"
	"github.com/tributary-events/tributary/query"
	queryapi "github.com/tributary-events/tributary/query/api"
	"github.com/tributary-events/tributary/query/export"
	personhistory "github.com/tributary-events/tributary/query/people"
)

// serveCommand is the server. What starts depends on what stands to its right;
// it is stopped from the left:
//
//	HTTP server ─▶ collector ─▶ connections, keys ─▶ proxy ─▶ ClickHouse
type serveCommand struct {
	Listen          string `help:"Address of the web app, the API and the webhooks." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	PublicURL       string `help:"Base of webhook URLs as senders reach it; derived from --listen where empty." placeholder:"URL"`
	AdminKey        string `help:"The administrator's API key; made once and kept in the data folder where empty." placeholder:"KEY"`
	SpoolLimit      string `help:"Disk space for events that ClickHouse has not confirmed; beyond it senders get 503." default:"8GB" placeholder:"SIZE"`
	BodyTimeout     string `help:"How long a sender may take for one request body." default:"20s" placeholder:"DURATION"`
	ErasedPeople    string `help:"What becomes of events of people who were erased: refuse answers 422, flag takes them with a warning." default:"refuse" placeholder:"refuse|flag"`
	Migrate         string `help:"Bring the schema up to date at start: auto = where the engine is embedded." default:"auto" enum:"auto,always,never"`
	LogFormat       string `help:"json, text, or auto: text on a terminal." default:"auto" placeholder:"FORMAT"`
	LogLevel        string `help:"debug, info, warn or error." default:"info" placeholder:"LEVEL"`
	OnlyCollector   bool   `help:"No other collector writes to --clickhouse-dsn: saves looking up every event id. The embedded ClickHouse never has another."`
	ShutdownTimeout string `help:"How long SIGTERM waits for requests and for ClickHouse to take what is in the spool." default:"8s" placeholder:"DURATION"`
	storeFlags
	embeddedFlags

	started func(running) `kong:"-"` // told what was started, by tests
}

// storeFlags say where ClickHouse is; several commands share them.
type storeFlags struct {
	ClickhouseDSN     string `name:"clickhouse-dsn" help:"A ClickHouse of yours, e.g. http://user:password@host:8123/tributary; embedded where empty. http(s) is faster than clickhouse (native)." placeholder:"DSN"`
	ClickhouseCluster string `name:"clickhouse-cluster" help:"Name of the cluster in that server's configuration; empty = one server." placeholder:"NAME"`
}

// embeddedFlags are of use with the embedded ClickHouse alone.
type embeddedFlags struct {
	EmbeddedHTTPPort string `name:"embedded-http-port" help:"Where SQL clients find the embedded ClickHouse as user 'analyst', on loopback; 0 = off." default:"8123" placeholder:"PORT"`
	EmbeddedMemory   string `name:"embedded-memory" help:"Memory of the embedded ClickHouse; default half of the machine's." placeholder:"SIZE"`
	EngineLibrary    string `name:"engine-library" help:"A libchdb.so to use instead of the one that npm fetches." placeholder:"FILE"`
	AnalystPassword  string `name:"analyst-password" help:"Password of the user 'analyst'; made once and kept in the data folder where empty." placeholder:"PASSWORD"`
}

// settings are the flags once they have been checked.
type settings struct {
	data            string
	publicURL       string
	spoolLimit      int64
	bodyTimeout     time.Duration
	shutdownTimeout time.Duration
	store           *clickhouse.Options // nil = embedded
	embeddedPort    int
	embeddedMemory  int64
	level           slog.Level
}

func (cmd *serveCommand) check(data string) (settings, error) {
	var c checker
	s := settings{
		data:            data,
		publicURL:       c.url("public-url", cmd.PublicURL),
		spoolLimit:      c.size("spool-limit", cmd.SpoolLimit),
		bodyTimeout:     c.duration("body-timeout", cmd.BodyTimeout),
		shutdownTimeout: c.duration("shutdown-timeout", cmd.ShutdownTimeout),
		store:           c.dsn("clickhouse-dsn", cmd.ClickhouseDSN),
		embeddedPort:    c.port("embedded-http-port", cmd.EmbeddedHTTPPort),
		embeddedMemory:  c.size("embedded-memory", cmd.EmbeddedMemory),
	}
	c.address("listen", cmd.Listen)
	c.oneOf("erased-people", cmd.ErasedPeople, "refuse", "flag")
	c.oneOf("log-format", cmd.LogFormat, "auto", "json", "text")
	if err := s.level.UnmarshalText([]byte(cmd.LogLevel)); err != nil {
		c.wrong("log-level", cmd.LogLevel, "is not one of debug, info, warn, error")
	}
	if cmd.ClickhouseCluster != "" && cmd.ClickhouseDSN == "" {
		c.wrong("clickhouse-cluster", cmd.ClickhouseCluster, "needs --clickhouse-dsn")
	}
	return s, c.err()
}

func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: logging.ReplaceAttr}
	if format == "text" || format == "auto" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// Run serves until ctx ends, then drains.
func (cmd *serveCommand) Run(ctx context.Context, g *cli, t *terminal) (err error) {
	set, err := cmd.check(g.Data)
	if err != nil {
		return err
	}
	logger := newLogger(t.Err, cmd.LogFormat, set.level)
	if err := os.MkdirAll(set.data, 0o700); err != nil {
		return fmt.Errorf("make the data folder (--data): %w", err)
	}
	adminKey, err := access.LoadOrCreateAdminKey(filepath.Join(set.data, "secrets"), cmd.AdminKey)
	if err != nil {
		return err
	}
	if access.WeakKey(adminKey) {
		logger.Warn("the administrator's key (--admin-key) is so short that it can be guessed")
	}
	// The port first: whoever starts a second server by mistake learns it at once.
	listener, err := httpapi.Listen(ctx, cmd.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed already after a shutdown
	st, err := cmd.openStore(ctx, set, t, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	return cmd.serve(ctx, t, set, logger, listener, st, adminKey)
}

// serve runs everything that stands on the store.
func (cmd *serveCommand) serve(ctx context.Context, t *terminal, set settings, logger *slog.Logger, listener net.Listener, st *store, adminKey string) (err error) {
	id, err := collectorID(filepath.Join(set.data, "collector-id"))
	if err != nil {
		return err
	}
	poll := time.Duration(0) // the packages' own default
	if st.engine != nil {
		poll = -1 // this is the only process
	}
	connections, err := connection.NewService(connection.Config{
		Store: connection.NewStore(st.conn), CollectorID: id, Poll: poll,
		SnapshotPath: filepath.Join(set.data, "connections.json"), Logger: logger,
	})
	if err != nil {
		return err
	}
	keys, err := access.New(access.Config{Store: access.NewTable(st.conn), AdminKey: adminKey, Poll: poll, Logger: logger})
	if err != nil {
		return err
	}
	people, err := newEraser(st, cmd.ErasedPeople == "refuse", poll, logger)
	if err != nil {
		return err
	}
	for what, load := range map[string]func(context.Context) error{
		"connections": connections.Load, "API keys": keys.Load, "erased people": people.Load,
	} {
		if err := load(ctx); err != nil {
			logger.Warn("not known yet; trying again in the background", "what", what, "error", err)
		}
	}
	asked, err := newQuestions(st, connections, cmd.AnalystPassword, id, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asked.close()) }()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	events := collector.NewClickHouse(st.conn, collector.ClickHouseConfig{
		Protocol: st.options.Protocol, Collector: id, MaxDynamicPaths: migrations.MaxDynamicPaths,
		Alone: st.engine != nil || cmd.OnlyCollector,
	})
	ingest, err := collector.New(ctx, collector.Config{
		Registry: connections.Registry(), Store: events, SpoolDir: filepath.Join(set.data, "spool"),
		SpoolMaxBytes: set.spoolLimit, BodyTimeout: set.bodyTimeout, Logger: logger, Metrics: metrics,
		Observe: asked.counter.Observe, Erasures: people.Suppression(),
	})
	if err != nil {
		return err
	}
	// What waits in the spool is not in reports yet, and they say so.
	asked.reports.AsOf = func() time.Time { return time.Now().Add(-ingest.Lag()) }
	people.Connect(forgetfulIngest{ingest}, forgetfulSamples{asked}, asked.cache.Clear)
	janitor, err := newJanitor(st, connections, ingest, asked, logger)
	if err != nil {
		return err
	}
	backups, err := newBackups(st, ingest, people)
	if err != nil {
		return err
	}
	imports, err := importer.New(importer.Config{
		Accept: ingest.Submit, Store: importer.NewTable(st.conn), TempDir: filepath.Join(set.data, "imports"), Logger: logger,
		Mentioned:      people.Suppression().Mentioned,
		AllowAnonymous: func(id uuid.UUID) bool { return connections.Registry().Target(id).AllowAnonymous() },
	})
	if err != nil {
		return err
	}
	st.register(metrics)
	base, err := httpapi.PublicURL(set.publicURL, listener.Addr())
	if err != nil {
		return err
	}
	app, err := webApp()
	if err != nil {
		return err
	}
	checks := []httpapi.Check{
		{Name: "clickhouse", Do: st.conn.Ping},
		{Name: "migrations", Do: st.migrated},
		{Name: "spool", Do: ingest.Writable},
	}
	status := &statusSource{store: st, data: set.data, metrics: metrics, ready: checks, started: time.Now(), logger: logger}
	api, err := httpapi.New(httpapi.Config{
		App: app, Dashboards: board.NewTable(st.conn, nil), SavedReports: asked,
		People: personhistory.New(st.conn), Erasures: people, Retention: janitor, Backups: backups,
		Extra: func(a *httpapi.API, v1 gin.IRouter) error {
			return errors.Join(
				asked.register(v1, queryapi.Config{
					Analyst: a.Need(access.Analyst), Viewer: a.Need(access.Viewer), Who: a.Who, Allowed: a.Allowed,
				}),
				export.Register(v1, export.Config{Events: export.NewEvents(st.conn), Connections: connections, Analyst: a.Need(access.Analyst)}),
				importapi.Register(v1, importapi.Config{Imports: imports, Connections: connections, Admin: a.Need(access.Admin)}),
			)
		},
		Documents:   [][]byte{queryapi.OpenAPI(), importapi.OpenAPI(), export.OpenAPI()},
		Connections: connections, Keys: keys, Events: query.NewRecent(st.conn), Version: buildVersion(),
		Requests: collector.Requests{Activity: ingest.Activity(), Store: events},
		Live:     func(id uuid.UUID) httpapi.Subscription { return ingest.Activity().Subscribe(id) },
		Ingest: func(e *gin.Engine) {
			e.POST(logging.WebhookPath+":token", func(c *gin.Context) { ingest.ServeWebhook(c.Writer, c.Request, c.Param("token")) })
		},
		Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}),
		Checks:  checks, Status: status, PublicURL: base, Logger: logger,
	})
	if err != nil {
		return err
	}
	server := httpapi.NewServer(api, httpapi.ServerConfig{Logger: logger})

	// Each stage ends before the next is told to: requests, then what they left in
	// the spool, then the counts that this changed.
	background, endBackground := context.WithCancel(context.WithoutCancel(ctx))
	collecting, endCollecting := context.WithCancel(background)
	defer endBackground()
	defer endCollecting()
	var stages errgroup.Group
	stages.Go(func() error { return ignoreClosed(server.Serve(listener)) })
	collected := make(chan error, 1)
	go func() { collected <- ingest.Run(collecting, set.shutdownTimeout*3/4) }()
	stages.Go(func() error { return connections.Run(background) })
	stages.Go(func() error { keys.Run(background); return nil })
	stages.Go(func() error { asked.run(background); return nil })
	stages.Go(func() error { events.Learn(background, logger); return nil })
	stages.Go(func() error { status.run(background); return nil })
	stages.Go(func() error { people.Run(background); return nil })
	stages.Go(func() error { janitor.Run(background); return nil })

	if err := cmd.announce(ctx, t, set, st, connections, adminKey, listener.Addr(), base, app != nil); err != nil {
		logger.Warn("the first connection could not be made", "error", err)
	}
	if cmd.started != nil {
		cmd.started(running{address: reachable(listener.Addr()), adminKey: adminKey, ingest: ingest, store: st})
	}
	<-ctx.Done()
	logger.Info("shutting down")
	stop, cancel := context.WithTimeout(background, set.shutdownTimeout/4)
	defer cancel()
	if err := server.Shutdown(stop); err != nil {
		logger.Warn("some requests did not end in time", "error", err)
		_ = server.Close() // whoever is still connected has had its time
	}
	endCollecting()
	err = <-collected
	endBackground()
	return errors.Join(err, stages.Wait())
}

// webApp is the app that was built into this binary, nil if none was.
func webApp() (http.Handler, error) {
	files := dashboards.Files()
	if files == nil {
		return nil, nil
	}
	return dashboards.New(files)
}

// running is what tests learn of a server.
type running struct {
	address  string
	adminKey string
	ingest   *collector.Collector
	store    *store
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
