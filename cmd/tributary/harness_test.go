package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tributary-events/tributary/engine"
)

// asProgram makes the test binary behave as tributary itself, so that tests can
// start, kill and restart the real program as a process of its own.
const asProgram = "TRIBUTARY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.ChildCommand {
		os.Exit(engine.RunChild(os.Args[2:]))
	}
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := run(ctx, os.Args[1:], &terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// program is a running `tributary serve`, known only by what it printed.
type program struct {
	t                            testing.TB
	cmd                          *exec.Cmd
	data                         string
	app, key, webhook, sql, pass string
	log                          *syncBuffer
	exited                       chan error
	ended                        chan struct{} // closed when it has exited
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// command is tributary with arguments, in an environment of its own.
func command(data string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TRIBUTARY_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, asProgram+"=1", "TRIBUTARY_DATA="+data)
	return cmd
}

// serve starts the program on a data folder and returns once it has said that it runs.
func serve(t testing.TB, data string, args ...string) *program {
	t.Helper()
	p := &program{t: t, data: data, log: &syncBuffer{}, exited: make(chan error, 1), ended: make(chan struct{})}
	p.cmd = command(data, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--embedded-http-port", fmt.Sprint(freePort(t)), "--embedded-memory", "2GB",
	}, args...)...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	banner := make(chan string, 1)
	go func() {
		var text strings.Builder
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "FROM events") {
				banner <- text.String()
			}
		}
		p.exited <- p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		// By SIGTERM, so that its engine has let go of the folder when that is removed.
		if p.cmd.Process.Signal(syscall.SIGTERM) == nil {
			select {
			case <-p.ended:
			case <-time.After(30 * time.Second):
				_ = p.cmd.Process.Kill() // told as a failure below
				t.Error("tributary did not end within 30 s of SIGTERM")
			}
		}
		if t.Failed() {
			t.Logf("log of tributary:\n%s", p.log)
		}
	})
	select {
	case text := <-banner:
		p.app = find(t, text, `API\s+(http://\S+)/api/v1`)
		p.key = find(t, text, `Bearer (\S+)`)
		p.webhook = find(t, text, `curl -X POST (http://\S+)`)
		p.sql = find(t, text, `SQL\s+(http://\S+)`)
		p.pass = find(t, text, `password (\S+)`)
	case err := <-p.exited:
		t.Fatalf("tributary ended: %v\n%s", err, p.log)
	case <-time.After(2 * time.Minute):
		t.Fatalf("tributary did not start:\n%s", p.log)
	}
	return p
}

func find(t testing.TB, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s is not in what was printed:\n%s", pattern, text)
	}
	return m[1]
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (p *program) post(body string) (int, string, error) {
	res, err := http.Post(p.webhook, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// api calls the admin API and decodes the answer.
func (p *program) api(method, path string, in, out any) int {
	p.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			p.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, p.app+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			p.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return res.StatusCode
}

// ask runs a statement as an analyst would.
func (p *program) ask(query string) (string, error) {
	req, err := http.NewRequest(http.MethodPost, p.sql, strings.NewReader(query))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth("analyst", p.pass)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", res.StatusCode, text)
	}
	return strings.TrimSpace(string(text)), err
}

// becomes waits until a statement answers want.
func (p *program) becomes(within time.Duration, query, want string) {
	p.t.Helper()
	var got string
	var err error
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got, err = p.ask(query); err == nil && got == want {
			return
		}
	}
	p.t.Fatalf("%s answers %q (%v), want %q", query, got, err, want)
}

// terminate sends SIGTERM and returns the exit error.
func (p *program) terminate() error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		return err
	case <-time.After(30 * time.Second):
		p.t.Fatalf("tributary did not end within 30 s of SIGTERM")
		return nil
	}
}

// kill ends the program as a crash does, and waits until it and its engine are gone.
func (p *program) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.exited
}
