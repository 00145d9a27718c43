package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/migrations"
)

// migrateCommand works on a ClickHouse server, or on the embedded engine of a
// data folder that no server has open.
type migrateCommand struct {
	Up      migrateUp      `cmd:"" default:"1" help:"Apply all migrations that are not applied yet (the default)."`
	Down    migrateDown    `cmd:"" help:"Undo the newest migrations; their tables and what is in them are gone."`
	Version migrateVersion `cmd:"" help:"Show which migrations are applied and which are not."`
}

type migrateFlags struct {
	storeFlags
	embeddedFlags
}

// with calls f with a runner for the chosen ClickHouse.
func (m *migrateFlags) with(ctx context.Context, g *cli, t *terminal, f func(*migrations.Runner) error) (err error) {
	var c checker
	options := c.dsn("clickhouse-dsn", m.ClickhouseDSN)
	memory := c.size("embedded-memory", m.EmbeddedMemory)
	if err := c.err(); err != nil {
		return err
	}
	logger := newLogger(t.Err, "text", 0)
	if options == nil {
		e, err := engine.Start(ctx, engine.Config{Data: g.Data, Library: m.EngineLibrary, Progress: t.Err, Log: logger, Memory: uint64(memory)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Stop(context.WithoutCancel(ctx))) }()
		if options, err = clickhouse.ParseDSN(e.DSN()); err != nil {
			return fmt.Errorf("open the embedded ClickHouse: %w", err)
		}
	}
	if options.Auth.Database == "" || options.Auth.Database == "default" {
		options.Auth.Database = engine.Database
	}
	runner, err := migrations.New(migrations.Config{Options: options, Cluster: m.ClickhouseCluster, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	return f(runner)
}

type migrateUp struct{ migrateFlags }

func (cmd *migrateUp) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.with(ctx, g, t, func(r *migrations.Runner) error {
		if err := r.Up(ctx); err != nil {
			return err
		}
		return showVersion(ctx, t, r)
	})
}

type migrateDown struct {
	migrateFlags
	Steps string `help:"How many." default:"1" placeholder:"N"`
	Yes   bool   `help:"Do not ask."`
}

func (cmd *migrateDown) Run(ctx context.Context, g *cli, t *terminal) error {
	steps, err := strconv.Atoi(cmd.Steps)
	if err != nil || steps < 1 {
		return &configError{[]error{fmt.Errorf("--steps: %q is not a number above 0", cmd.Steps)}}
	}
	return cmd.with(ctx, g, t, func(r *migrations.Runner) error {
		if !cmd.Yes {
			fmt.Fprintf(t.Err, "Undo %d migrations? Their tables are dropped with all that is in them. Type 'yes' to go on: ", steps)
			if line, err := readLine(t.In); err != nil || line != "yes" {
				return errors.New("nothing was undone")
			}
		}
		if err := r.Down(ctx, steps); err != nil {
			return err
		}
		return showVersion(ctx, t, r)
	})
}

type migrateVersion struct{ migrateFlags }

func (cmd *migrateVersion) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.with(ctx, g, t, func(r *migrations.Runner) error { return showVersion(ctx, t, r) })
}

func showVersion(ctx context.Context, t *terminal, r *migrations.Runner) error {
	version, dirty, err := r.Version(ctx)
	if err != nil {
		return err
	}
	pending, err := r.Pending(ctx)
	if err != nil {
		return err
	}
	note := ""
	if dirty {
		note = ", cut short: 'tributary migrate up' mends it"
	}
	fmt.Fprintf(t.Out, "schema version %d%s, %d pending\n", version, note, len(pending))
	for _, name := range pending {
		fmt.Fprintln(t.Out, "  pending:", name)
	}
	return nil
}
