// Command bench measures ingest end to end: the real binary, the real engine, a
// sender, all on this machine, and beside it in the same rounds what one would do
// without Tributary. It prints a table and the ratios, with their spread.
//
//	go run ./internal/bench [-rounds 5] [-seconds 3] [-cases 900x4,100x16,1x64]
//	go run ./internal/bench reports [-events 20000000]
//
// The second form times typical reports instead.
//
// The same engine serves every candidate; tables are emptied in between.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-events/tributary/engine"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildCommand {
		os.Exit(engine.RunChild(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type config struct {
	rounds  int
	seconds float64
	cases   []shape
	binary  string
	bulk    int
}

// shape is how events are sent.
type shape struct{ events, connections int }

func (s shape) String() string { return fmt.Sprintf("%d x %d", s.events, s.connections) }

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && args[0] == "yardstick" {
		return yardstick(ctx, args[1])
	}
	if len(args) > 0 && args[0] == "reports" {
		return runReports(ctx, args[1:])
	}
	var c config
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&c.rounds, "rounds", 5, "rounds; each measures every candidate once")
	flags.Float64Var(&c.seconds, "seconds", 3, "seconds of load for each measurement")
	cases := flags.String("cases", "900x4,100x16,1x64,900x32,100x128,1x512", "events a request x connections")
	flags.StringVar(&c.binary, "binary", "bin/tributary", "the program to measure")
	flags.IntVar(&c.bulk, "bulk", 300_000, "events of the bulk insert")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for text := range strings.SplitSeq(*cases, ",") {
		var s shape
		if _, err := fmt.Sscanf(text, "%dx%d", &s.events, &s.connections); err != nil {
			return fmt.Errorf("case %q: %w", text, err)
		}
		c.cases = append(c.cases, s)
	}
	b, err := open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(b.measure(ctx), b.close())
}

// bench is the set-up that all measurements share.
type bench struct {
	config
	dir       string
	engine    *engine.Engine
	conn      driver.Conn
	tributary *server
	yardstick *server
	webhook   string // path
	ids       atomic.Int64
}

func open(ctx context.Context, c config) (_ *bench, err error) {
	b := &bench{config: c}
	if b.dir, err = os.MkdirTemp("", "tributary-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.engine, err = engine.Start(ctx, engine.Config{Data: filepath.Join(b.dir, "engine"), Progress: os.Stderr}); err != nil {
		return b, err
	}
	options, err := clickhouse.ParseDSN(b.engine.DSN())
	if err != nil {
		return b, err
	}
	if b.conn, err = clickhouse.Open(options); err != nil {
		return b, err
	}
	if err := b.start(ctx); err != nil {
		return b, err
	}
	for _, q := range []string{"CREATE DATABASE plain", "CREATE TABLE plain.events AS tributary.events"} {
		if err := b.conn.Exec(ctx, q); err != nil {
			return b, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return b, err
	}
	b.yardstick, err = launch(ctx, exec.CommandContext(ctx, self, "yardstick", strings.TrimSuffix(b.engine.DSN(), "/tributary")+"/plain"), "listening")
	return b, err
}

const adminKey = "bench-bench-bench-bench"

// start runs the program and makes a connection.
func (b *bench) start(ctx context.Context) (err error) {
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.binary, "serve", "--data", filepath.Join(b.dir, "data"), "--listen", listen,
		"--clickhouse-dsn", b.engine.DSN(), "--only-collector", "--migrate", "always", "--admin-key", adminKey, "--log-level", "warn")
	if b.tributary, err = launch(ctx, cmd, "Create a connection"); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, b.binary, "connection", "create", "bench", "--event-source", "bench", "--event-object", "event",
		"--server", "http://"+listen, "--admin-key", adminKey).Output()
	if err != nil {
		return fmt.Errorf("create a connection: %w", err)
	}
	m := regexp.MustCompile(`http://[^/]+(/collector/\S+)`).FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("no webhook URL in %q", out)
	}
	b.webhook = string(m[1])
	b.tributary.line = listen
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (b *bench) close() error {
	var errs []error
	for _, s := range []*server{b.tributary, b.yardstick} {
		if s != nil {
			_ = s.stop() // the yardstick has no clean end
		}
	}
	if b.conn != nil {
		errs = append(errs, b.conn.Close())
	}
	if b.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, b.engine.Stop(ctx))
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// count is how many rows a database's events has, copies included.
func (b *bench) count(ctx context.Context, database string) (n uint64, err error) {
	err = b.conn.QueryRow(ctx, "SELECT count() FROM "+database+".events").Scan(&n)
	return n, err
}

// empty removes all events, so that no candidate pays for the merges of another.
func (b *bench) empty(ctx context.Context) error {
	tables, err := b.conn.Query(ctx, "SELECT database, name FROM system.tables WHERE database IN ('tributary', 'plain') AND name LIKE 'event%' AND engine LIKE '%MergeTree'")
	if err != nil {
		return err
	}
	defer func() { _ = tables.Close() }() // Err below tells what matters
	for tables.Next() {
		var database, name string
		if err := tables.Scan(&database, &name); err != nil {
			return err
		}
		if err := b.conn.Exec(ctx, "TRUNCATE TABLE "+database+"."+name); err != nil {
			return err
		}
	}
	return tables.Err()
}

func postHead(addr, path string) func(int) string {
	return func(length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, addr, length)
	}
}

// insertPath is ClickHouse's own HTTP interface for the same events, with the
// settings that Tributary's inserts have.
func (b *bench) insertPath() string {
	return "/?database=plain&query=" + strings.ReplaceAll("INSERT INTO events (event_id, event_timestamp, event_email, event_adb_cdt, event_payload) FORMAT JSONEachRow", " ", "%20") +
		"&date_time_input_format=best_effort&async_insert=0&optimize_on_insert=0&input_format_try_infer_dates=0&input_format_try_infer_datetimes=0&json_type_escape_dots_in_keys=1"
}

func (b *bench) insertHead() func(int) string {
	user, password := b.credentials()
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return func(length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n\r\n",
			b.insertPath(), b.engine.Addr(), basic, length)
	}
}

func (b *bench) credentials() (user, password string) {
	o, err := clickhouse.ParseDSN(b.engine.DSN())
	if err != nil {
		return "", "" // open has parsed it before
	}
	return o.Auth.Username, o.Auth.Password
}

// bulkInsert sends all events in one INSERT, as a nightly job would.
func (b *bench) bulkInsert(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.engine.Addr()+b.insertPath(), strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.SetBasicAuth(b.credentials())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only the status counts
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("bulk insert answered %s", res.Status)
	}
	return nil
}
