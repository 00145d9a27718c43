package collector_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tributary-events/tributary/collector"
	"github.com/tributary-events/tributary/connection"
)

// TestExactlyOnceUnderFaults holds the collector against a plain model: writers
// send and re-send their own ids, in random batches, until each is acknowledged,
// while inserts fail, answers get lost, the disk stops syncing and the collector is
// restarted without a chance to flush. In the end the store holds, for every id,
// the copy that was acknowledged last, and nothing else.
func TestExactlyOnceUnderFaults(t *testing.T) {
	const writers, restarts = 6, 4
	store, dir, d := newMemory(), t.TempDir(), &disk{}
	store.breaks(func(*memoryBlock) (error, bool) {
		switch rand.N(5) {
		case 0:
			return errNetwork, true
		case 1:
			return errNetwork, false
		default:
			return nil, false
		}
	})
	model := make([]map[string]string, writers) // id → payload, of each writer
	for w := range writers {
		model[w] = map[string]string{}
	}
	accepted := uint64(0)
	for run := range restarts {
		registry := tokens{connection.NewRegistry()}
		flush := time.Millisecond
		if run == restarts-1 {
			flush = 10 * time.Second
		}
		c := startFor(t, collector.Config{
			Store: store, SpoolDir: dir, Registry: registry, Disk: d, BackOff: time.Millisecond, Linger: time.Millisecond,
		}, flush)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() { write(t, c.url, w, model[w]) })
		}
		for range 10 {
			d.fail(syscall.EIO)
			time.Sleep(time.Millisecond)
			d.fail(nil)
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		if run == restarts-1 {
			store.breaks(nil)
			c.settled()
		}
		accepted = registry.Target(crm).Stats().EventsReceived
		c.stop()
	}
	rows := store.snapshot()
	total := 0
	for w := range writers {
		total += len(model[w])
		for id, payload := range model[w] {
			if got := rows[key{crm, id}].payload; got != payload {
				t.Errorf("%s is %s in the store, %s was acknowledged last", id, got, payload)
			}
		}
	}
	if len(rows) != total {
		t.Errorf("%d events in the store, %d were acknowledged", len(rows), total)
	}
	if want := uint64(writers * restarts * requestsPerRun * eventsPerRequest); accepted != want {
		t.Errorf("%d events counted over all restarts, %d were acknowledged", accepted, want)
	}
}

const (
	requestsPerRun   = 40
	eventsPerRequest = 3
)

func write(t *testing.T, url string, w int, model map[string]string) {
	for range requestsPerRun {
		var events []string
		latest := map[string]string{}
		for range eventsPerRequest {
			id := fmt.Sprintf("w%d-%d", w, rand.N(60))
			payload := fmt.Sprintf(`{"v":%d}`, rand.Int64())
			latest[id] = payload
			events = append(events, strings.Trim(one(id, payload), "[]"))
		}
		body := "[" + strings.Join(events, ",") + "]"
		for try := 0; ; try++ {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
			if err != nil {
				cancel()
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				cancel()
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body) // only the status counts
			_ = res.Body.Close()
			cancel()
			if res.StatusCode == http.StatusCreated {
				break
			}
			if res.StatusCode != http.StatusServiceUnavailable || try > 1000 {
				t.Errorf("answered %d at try %d", res.StatusCode, try)
				return
			}
			time.Sleep(time.Millisecond)
		}
		for id, payload := range latest {
			model[id] = payload
		}
	}
}
