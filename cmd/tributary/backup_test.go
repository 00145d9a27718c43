package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sums is a table's content in one line: how many rows, and a checksum of all of every
// row, payloads and versions included. FINAL, or a merge between two looks would count.
func (p *program) sums(table string) string {
	p.t.Helper()
	if table != "schema_migrations" { // which replaces nothing
		table += " FINAL"
	}
	return p.engineExec("SELECT count(), sum(cityHash64(toJSONString(tuple(*)))) FROM " + table)
}

// TestBackup takes a backup under load, restores it into an empty folder, and compares
// every table by counts and checksums.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	p := serve(t, data)
	for i := range 50 {
		p.mustPost(201, fmt.Sprintf(`[{"event_id":"e%d","event_timestamp":"2025-12-%02d","event_email":"u%d@people.example","event_payload":{"n":%d,"a.b":{"c":[1,"x",null]},"big":18446744073709551615}}]`, i%40, 1+i%28, i, i))
	}
	p.mustPost(201, "["+anEvent("erased", "erased@people.example", "")+"]")
	p.mustPost(400, `{"not": "an array"`)
	p.becomes(10*time.Second, "SELECT count() FROM events", "41")
	if status := p.api("DELETE", "/api/v1/people/"+url.PathEscape("erased@people.example"), nil, nil); status != 200 {
		t.Fatal(status)
	}
	for path, body := range map[string]any{
		"/api/v1/fields/n":         map[string]any{"path": "n", "type": "number"},
		"/api/v1/dashboards/board": map[string]any{"name": "Board", "panels": []any{}},
	} {
		if status := p.api("PUT", path, body, nil); status != 200 && status != 201 {
			t.Fatalf("%s: %d", path, status)
		}
	}
	var key struct{ Key string }
	if status := p.api("POST", "/api/v1/keys", map[string]any{"name": "k", "role": "analyst"}, &key); status != 201 {
		t.Fatal(status)
	}
	waitFor(t, "the refused request", func() bool { return p.engineExec("SELECT count() FROM refused_requests") == "1" })
	waitFor(t, "the catalogue", func() bool { return p.engineExec("SELECT count() > 0 FROM field_catalogue") == "1" })

	// Under load it succeeds and leaves nothing behind.
	stop := p.load("late@people.example")
	loaded := filepath.Join(dir, "loaded.tar")
	if out, err := command(data, "backup", "--server", p.app, loaded).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	stop()
	if left, err := os.ReadDir(filepath.Join(data, "backups")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	// Counts are written in the background for a while: the backup to compare is one
	// around which nothing changed.
	archive := filepath.Join(dir, "backup.tar")
	tables := strings.Fields(p.engineExec("SELECT name FROM system.tables WHERE database = 'tributary' AND engine LIKE '%MergeTree'"))
	content := func() map[string]string {
		sums := map[string]string{}
		for _, table := range tables {
			sums[table] = p.sums(table)
		}
		return sums
	}
	var want map[string]string
	waitFor(t, "a rest", func() bool {
		before := content()
		_ = os.Remove(archive) // of the try before
		if out, err := command(data, "backup", "--server", p.app, archive).CombinedOutput(); err != nil || !strings.Contains(string(out), archive) {
			t.Fatalf("%v %s", err, out)
		}
		want = content()
		return maps.Equal(before, want)
	})
	if len(tables) < 10 {
		t.Fatalf("%v", tables)
	}
	list := p.engineExec("SELECT id, name, token FROM connections FINAL")
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}

	restored := filepath.Join(dir, "restored")
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[3*512] ^= 1 // behind the manifest with its header, and the next header
	for name, damaged := range map[string][]byte{"cut off": whole[:len(whole)*2/3], "changed": flipped, "empty": nil} {
		file := filepath.Join(dir, "damaged.tar")
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := command(restored, "restore", file).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "damaged or cut off") {
			t.Errorf("an archive that is %s: %v %s", name, err, out)
		}
	}
	out, err := command(restored, "restore", "--embedded-memory", "2GB", archive).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "restored the backup") {
		t.Fatalf("%v %s", err, out)
	}
	if out, err := command(restored, "restore", archive).CombinedOutput(); err == nil || !strings.Contains(string(out), "in use") {
		t.Errorf("over data: %v %s", err, out)
	}
	webhook, admin := p.webhook, p.key
	p = serve(t, restored)
	for _, table := range tables {
		if got := p.sums(table); got != want[table] {
			t.Errorf("%s: %s, want %s", table, got, want[table])
		}
	}
	if got := p.engineExec("SELECT id, name, token FROM connections FINAL"); got != list {
		t.Errorf("connections %s, want %s", got, list)
	}
	// It works: the old webhook URL, API key, erasure and definitions; exactly once goes on.
	if p.key == admin {
		t.Error("the administrator's key came with the backup")
	}
	p.webhook = p.app + webhook[strings.Index(webhook, "/collector/"):]
	p.mustPost(422, "["+anEvent("back", "erased@people.example", "")+"]")
	p.mustPost(201, "["+anEvent("e0", "u@people.example", "")+"]")
	p.becomes(10*time.Second, "SELECT count(), any(event_email) FROM events WHERE event_id = 'e0'", "1\tu@people.example")
	var me struct{ Role string }
	p.key = key.Key
	if status := p.api("GET", "/api/v1/me", nil, &me); status != 200 || me.Role != "analyst" {
		t.Errorf("%d %+v", status, me)
	}
	var report struct{ Rows [][]any }
	status := p.api("POST", "/api/v1/reports/query", map[string]any{"metrics": []string{"sum(n)"}, "time": map[string]any{"from": "2025-01-01", "to": "2026-01-01"}}, &report)
	if status != 200 || len(report.Rows) != 1 {
		t.Errorf("%d %+v", status, report)
	}
	if status := p.api("GET", "/api/v1/dashboards/board", nil, nil); status != 200 {
		t.Error(status)
	}
}
