package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tool runs a command of the program against p in this process.
func (p *program) tool(args ...string) (code int, out, log string) {
	p.t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), p.remote(args...), &terminal{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

func (p *program) remote(args ...string) []string {
	return append(args, "--server", p.app, "--admin-key", p.key)
}

// connection makes a connection and returns its id.
func (p *program) connection(name string) string {
	p.t.Helper()
	code, out, log := p.tool("connection", "create", name, "--event-source", "file", "--event-object", "row", "--json")
	var c connectionView
	if err := json.Unmarshal([]byte(out), &c); code != 0 || err != nil {
		p.t.Fatalf("create connection: exit code %d, %v\n%s", code, err, log)
	}
	return c.ID
}

func writeOrders(t *testing.T, path string, rows int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("order_id;Datum;E-Mail;amount;note\r\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		fmt.Fprintf(&b, "order-%d;%02d.%02d.2025 %02d:%02d;user%d@example.com;%d,%02d;\"Say \"\"%d\"\";\n twice\"\r\n",
			i, 1+r.IntN(28), 1+r.IntN(12), r.IntN(24), r.IntN(60), i%1000, r.IntN(1000), r.IntN(100), i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestImportSurvivesKillsOfTheServer(t *testing.T) {
	const rows = 100_000
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "orders.csv")
	writeOrders(t, file, rows)
	listen := "127.0.0.1:" + strconv.Itoa(freePort(t))
	p := serve(t, data, "--listen", listen)
	id := p.connection("Orders")

	command := command(data, p.remote("import", file, "--connection", "Orders", "--yes", "--retries", "100")...)
	var out, log syncBuffer
	command.Stdout, command.Stderr = &out, &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for kill, at := range []int{15_000, 50_000} {
		for p.imported(id) < at {
			select {
			case err := <-ended:
				t.Fatalf("the import ended before kill %d: %v\n%s%s", kill, err, &out, &log)
			case <-time.After(5 * time.Millisecond):
			}
		}
		p.kill()
		p = serve(t, data, "--listen", listen)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("import: %v\n%s%s", err, &out, &log)
		}
	case <-time.After(2 * time.Minute):
		_ = command.Process.Kill()
		t.Fatalf("the import did not end:\n%s%s", &out, &log)
	}
	if again := strings.Count(log.String(), "trying again"); again < 2 {
		t.Errorf("it was cut off %d times, not twice:\n%s", again, &log)
	}
	const counts = "SELECT count(), uniqExact(event_id), countIf(event_payload.note = concat('Say \"', substring(event_id, 7), '\";\\n twice')) FROM events WHERE connection = 'Orders'"
	p.becomes(time.Minute, counts, fmt.Sprintf("%d\t%d\t%d", rows, rows, rows))

	// The same file again changes nothing.
	if code, out, log := p.tool("import", file, "--connection", id, "--yes"); code != 0 || !strings.Contains(out, "100000 accepted, 0 refused") {
		t.Errorf("again: exit code %d\n%s%s", code, out, log)
	}
	p.becomes(time.Minute, counts, fmt.Sprintf("%d\t%d\t%d", rows, rows, rows))
}

func TestImportGoesOnAfterAKillOfItsSender(t *testing.T) {
	const rows = 60_000
	file := filepath.Join(t.TempDir(), "orders.csv")
	writeOrders(t, file, rows)
	data := t.TempDir()
	p := serve(t, data)
	id := p.connection("Orders")
	first := command(data, p.remote("import", file, "--connection", id, "--yes")...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); p.imported(id) < 8_000 && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatalf("the import ended before it was killed: %v", err)
	}
	_ = first.Wait() // by the kill
	if code, out, log := p.tool("import", file, "--connection", id, "--yes"); code != 0 || !strings.Contains(out, "60000 rows: 60000 accepted, 0 refused") {
		t.Fatalf("exit code %d\n%s%s", code, out, log)
	}
	var list struct {
		Data []struct {
			Resumed int `json:"resumed"`
		} `json:"data"`
	}
	if p.api("GET", connectionPath(id)+"/imports", nil, &list); len(list.Data) != 1 || list.Data[0].Resumed < 8_000 {
		t.Errorf("it did not go on where it was: %+v", list.Data)
	}
	p.becomes(time.Minute, "SELECT count(), uniqExact(event_id) FROM events WHERE connection = 'Orders'", "60000\t60000")
}

// imported is how many rows of a connection's only import are dealt with.
func (p *program) imported(id string) int {
	p.t.Helper()
	var list struct {
		Data []struct {
			Rows int `json:"rows"`
			ID   string
		} `json:"data"`
	}
	if status := p.api("GET", connectionPath(id)+"/imports", nil, &list); status != 200 || len(list.Data) == 0 {
		return 0
	}
	var one struct {
		Rows int `json:"rows"`
	}
	p.api("GET", connectionPath(id)+"/imports/"+list.Data[0].ID, nil, &one)
	return one.Rows
}

func TestImportGivesBackWhatItRefuses(t *testing.T) {
	p := serve(t, t.TempDir())
	id := p.connection("CRM")
	file := filepath.Join(t.TempDir(), "leads.csv")
	const text = "id,when,email,amount,note\n" +
		"1,03/04/2025,a@example.com,1.5,ok\n" +
		"2,05/06/2025,b@example.com,2,=1+1\n" +
		"3,07/08/2025,not an address,2,x\n" +
		"4,07/08/2025,c@example.com,2\n" +
		"5,07/08/2025,\"d@example.com,2,\"unclosed\n" +
		"6,13/08/2025,e@example.com,2,y\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The order of day and month is asked for: the first rows do not say it …
	head := filepath.Join(t.TempDir(), "head.csv")
	if err := os.WriteFile(head, []byte(text[:strings.Index(text, "3,07")]), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, log := p.tool("import", head, "--connection", "CRM", "--yes")
	if code != 1 || !strings.Contains(log, "several ways") || !strings.Contains(log, "one of dmy, mdy") {
		t.Errorf("an ambiguous date: exit code %d\n%s", code, log)
	}
	// … and where one does, no other order is possible.
	code, out, log := p.tool("import", file, "--connection", "CRM", "--yes")
	if code != 1 || !strings.Contains(out, "6 rows: 3 accepted, 3 refused") {
		t.Errorf("exit code %d\n%s%s", code, out, log)
	}
	refused := strings.TrimSuffix(file, ".csv") + ".refused.csv"
	got, err := os.ReadFile(refused)
	if err != nil {
		t.Fatal(err)
	}
	const want = "import_row,import_reason,id,when,email,amount,note\n" +
		"3,event_email is not a valid address: it has no @,3,07/08/2025,not an address,2,x\n" +
		"4,\"has 4 cells, and the file has 5 columns\",4,07/08/2025,c@example.com,2\n" +
		"5,email: text stands behind the closing quotation mark; inside of quotation marks they are doubled,\"5,07/08/2025,\"\"d@example.com,2,\"\"unclosed\"\n"
	if string(got) != want {
		t.Errorf("refused rows:\n%s\nwant\n%s", got, want)
	}
	mended := strings.NewReplacer("not an address", "n@example.com", "c@example.com,2\n", "c@example.com,2,z\n",
		`"5,07/08/2025,""d@example.com,2,""unclosed"`, `5,07/08/2025,d@example.com,2,unclosed`).Replace(string(got))
	if err := os.WriteFile(refused, []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, log := p.tool("import", refused, "--connection", "CRM", "--yes", "--dates", "dmy"); code != 0 || !strings.Contains(out, "3 accepted, 0 refused") {
		t.Errorf("the mended file: exit code %d\n%s%s", code, out, log)
	}
	p.becomes(10*time.Second, "SELECT groupArray((event_id, toDate(event_timestamp), event_payload.note::String)) FROM (SELECT * FROM events WHERE connection_id = '"+id+"' ORDER BY event_id)",
		"[('1','2025-04-03','ok'),('2','2025-06-05','=1+1'),('3','2025-08-07','x'),('4','2025-08-07','z'),('5','2025-08-07','unclosed'),('6','2025-08-13','y')]")
}

func TestImportNoticesThatItsFileChanges(t *testing.T) {
	text := bytes.Repeat([]byte("a,b\n"), 3<<20)
	for name, change := range map[string]func(path string) error{
		"appended to": func(path string) error {
			out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = out.WriteString("c,d\n")
			return errors.Join(err, out.Close())
		},
		"cut": func(path string) error { return os.Truncate(path, 100) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", text, 0o600), os.Rename(path+".new", path))
		},
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "growing.csv")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := openImport(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r := &steady{file: f}
			if _, err := r.Read(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = r.Read(make([]byte, 1<<20))
			}
			if !strings.Contains(err.Error(), "changed while it was read") {
				t.Error(err)
			}
		})
	}
}
