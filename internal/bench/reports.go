package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/query/define"
	reports "github.com/tributary-events/tributary/query/report"
)

// reportBench times typical reports over many events: right after loading, while
// events come in, and after merges.
type reportBench struct {
	*bench
	events, rounds int
	rate           int
	first          uuid.UUID // the largest connection
	data           *dataset
	set            *define.Set
}

// typical are the reports, as bodies without connection and time.
var typical = []struct{ name, path, body string }{
	{"count by day", "query", `"metrics":["count"],"granularity":"day"`},
	{"sum and p95 of a field by day", "query", `"metrics":["sum(revenue)","p95(revenue)"],"granularity":"day"`},
	{"top 20 of a field", "query", `"metrics":["count"],"dimensions":["product_name"],"order":[{"by":"count","dir":"desc"}],"limit":20`},
	{"one filter", "query", `"metrics":["count"],"filters":[{"field":"currency","op":"eq","values":["USD"]}]`},
	{"unique people", "query", `"metrics":["uniq(event_email)"]`},
	{"conversion", "query", `"metrics":["conversion(paid)","conversion_value(paid)"]`},
	{"funnel", "funnel", `"steps":["leads","paid"],"window":"7d"`},
	{"one year by month", "query", `"metrics":["count","sum(revenue)"],"granularity":"month"`},
}

var ranges = []int{1, 7, 30, 365} // days

func runReports(ctx context.Context, args []string) error {
	b := &reportBench{bench: &bench{}, set: define.NewSet()}
	flags := flag.NewFlagSet("reports", flag.ContinueOnError)
	flags.IntVar(&b.events, "events", 20_000_000, "events to load")
	flags.IntVar(&b.rounds, "rounds", 7, "times that each report is asked")
	flags.IntVar(&b.rate, "rate", 20_000, "events a second while reports are asked under ingest")
	flags.StringVar(&b.binary, "binary", "bin/tributary", "the program to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	return errors.Join(b.run(ctx), b.close())
}

func (b *reportBench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "tributary-bench-"); err != nil {
		return err
	}
	if b.engine, err = engine.Start(ctx, engine.Config{Data: filepath.Join(b.dir, "engine"), Progress: os.Stderr}); err != nil {
		return err
	}
	options, err := clickhouse.ParseDSN(b.engine.DSN())
	if err != nil {
		return err
	}
	if b.conn, err = clickhouse.Open(options); err != nil {
		return err
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("%d events, %d connections, the first with a fifth of them; 3 %% sent again, a tenth of those at another time\n", b.events, dataConnections)
	begun, before := time.Now(), b.engine.Usage().CPU
	if err := b.data.load(ctx, b.events, 0); err != nil {
		return err
	}
	if err := b.check(ctx); err != nil {
		return err
	}
	took := time.Since(begun)
	loaded := b.engine.Usage().CPU
	fmt.Printf("loaded in %.0f s, %.0f events/s; engine %.2f µs an event until then\n", took.Seconds(), float64(b.data.sent)/took.Seconds(), 1e6*(loaded-before)/float64(b.data.sent))
	if err := b.phase(ctx, "right after loading", false); err != nil {
		return err
	}
	ingest, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- b.data.load(ingest, 1<<40, time.Second*dataRequest/time.Duration(b.rate)) }()
	err = b.phase(ctx, fmt.Sprintf("while %d events a second come in", b.rate), false)
	end()
	if fault := <-done; err != nil || fault != nil && !errors.Is(fault, context.Canceled) {
		return errors.Join(err, fault)
	}
	if err := b.conn.Exec(ctx, "OPTIMIZE TABLE events FINAL"); err != nil {
		return err
	}
	if err := b.sizes(ctx); err != nil {
		return err
	}
	return b.phase(ctx, "merged", true)
}

// prepare makes connections and definitions.
func (b *reportBench) prepare(ctx context.Context) error {
	var webhooks []string
	for i := range dataConnections {
		var c struct {
			ID         uuid.UUID `json:"id"`
			WebhookURL string    `json:"webhook_url"`
		}
		if err := b.call(ctx, http.MethodPost, "/connections", fmt.Sprintf(`{"name":"%d","event_source":"bench","event_object":"event"}`, i), &c); err != nil {
			return err
		}
		webhooks = append(webhooks, c.WebhookURL)
		if i == 0 {
			b.first = c.ID
		}
	}
	b.data = newDataset(webhooks, b.events)
	for name, typ := range map[string]define.Type{"revenue": define.Numeric, "currency": define.String, "product_name": define.String, "kind": define.String, "status": define.String} {
		if err := b.call(ctx, http.MethodPut, "/fields/"+name, fmt.Sprintf(`{"path":%q,"type":%q}`, name, typ), nil); err != nil {
			return err
		}
		b.set.Fields[name] = &define.Field{Name: name, Path: name, Type: typ}
	}
	for _, c := range []struct{ name, filters, value string }{
		{"leads", `[{"field":"kind","op":"eq","values":["lead"]}]`, ""},
		{"paid", `[{"field":"kind","op":"eq","values":["order"]},{"field":"status","op":"eq","values":["paid"]}]`, "revenue"},
	} {
		if err := b.call(ctx, http.MethodPut, "/conversions/"+c.name, fmt.Sprintf(`{"filters":%s,"value_field":%q}`, c.filters, c.value), nil); err != nil {
			return err
		}
		filters, err := reports.DecodeFilters([]byte(c.filters))
		if err != nil {
			return err
		}
		b.set.Conversions[c.name] = &define.Conversion{Name: c.name, Filters: filters, ValueField: c.value}
	}
	return nil
}

func (b *reportBench) call(ctx context.Context, method, path, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+b.tributary.line+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s answered %s: %s", method, path, res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// check waits until everything can be read, and that it is exact.
func (b *reportBench) check(ctx context.Context) error {
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var n uint64
		if err := b.conn.QueryRow(ctx, "SELECT count() FROM events WHERE NOT is_deleted").Scan(&n); err != nil {
			return err
		}
		if n >= uint64(b.data.sent) { // until merges take copies away, there is each
			break
		}
		var once uint64
		if err := b.conn.QueryRow(ctx, "SELECT count() FROM events FINAL").Scan(&once); err != nil {
			return err
		}
		if once == uint64(b.events) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d events became readable", once, b.events)
		}
	}
	var result reports.Result
	if err := b.call(ctx, http.MethodPost, "/reports/query", `{"metrics":["count"]}`, &result); err != nil {
		return err
	}
	if got := fmt.Sprint(result.Rows); got != fmt.Sprintf("[[%v]]", float64(b.events)) {
		return fmt.Errorf("a report counts %s of %d events", got, b.events)
	}
	return nil
}

func (b *reportBench) sizes(ctx context.Context) error {
	rows, err := b.conn.Query(ctx, "SELECT table, sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND startsWith(table, 'event') GROUP BY table ORDER BY table")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var table string
		var size, n uint64
		if err := rows.Scan(&table, &size, &n); err != nil {
			return err
		}
		fmt.Printf("%s: %.1f bytes a row, %d rows\n", table, float64(size)/float64(n), n)
	}
	return rows.Err()
}

func (b *reportBench) body(i, days int) string {
	t := typical[i]
	rest, granularity := t.body, ""
	if head, g, found := strings.Cut(rest, `,"granularity":`); found {
		rest, granularity = head, `,"granularity":`+g
	}
	to := b.data.from.Add(dataDays * 24 * time.Hour)
	return fmt.Sprintf(`{%s,"connections":[%q],"time":{"from":%q,"to":%q%s}}`, rest, b.first, to.AddDate(0, 0, -days).Format(time.RFC3339), to.Format(time.RFC3339), granularity)
}

// phase asks every report over the API, and where it is wanted compares its statement
// with the same one without deduplication.
func (b *reportBench) phase(ctx context.Context, name string, compare bool) error {
	var parts uint64
	if err := b.conn.QueryRow(ctx, "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'").Scan(&parts); err != nil {
		return err
	}
	fmt.Printf("\n%s (%d parts): median and maximum of %d, ms", name, parts, b.rounds)
	if compare {
		fmt.Print("; ratio to the same SQL without deduplication, median")
	}
	fmt.Printf("\n  %-30s", "")
	for _, days := range ranges {
		fmt.Printf("%22s", fmt.Sprintf("%d days", days))
	}
	fmt.Println()
	var short []time.Duration // of up to 30 days
	var ratios []float64
	for i, t := range typical {
		fmt.Printf("  %-30s", t.name)
		for _, days := range ranges {
			if t.name == "one year by month" && days != 365 {
				fmt.Printf("%22s", "")
				continue
			}
			var took []time.Duration
			for range b.rounds {
				begun := time.Now()
				if err := b.call(ctx, http.MethodPost, "/reports/"+t.path, b.body(i, days), nil); err != nil {
					return err
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			if days <= 30 {
				short = append(short, took...)
			}
			cell := fmt.Sprintf("%.0f/%.0f", milliseconds(took[len(took)/2]), milliseconds(took[len(took)-1]))
			if compare {
				ratio, err := b.ratio(ctx, i, days)
				if err != nil {
					return err
				}
				ratios = append(ratios, ratio)
				cell += fmt.Sprintf(" %.2fx", ratio)
			}
			fmt.Printf("%22s", cell)
		}
		fmt.Println()
	}
	slices.Sort(short)
	fmt.Printf("  up to 30 days: p95 %.0f ms\n", milliseconds(short[len(short)*95/100]))
	if compare {
		slices.Sort(ratios)
		fmt.Printf("  ratio: median %.2fx, worst %.2fx\n", ratios[len(ratios)/2], ratios[len(ratios)-1])
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// undeduplicated reads what is stored as it is.
type undeduplicated struct{ driver.Conn }

func (c undeduplicated) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	return c.Conn.Query(ctx, strings.ReplaceAll(query, "events FINAL", "events"), args...)
}

// ratio is how much longer a report takes than without deduplication, asked in turn.
func (b *reportBench) ratio(ctx context.Context, i, days int) (float64, error) {
	catalog := reports.Catalog{Set: b.set, Connections: []reports.Connection{{ID: b.first}}}
	body := []byte(b.body(i, days))
	run := func(conn reports.Conn) (time.Duration, error) {
		r := reports.Runner{Conn: conn}
		begun := time.Now()
		if typical[i].path == "funnel" {
			f, err := reports.DecodeFunnel(body)
			if err != nil {
				return 0, err
			}
			plan, err := reports.CompileFunnel(f, catalog, begun)
			if err != nil {
				return 0, err
			}
			_, err = r.RunFunnel(ctx, plan)
			return time.Since(begun), err
		}
		q, err := reports.DecodeRequest(body)
		if err != nil {
			return 0, err
		}
		plan, err := reports.Compile(q, catalog, begun)
		if err != nil {
			return 0, err
		}
		_, err = r.Run(ctx, plan)
		return time.Since(begun), err
	}
	var with, without []time.Duration
	for range b.rounds {
		for _, x := range []struct {
			conn reports.Conn
			took *[]time.Duration
		}{{b.conn, &with}, {undeduplicated{b.conn}, &without}} {
			took, err := run(x.conn)
			if err != nil {
				return 0, err
			}
			*x.took = append(*x.took, took)
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	return float64(with[len(with)/2]) / float64(without[len(without)/2]), nil
}
