package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tributary-events/tributary/engine"
	"github.com/tributary-events/tributary/migrations"
)

// doctorCommand looks at everything that a set-up stands on, running or not, and
// says of what is wrong how to mend it.
type doctorCommand struct {
	remote
	storeFlags
	Listen string `help:"Address that the server listens on, or will." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Ready  bool   `help:"Only ask the running server whether it is ready: for health checks."`
}

// finding is the outcome of one look.
type finding struct {
	what string
	err  error  // nil = well
	note string // what was seen
	mend string // how to mend it
}

func (cmd *doctorCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	server := cmd.server()
	if cmd.Ready {
		f := serverFinding(ctx, server)
		if f.err != nil {
			return f.err
		}
		fmt.Fprintln(t.Out, f.note)
		return nil
	}
	findings := []finding{dataFinding(g.Data), diskFinding(g.Data), serverFinding(ctx, server)}
	running := findings[2].err == nil
	if !running {
		findings = append(findings, portFinding(cmd.Listen))
	}
	if cmd.ClickhouseDSN != "" {
		findings = append(findings, cmd.storeFindings(ctx)...)
	} else {
		findings = append(findings, libraryFinding())
	}
	if running {
		findings = append(findings, cmd.keyFinding(ctx, g))
	}
	bad := 0
	for _, f := range findings {
		if f.err == nil {
			fmt.Fprintf(t.Out, "ok    %s: %s\n", f.what, f.note)
			continue
		}
		bad++
		fmt.Fprintf(t.Out, "WRONG %s: %v\n", f.what, f.err)
		if f.mend != "" {
			fmt.Fprintf(t.Out, "      %s\n", f.mend)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d checks failed", bad, len(findings))
	}
	return nil
}

// server is the address to ask: --server if it is given, else where --listen listens.
func (cmd *doctorCommand) server() string {
	if cmd.Server != "http://127.0.0.1:8080" {
		return strings.TrimRight(cmd.Server, "/")
	}
	if addr, err := net.ResolveTCPAddr("tcp", cmd.Listen); err == nil {
		return "http://" + reachable(addr)
	}
	return cmd.Server
}

func dataFinding(dir string) finding {
	f := finding{what: "data folder", note: dir, mend: "Choose a folder that this user may write with --data (TRIBUTARY_DATA)."}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.note = dir + " does not exist yet; 'tributary serve' makes it"
		return f
	case err != nil:
		f.err = err
		return f
	case info.Mode().Perm()&0o077 != 0:
		f.err = fmt.Errorf("%s can be read by other users (mode %o)", dir, info.Mode().Perm())
		f.mend = "chmod 700 " + dir
		return f
	}
	probe := filepath.Join(dir, ".doctor")
	f.err = errors.Join(os.WriteFile(probe, nil, 0o600), os.Remove(probe))
	return f
}

const enoughSpace = 2 << 30

func diskFinding(dir string) finding {
	f := finding{what: "disk space", mend: "Free space, or move the data folder (--data) to a larger disk."}
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		f.err = err
		return f
	}
	free := uint64(st.Bavail) * uint64(st.Bsize)
	f.note = fmt.Sprintf("%.1f GB free", float64(free)/1e9)
	if free < enoughSpace {
		f.err = errors.New(f.note)
	}
	return f
}

func serverFinding(ctx context.Context, base string) finding {
	f := finding{what: "server", mend: "Start it with 'tributary serve', or name it with --server (TRIBUTARY_SERVER)."}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		f.err = err
		return f
	}
	res, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		f.err = fmt.Errorf("none answers at %s", base)
		return f
	}
	defer func() { _ = res.Body.Close() }() // read below
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		f.err = err
		return f
	}
	var answer struct {
		Status any `json:"status"`
		Checks []struct {
			Name   string `json:"name"`
			OK     bool   `json:"ok"`
			Reason string `json:"reason"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		f.err = fmt.Errorf("what answers at %s is not Tributary", base)
		f.mend = "Another program has this port; choose another with --listen (TRIBUTARY_LISTEN)."
		return f
	}
	if res.StatusCode == http.StatusOK {
		f.note = "ready at " + base
		return f
	}
	var wrong []string
	for _, c := range answer.Checks {
		if !c.OK {
			wrong = append(wrong, c.Name+": "+c.Reason)
		}
	}
	f.err = fmt.Errorf("runs at %s and is not ready: %s", base, strings.Join(wrong, "; "))
	f.mend = "Events are taken and wait in the spool as long as that says 'ok'. The server's log tells more."
	return f
}

func portFinding(listen string) finding {
	f := finding{what: "port", note: listen + " is free", mend: "Choose another with --listen (TRIBUTARY_LISTEN)."}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		f.err = err
		return f
	}
	f.err = l.Close()
	return f
}

func (cmd *doctorCommand) storeFindings(ctx context.Context) []finding {
	f := finding{what: "ClickHouse", mend: "Check host, port, user and password of --clickhouse-dsn (TRIBUTARY_CLICKHOUSE_DSN)."}
	var c checker
	options := c.dsn("clickhouse-dsn", cmd.ClickhouseDSN)
	if f.err = c.err(); f.err != nil {
		return []finding{f}
	}
	if options.Auth.Database == "" || options.Auth.Database == "default" {
		options.Auth.Database = engine.Database
	}
	outside := *options
	outside.Auth.Database = ""
	conn, err := clickhouse.Open(&outside)
	if err != nil {
		f.err = err
		return []finding{f}
	}
	defer func() { _ = conn.Close() }() // only read from
	v, err := conn.ServerVersion()
	if err != nil {
		f.err = err
		return []finding{f}
	}
	f.note = "version " + v.Version.String()
	if v.Version.Major < 25 || v.Version.Major == 25 && v.Version.Minor < 8 {
		f.err, f.mend = fmt.Errorf("version %s is too old", v.Version), "Tributary needs ClickHouse 25.8 or newer."
	}
	if options.Protocol == clickhouse.Native {
		f.note += "; an http:// DSN takes events faster than the native protocol"
	}
	m := finding{what: "schema", note: "up to date", mend: "Run 'tributary migrate up'."}
	runner, err := migrations.New(migrations.Config{Options: options, Cluster: cmd.ClickhouseCluster})
	if err != nil {
		m.err = err
		return []finding{f, m}
	}
	defer func() { _ = runner.Close() }() // only read from
	pending, err := runner.Pending(ctx)
	if m.err = err; err == nil && len(pending) > 0 {
		m.err = fmt.Errorf("%d migrations are not applied", len(pending))
	}
	return []finding{f, m}
}

func libraryFinding() finding {
	f := finding{what: "embedded ClickHouse", mend: "Install Node.js with npm, give --engine-library, or use a server of yours with --clickhouse-dsn."}
	path, err := engine.LibraryPath("")
	if err != nil {
		f.err = err
		return f
	}
	if _, err := os.Stat(path); err == nil {
		f.note = "fetched: " + path
		return f
	}
	if _, err := exec.LookPath("npm"); err != nil {
		f.err = errors.New("it is not fetched yet, and npm, which fetches it, is not installed")
		return f
	}
	f.note = "not fetched yet; the first start does it with npm (about 180 MB)"
	return f
}

func (cmd *doctorCommand) keyFinding(ctx context.Context, g *cli) finding {
	f := finding{what: "API key", note: "accepted", mend: "Give --admin-key (TRIBUTARY_ADMIN_KEY), or --data with the running server's folder."}
	client, err := cmd.client(g.Data)
	if err == nil {
		err = client.Do(ctx, http.MethodGet, connectionsPath+"?limit=1", nil, nil)
	}
	f.err = err
	return f
}
