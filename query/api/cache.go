package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tributary-events/tributary/query/report"
)

const (
	// cacheFor is how old the data of a saved report may be.
	cacheFor = 10 * time.Second
	// cacheCells bounds what the cache holds.
	cacheEntries = 256
	cacheCells   = 2_000_000
)

// cache keeps the data of saved reports for a moment, so that a wall of dashboards
// asks ClickHouse once.
type cache struct {
	state *cacheState
	group *singleflight.Group
}

type cacheState struct {
	mu      sync.Mutex
	entries map[string]cacheEntry
	cells   int
	epoch   int // grows with every clear
}

type cacheEntry struct {
	result *report.Result
	tag    string
	at     time.Time
	cells  int
}

// Cache holds answers for a moment. It is safe for concurrent use.
type Cache struct{ cache }

// NewCache returns an empty cache for a Config.
func NewCache() *Cache { return &Cache{newCache()} }

// Clear forgets all answers, also those that are being worked out.
func (c *Cache) Clear() { c.clear() }

func newCache() cache {
	return cache{state: &cacheState{entries: map[string]cacheEntry{}}, group: &singleflight.Group{}}
}

// clear forgets everything: a definition has changed.
func (c cache) clear() {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.state.entries, c.state.cells = map[string]cacheEntry{}, 0
	c.state.epoch++
}

// get returns a result and its ETag, from the cache or by asking load; requests for
// the same key that come meanwhile wait for the first one's answer.
func (c cache) get(ctx context.Context, key string, now time.Time, load func(context.Context) (*report.Result, error)) (*report.Result, string, error) {
	c.state.mu.Lock()
	e, ok := c.state.entries[key]
	epoch := c.state.epoch
	c.state.mu.Unlock()
	if ok && now.Sub(e.at) < cacheFor && !now.Before(e.at) {
		return e.result, e.tag, nil
	}
	// The first one may go away while others wait: its context does not end the
	// work, which is bounded by the limits of reports.
	wait := c.group.DoChan(fmt.Sprint(epoch, "\x00", key), func() (any, error) {
		result, err := load(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		e := cacheEntry{result: result, at: now, cells: len(result.Rows) * len(result.Columns)}
		if e.tag, err = tagOf(result); err != nil {
			return nil, err
		}
		c.keep(key, e, epoch)
		return e, nil
	})
	select {
	case <-ctx.Done():
		return nil, "", ctx.Err()
	case done := <-wait:
		if done.Err != nil {
			return nil, "", done.Err
		}
		e, _ := done.Val.(cacheEntry)
		return e.result, e.tag, nil
	}
}

func (c cache) keep(key string, e cacheEntry, epoch int) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	s := c.state
	if s.epoch != epoch {
		return // a definition changed meanwhile
	}
	s.cells -= s.entries[key].cells
	if len(s.entries) >= cacheEntries || s.cells+e.cells > cacheCells {
		s.entries, s.cells = map[string]cacheEntry{}, 0
	}
	s.entries[key] = e
	s.cells += e.cells
}

// tagOf makes an ETag of what a reader sees but for the times of asking.
func tagOf(result *report.Result) (string, error) {
	data, err := json.Marshal(map[string]any{
		"columns": result.Columns, "rows": result.Rows, "totals": result.Totals, "misfits": result.Meta.Misfits, "truncated": result.Meta.Truncated,
	})
	if err != nil {
		return "", fmt.Errorf("encode report: %w", err)
	}
	sum := sha256.Sum256(data)
	// Weak: the same data comes in three formats.
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`, nil
}

// matches implements If-None-Match (RFC 9110 section 13.1.2), compared weakly.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
