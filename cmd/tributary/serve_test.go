package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const helpPage = `[
{
"event_id": "order_12345",
"event_timestamp": "2025-12-08T15:21:11.804Z",
"event_email": "ada@example.com",
"event_adb_cdt": "adb_cscid:dcc50bcc-2bbc-44b1-8e29-e0b42a306d0a",
"event_payload": {
"revenue": 99.99,
"currency": "EUR",
"product_name": "Premium Plan"
}
},
{
"event_id": "order_123456",
"event_timestamp": "2025-12-09T15:21:11.804Z",
"event_email": "grace@example.com",
"event_adb_cdt": "adb_cscid:dcc40bcc-2bbc-44b1-8e29-e0b42a306d0a",
"event_payload": {
"revenue": 123.99,
"currency": "EUR",
"product_name": "Other Product"
}
}
]`

type apiList struct {
	Data []connectionView `json:"data"`
}

// TestFirstMinute is what a new user does with the printed lines, and what must
// still be so after a restart.
func TestFirstMinute(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	var list apiList
	if status := p.api("GET", "/api/v1/connections", nil, &list); status != 200 || len(list.Data) != 1 || list.Data[0].Status != "awaiting_data" {
		t.Fatalf("%d %+v", status, list)
	}
	for range 2 {
		status, body, err := p.post(helpPage)
		if err != nil || status != 201 || body != `{"received":2}` {
			t.Fatalf("%d %s %v", status, body, err)
		}
	}
	// Visible within a second; a slow machine under the race detector gets more.
	p.becomes(10*time.Second, "SELECT count() FROM events", "2")
	p.becomes(time.Second, "SELECT event_id, event_timestamp, event_email, event_payload.revenue, connection FROM events ORDER BY event_id",
		"order_12345\t2025-12-08 15:21:11.804\tada@example.com\t99.99\tMy first webhook\n"+
			"order_123456\t2025-12-09 15:21:11.804\tgrace@example.com\t123.99\tMy first webhook")
	check := func(when string) {
		t.Helper()
		if p.api("GET", "/api/v1/connections", nil, &list); list.Data[0].Status != "connected" || list.Data[0].EventsReceived != 4 || list.Data[0].LastEventAt == nil {
			t.Errorf("%s: %+v", when, list.Data[0])
		}
	}
	check("after the first events")
	if _, err := p.ask("INSERT INTO events (event_id) VALUES ('x')"); err == nil {
		t.Error("the analyst could write")
	}
	privateFiles(t, data)
	begun := time.Now()
	if err := p.terminate(); err != nil {
		t.Fatalf("SIGTERM: %v\n%s", err, p.log)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("SIGTERM took %s", took)
	}
	log := p.log.String()
	for _, secret := range []string{p.key, p.pass, filepath.Base(p.webhook), "ada@example.com"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds a secret: %s", secret[:4])
		}
	}
	p = serve(t, data)
	check("after a restart")
	p.becomes(10*time.Second, "SELECT count() FROM events", "2")
}

// privateFiles checks that what Tributary makes is the user's alone.
func privateFiles(t *testing.T, data string) {
	t.Helper()
	for _, path := range []string{"", "spool", "secrets", "secrets/admin-key", "connections.json", "collector-id"} {
		info, err := os.Stat(filepath.Join(data, path))
		if err != nil {
			t.Error(err)
			continue
		}
		want := fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
}

// TestKilled kills the program, engine and all, with SIGKILL under load, again and
// again. What was acknowledged is there in the end, once, in its last version.
func TestKilled(t *testing.T) {
	const writers, kills = 4, 3
	data := filepath.Join(t.TempDir(), "data")
	acked := make([]map[string]string, writers)
	unsure := make([]map[string]bool, writers) // sent, and the answer never came
	for w := range writers {
		acked[w], unsure[w] = map[string]string{}, map[string]bool{}
	}
	var total atomic.Int64
	for range kills {
		p := serve(t, data)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					id := fmt.Sprintf("w%d-%d", w, rand.N(500))
					version := strconv.FormatInt(rand.Int64N(1<<40), 10)
					body := fmt.Sprintf(`[{"event_id":%q,"event_timestamp":"2025-12-%02d","event_email":"a@example.com","event_payload":{"v":%s}}]`, id, 1+rand.N(28), version)
					status, _, err := p.post(body)
					if err != nil {
						unsure[w][id] = true
						return
					}
					if status != 201 {
						t.Errorf("answered %d", status)
						return
					}
					acked[w][id] = version
					delete(unsure[w], id)
					total.Add(1)
				}
			})
		}
		before := total.Load()
		waitFor(t, "requests", func() bool { return total.Load() >= before+400 })
		time.Sleep(time.Duration(rand.N(300)) * time.Millisecond)
		p.kill()
		close(stop)
		wg.Wait()
	}
	p := serve(t, data)
	waitFor(t, "all events", func() bool {
		lag, err := p.ask("SELECT count() FROM events")
		n, _ := strconv.Atoi(lag)
		want := 0
		for w := range writers {
			want += len(acked[w])
		}
		return err == nil && n >= want
	})
	text, err := p.ask("SELECT event_id, count(), any(toString(event_payload.v)) FROM events GROUP BY event_id")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[1] != "1" {
			t.Errorf("%s is there %s times", f[0], f[1])
		}
		found[f[0]] = f[2]
	}
	for w := range writers {
		for id, version := range acked[w] {
			if got, ok := found[id]; !ok || got != version && !unsure[w][id] {
				t.Errorf("%s: %q is stored, %q was acknowledged last", id, got, version)
			}
		}
	}
	var list apiList
	if p.api("GET", "/api/v1/connections", nil, &list); int64(list.Data[0].EventsReceived) < total.Load() {
		t.Errorf("%d events counted, %d were acknowledged", list.Data[0].EventsReceived, total.Load())
	}
}

// TestEngineKilled kills only the embedded engine, under load: events are
// acknowledged all the while, and are there once it is back.
func TestEngineKilled(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	for round := range 3 {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Fields(string(children))
		if len(all) == 0 {
			all = childrenOf(t, p.cmd.Process.Pid)
		}
		for _, pid := range all {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			status, body, err := p.post(fmt.Sprintf(`[{"event_id":"r%d-%d","event_timestamp":"2025-12-01","event_email":"a@example.com"}]`, round, i))
			if err != nil || status != 201 {
				t.Fatalf("%d %s %v", status, body, err)
			}
		}
		p.becomes(60*time.Second, "SELECT count() FROM events", fmt.Sprint(100*(round+1)))
	}
}

// childrenOf finds the processes that any thread of a process has started.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			all = append(all, strings.Fields(string(b))...)
		}
	}
	if len(all) == 0 {
		t.Fatal("the engine's process was not found")
	}
	return all
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestCommands drives the command line against a running server.
func TestCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	tributary := func(args ...string) string {
		t.Helper()
		out, err := command(data, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("tributary %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	server := []string{"--server", p.app}
	with := func(args ...string) []string { return append(args, server...) }
	var c connectionView
	created := tributary(with("connection", "create", "CRM Leads", "--event-source", "Pipedrive", "--event-object", "Lead", "--json")...)
	if err := json.Unmarshal([]byte(created), &c); err != nil || c.Status != "awaiting_data" {
		t.Fatalf("%s: %v", created, err)
	}
	if out := tributary("send", c.WebhookURL); !strings.Contains(out, "sent 1 test event") {
		t.Error(out)
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	var lines strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&lines, `{"event_id":"f%d","event_timestamp":"2025-12-01T10:00:00+01:00","event_email":"a@example.com","event_payload":{"i":%d,"pad":"%s"}}`+"\n", i, i, strings.Repeat("x", 200))
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tributary("send", c.WebhookURL, file); !strings.Contains(out, "sent 2500 events in 3 requests") {
		t.Error(out)
	}
	p.becomes(10*time.Second, "SELECT count() FROM events WHERE connection = 'CRM Leads'", "2501")
	port := p.sql[strings.LastIndex(p.sql, ":")+1:]
	if out := tributary("sql", "--embedded-http-port", port, "SELECT max(event_payload.i.:Int64) AS m FROM events"); out != "m\n2499\n" {
		t.Errorf("sql: %q", out)
	}
	tributary(with("connection", "pause", c.ID)...)
	if out := tributary(with("connection", "list")...); !strings.Contains(out, "paused") {
		t.Error(out)
	}
	tributary(with("connection", "resume", c.ID)...)
	tributary(with("connection", "rename", c.ID, "Leads")...)
	old := c.WebhookURL
	if err := json.Unmarshal([]byte(tributary(with("connection", "rotate", c.ID, "--grace", "0s", "--json")...)), &c); err != nil || c.WebhookURL == old || c.Name != "Leads" {
		t.Errorf("rotated: %+v, %v", c, err)
	}
	if out, err := command(data, "send", old, "--retries", "0").CombinedOutput(); err == nil || !strings.Contains(string(out), "404") {
		t.Errorf("the old URL after a rotation without grace: %v %s", err, out)
	}
	tributary(with("connection", "delete", c.ID, "--yes")...)
	if out := tributary(with("doctor")...); strings.Contains(out, "WRONG") {
		t.Error(out)
	}
	if out := tributary("version"); !strings.HasPrefix(out, "tributary ") {
		t.Error(out)
	}
}

// TestConfiguration: everything that is wrong is said at once, with what to do.
func TestConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tributary.yaml")
	if err := os.WriteFile(file, []byte("listen: nowhere\nembedded_http_port: 99999\nspool-limit: much\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(t.TempDir(), "--config", file, "serve", "--clickhouse-dsn", "foo://user:secret@host")
	cmd.Env = append(cmd.Env, "TRIBUTARY_PUBLIC_URL=example.com", "TRIBUTARY_SPOOL_LIMIT=lots")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{"--listen", "--embedded-http-port", "--clickhouse-dsn", "TRIBUTARY_PUBLIC_URL", `"lots"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "secret") {
		t.Errorf("a password is in:\n%s", out)
	}
	if err := os.WriteFile(file, []byte("lisen: 127.0.0.1:1\ndata: [1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = command(t.TempDir(), "serve", "--config="+file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `unknown key "lisen"`) || !strings.Contains(string(out), `"data" must be a single value`) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// A port that is taken is an error that names the flag.
func TestPortTaken(t *testing.T) {
	p := serve(t, filepath.Join(t.TempDir(), "data"))
	address := strings.TrimPrefix(p.app, "http://")
	out, err := command(t.TempDir(), "serve", "--listen", address).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--listen") {
		t.Errorf("%v: %s", err, out)
	}
	port := p.sql[strings.LastIndex(p.sql, ":")+1:]
	out, err = command(t.TempDir(), "serve", "--listen", "127.0.0.1:0", "--embedded-http-port", port).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--embedded-http-port") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = command(p.data, "serve", "--listen", "127.0.0.1:0", "--embedded-http-port", "0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--data") {
		t.Errorf("%v: %s", err, out)
	}
}
