// Command tributary collects custom events from webhooks into ClickHouse and
// answers reports over them. Each subcommand has a file of its own; run is the
// whole program with its surroundings passed in, so that tests drive what users run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/tributary-events/tributary/engine"
)

func main() {
	// The engine is this binary started again, before anything of ours runs.
	if len(os.Args) > 1 && os.Args[1] == engine.ChildCommand {
		os.Exit(engine.RunChild(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// terminal is where a command reads and writes.
type terminal struct {
	In       io.Reader
	Out, Err io.Writer
}

// cli is the command line. Every flag can also be given as a variable
// TRIBUTARY_NAME or a key of the YAML file; that order wins.
type cli struct {
	Config string `help:"YAML file with a key for every flag, e.g. 'listen: 0.0.0.0:8080'." placeholder:"FILE" type:"path"`
	Data   string `help:"Folder of the spool, the embedded ClickHouse and the secrets." default:"./data" placeholder:"DIR"`

	Serve      serveCommand      `cmd:"" help:"Collect events and answer the API."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the ClickHouse schema up to date, or back."`
	Connection connectionCommand `cmd:"" help:"Create and manage connections, each with its webhook URL."`
	Send       sendCommand       `cmd:"" help:"Post a test event, or the events of a file, to a webhook URL."`
	Import     importCommand     `cmd:"" help:"Take events in from a CSV, NDJSON or Parquet file."`
	Export     exportCommand     `cmd:"" help:"Write a connection's events, or a report, to a file."`
	Erase      eraseCommand      `cmd:"" help:"Erase a person: all events and every trace of an e-mail address."`
	Backup     backupCommand     `cmd:"" help:"Back up everything of a running server into a file."`
	Restore    restoreCommand    `cmd:"" help:"Bring a backup back into an empty data folder."`
	SQL        sqlCommand        `cmd:"" name:"sql" help:"Ask ClickHouse as the read-only user 'analyst'."`
	Doctor     doctorCommand     `cmd:"" help:"Check a set-up and say how to mend it."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// run parses args and runs one command. It returns the exit code: 0 for success,
// 1 for a failure, 2 for a wrong command line or configuration.
func run(ctx context.Context, args []string, t *terminal) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("tributary"),
		kong.Description("Tributary collects custom events from any system that can send a webhook, keeps each exactly once in ClickHouse, and answers reports over them."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.DefaultEnvars("TRIBUTARY"),
		kong.Writers(t.Out, t.Err),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(t),
	)
	if err != nil {
		fmt.Fprintln(t.Err, "tributary:", err)
		return 2
	}
	if err := addConfigFile(parser, args, os.LookupEnv); err != nil {
		fmt.Fprintln(t.Err, "tributary:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help has been printed
		return exit
	}
	if err != nil {
		fmt.Fprintf(t.Err, "tributary: %v\nRun 'tributary --help' for the commands and flags.\n", err)
		return 2
	}
	if err := parsed.Run(&c); err != nil {
		fmt.Fprintln(t.Err, "tributary:", err)
		if _, wrong := errors.AsType[*configError](err); wrong {
			return 2
		}
		return 1
	}
	return 0
}
