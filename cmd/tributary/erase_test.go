package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// engineExec runs a statement as the application itself, which tests may: the password
// lies in the data folder, the port in the log.
func (p *program) engineExec(statement string) string {
	p.t.Helper()
	password, err := os.ReadFile(filepath.Join(p.data, "secrets", "clickhouse-tributary"))
	if err != nil {
		p.t.Fatal(err)
	}
	port := find(p.t, p.log.String(), `"port":(\d+)`)
	req, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:"+port+"/?database=tributary&mutations_sync=2&alter_sync=2", strings.NewReader(statement))
	if err != nil {
		p.t.Fatal(err)
	}
	req.SetBasicAuth("tributary", strings.TrimSpace(string(password)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %s %v", statement, res.StatusCode, text, err)
	}
	return strings.TrimSpace(string(text))
}

// plainTables makes what is stored from now on readable to a search for bytes: without
// that, finding nothing would prove nothing.
func (p *program) plainTables() {
	p.t.Helper()
	for table, columns := range map[string][]string{
		"events":           {"event_id String", "event_email String", "event_adb_cdt String", "event_payload JSON(max_dynamic_paths = 128)"},
		"refused_requests": {"body String", "reason String"},
		"field_catalogue":  {"sample String"},

		"import_refused_rows": {"text String", "reason String"},
	} {
		for _, c := range columns {
			p.engineExec("ALTER TABLE " + table + " MODIFY COLUMN " + c + " CODEC(NONE)")
		}
	}
}

// holding returns the files below a folder that hold a text, whatever the case of its letters.
func holding(t testing.TB, folder, text string) (files []string) {
	t.Helper()
	wanted := bytes.ToLower([]byte(text))
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // merges come and go under the walk
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(bytes.ToLower(data), wanted) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func anEvent(id, email, extra string) string {
	return fmt.Sprintf(`{"event_id":%q,"event_timestamp":"2025-12-01T10:00:00Z","event_email":%q%s}`, id, email, extra)
}

func (p *program) mustPost(want int, body string) string {
	p.t.Helper()
	status, text, err := p.post(body)
	if err != nil || status != want {
		p.t.Fatalf("%d %s %v, want %d", status, text, err, want)
	}
	return text
}

// load posts events of other people, and again and again the person's, until stopped.
func (p *program) load(person string) (stop func() (accepted int64)) {
	var wg sync.WaitGroup
	var accepted, failed atomic.Int64
	done := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				others := fmt.Sprintf("[%s,%s]", anEvent(fmt.Sprintf("load-%d-%d", w, i), "other@people.example", ""),
					anEvent(fmt.Sprintf("more-%d-%d", w, i), "someone@people.example", `,"event_payload":{"n":1}`))
				switch status, _, err := p.post(others); {
				case err != nil || status != 201:
					failed.Add(1)
				default:
					accepted.Add(2)
				}
				if _, _, err := p.post("[" + anEvent(fmt.Sprintf("late-%d-%d", w, i), person, "") + "]"); err != nil {
					failed.Add(1)
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() int64 {
		close(done)
		wg.Wait()
		if failed.Load() > 0 {
			p.t.Errorf("%d requests of the load failed", failed.Load())
		}
		return accepted.Load()
	}
}

// TestErase erases a person under load and then looks for the address in every byte of
// the data folder.
func TestErase(t *testing.T) {
	const address = "Ada.Lovelace+news@Example.com"
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	p.plainTables()
	// Two spellings, an id that holds the address, a payload that does.
	p.mustPost(201, "["+anEvent("a1", address, `,"event_adb_cdt":"adb:ada","event_payload":{"mail":"ADA.lovelace+news@example.com","name":"Countess"}`)+","+
		anEvent("a2", "ada.lovelace+NEWS@example.COM", "")+","+anEvent("signup "+strings.ToLower(address), address, "")+"]")
	// An id that was somebody else's first, and one that is somebody else's now.
	p.mustPost(201, "["+anEvent("resent", "charles@people.example", "")+"]")
	p.mustPost(201, "["+anEvent("moved", address, "")+"]")
	p.becomes(10*time.Second, "SELECT count() FROM events", "5")
	p.mustPost(201, "["+anEvent("resent", address, "")+","+anEvent("moved", "charles@people.example", "")+"]")
	// Refused requests: as they are, escaped, compressed.
	p.mustPost(422, "["+anEvent("", address, "")+"]")
	p.mustPost(422, `[{"event_id":"","event_timestamp":"2025-12-01","event_email":"ada\u002elovelace+news\u0040example.com"}]`)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, "["+anEvent("x", strings.ToUpper(address), "")) // cut off
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, encoding := range []string{"gzip", ""} {
		req, err := http.NewRequest(http.MethodPost, p.webhook, bytes.NewReader(packed.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 400 {
			t.Fatalf("%v %v", res, err)
		}
		_ = res.Body.Close()
	}
	p.becomes(10*time.Second, "SELECT count() FROM events WHERE lower(event_email) LIKE 'ada%'", "4")
	waitFor(t, "refused requests", func() bool { return p.engineExec("SELECT count() FROM refused_requests") == "4" })
	waitFor(t, "samples", func() bool {
		return p.engineExec("SELECT count() FROM field_catalogue WHERE sample = 'Countess'") == "1"
	})
	// A file of which one row is taken and one refused, and kept with its text.
	p.importFile(address, "first", "1 accepted, 1 refused")
	if n := p.engineExec("SELECT count() FROM import_refused_rows WHERE positionCaseInsensitive(text, 'lovelace') > 0"); n != "1" {
		t.Errorf("%s refused rows of an import are kept, want 1", n)
	}
	p.becomes(10*time.Second, "SELECT count() FROM events WHERE lower(event_email) LIKE 'ada%'", "5")
	damaged := filepath.Join(data, "spool", "damaged")
	if err := os.MkdirAll(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "0000000000000001-77.bin"), []byte("\x00\x01"+strings.ToUpper(address)+"\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	if files := holding(t, data, address); len(files) < 4 {
		t.Fatalf("before the erasure the address is in %v only: the search would prove nothing", files)
	}
	var dry erasureReceipt
	if status := p.api("DELETE", "/api/v1/people/"+url.PathEscape(address)+"?dry_run=true", nil, &dry); status != 200 || !dry.DryRun || dry.EventsErased != 5 || dry.RefusedRequestsErased != 4 {
		t.Errorf("dry run: %d %+v", status, dry)
	}
	p.becomes(10*time.Second, "SELECT count() FROM events WHERE lower(event_email) LIKE 'ada%'", "5")

	stop := p.load(address)
	time.Sleep(300 * time.Millisecond)
	out, err := command(data, "erase", "--server", p.app, "--yes", "--json", strings.ToUpper(address)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var r erasureReceipt
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if !r.Finished || r.EventsErased < 5 || r.RefusedRequestsErased < 4 || r.Remaining != 0 || r.RequestedBy != "administrator" || len(r.EmailHash) != 64 || r.ErasedAt == nil {
		t.Errorf("receipt: %s", out)
	}
	// At once, with the load still on.
	if files := holding(t, data, address); len(files) > 0 {
		t.Errorf("the address is still in %v", files)
	}
	accepted := stop()
	for _, text := range []string{address, `ada\u002elovelace`, "Countess"} {
		if files := holding(t, data, text); len(files) > 0 {
			t.Errorf("%s is still in %v", text, files)
		}
	}
	if strings.Contains(strings.ToLower(p.log.String()), strings.ToLower(address)) {
		t.Error("the log holds the address")
	}
	// Nobody else's event went, and no older copy came back.
	p.becomes(10*time.Second, "SELECT count(), countIf(event_id = 'moved'), countIf(event_id = 'resent') FROM events", fmt.Sprintf("%d\t1\t0", accepted+1))
	p.refusesErased(address)
	p.importFile(address, "second", "0 accepted, 2 refused")
	if files := holding(t, data, address); len(files) > 0 {
		t.Errorf("refused rows of an import are kept in %v", files)
	}
	p.becomes(time.Second, "SELECT count() FROM events WHERE lower(event_email) LIKE 'ada%'", "0")

	// After a restart the hash alone still knows the person; with flag they may come back.
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	p = serve(t, data)
	p.refusesErased(address)
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	p = serve(t, data, "--erased-people", "flag")
	if text := p.mustPost(201, "["+anEvent("b", address, "")+"]"); !strings.Contains(text, `"code":"erased"`) || strings.Contains(strings.ToLower(text), "lovelace") {
		t.Errorf("flagged: %s", text)
	}
	var list struct{ Data []erasureReceipt }
	if status := p.api("GET", "/api/v1/erasures", nil, &list); status != 200 || len(list.Data) != 1 || list.Data[0].ID != r.ID || list.Data[0].EmailHash != r.EmailHash {
		t.Errorf("%d %+v", status, list)
	}
	// Once more, from the state in which they came back.
	var again erasureReceipt
	if status := p.api("DELETE", "/api/v1/people/"+url.PathEscape(address), nil, &again); status != 200 || again.EventsErased != 1 || again.EmailHash != r.EmailHash {
		t.Errorf("%d %+v", status, again)
	}
	if files := holding(t, data, address); len(files) > 0 {
		t.Errorf("the address is still in %v", files)
	}
}

// importFile imports two events of a person, the second without a time. Some of it is
// refused.
func (p *program) importFile(address, id, says string) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "people.csv")
	text := "event_id,event_timestamp,event_email\n" + id + ",2025-12-01T10:00:00Z," + address + "\n" + id + "-broken,,\"" + strings.ToUpper(address) + "\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	var list apiList
	p.api("GET", "/api/v1/connections", nil, &list)
	if code, out, log := p.tool("import", file, "--connection", list.Data[0].ID, "--yes"); code != 1 || !strings.Contains(out, says) {
		p.t.Errorf("import: exit code %d\n%s%s, want %s", code, out, log, says)
	}
}

// refusesErased checks that events of an erased person are refused with their place,
// that the rest of the request is not stored, and that nothing of the refusal is kept.
func (p *program) refusesErased(address string) {
	p.t.Helper()
	text := p.mustPost(422, "["+anEvent("good", "good@people.example", "")+","+anEvent("back", strings.ToUpper(address), "")+"]")
	if !strings.Contains(text, `"pointer":"/1/event_email"`) || !strings.Contains(text, `"code":"erased"`) || strings.Contains(strings.ToLower(text), "lovelace") {
		p.t.Errorf("refused with %s", text)
	}
	p.mustPost(422, "["+anEvent("", address, "")+"]")
	p.mustPost(400, `{"email":"<`+strings.ToLower(address)+`>"`)
	waitFor(p.t, "the refusals", func() bool {
		return p.engineExec("SELECT count() >= 3 FROM refused_requests WHERE body = '' AND received_at > now() - 20") == "1"
	})
	if files := holding(p.t, p.data, address); len(files) > 0 {
		p.t.Errorf("a refused re-send is kept in %v", files)
	}
}
