package main

import (
	"bufio"
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/apiclient"
)

// sendCommand posts events as the help page advises a producer to: in batches,
// and again with exponential back-off and jitter until they are acknowledged.
type sendCommand struct {
	URL     string `arg:"" help:"The connection's webhook URL."`
	File    string `arg:"" optional:"" help:"JSON array or NDJSON of events; '-' reads standard input. Without it one test event is sent."`
	Retries int    `help:"How often a failed request is tried again." default:"8"`
	Email   string `help:"event_email of the test event." default:"test@example.com"`
}

func (cmd *sendCommand) Run(ctx context.Context, t *terminal) error {
	var c checker
	address := c.url("url", cmd.URL)
	if err := c.err(); err != nil {
		return err
	}
	s := sender{url: address, retries: cmd.Retries, log: t.Err, client: &http.Client{Timeout: 30 * time.Second}}
	if cmd.File == "" {
		body, err := testEvent(cmd.Email, time.Now())
		if err != nil {
			return err
		}
		if err := s.post(ctx, body); err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "sent 1 test event\n")
		return nil
	}
	in := t.In
	if cmd.File != "-" {
		f, err := os.Open(cmd.File)
		if err != nil {
			return fmt.Errorf("open events: %w", err)
		}
		defer func() { _ = f.Close() }() // opened for reading
		in = f
	}
	sent, err := s.stream(ctx, in)
	fmt.Fprintf(t.Out, "sent %d events in %d requests\n", sent, s.requests)
	return err
}

func testEvent(email string, now time.Time) ([]byte, error) {
	return json.Marshal([]map[string]any{{
		"event_id":        "test_" + crand.Text(),
		"event_timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"),
		"event_email":     email,
		"event_payload":   map[string]any{"revenue": 99.99, "currency": "EUR", "product_name": "Premium Plan", "test": true},
	}})
}

// sender posts bodies and remembers how many it took.
type sender struct {
	url      string
	retries  int
	requests int
	log      io.Writer
	client   *http.Client
	wait     func(ctx context.Context, d time.Duration) error // nil = really wait
}

// stream reads a JSON array or NDJSON and posts it in requests that keep the size limit.
func (s *sender) stream(ctx context.Context, in io.Reader) (sent int, err error) {
	r := bufio.NewReaderSize(in, 1<<20)
	dec := json.NewDecoder(r)
	inArray := false
	if first, err := firstByte(r); err != nil {
		return 0, err
	} else if first == '[' {
		if _, err := dec.Token(); err != nil {
			return 0, fmt.Errorf("read events: %w", err)
		}
		inArray = true
	}
	body, n := []byte{'['}, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := s.post(ctx, append(body, ']')); err != nil {
			return fmt.Errorf("after %d events were acknowledged: %w", sent, err)
		}
		sent += n
		body, n = body[:1], 0
		return nil
	}
	for {
		var one json.RawMessage
		if inArray && !dec.More() {
			break
		}
		if err := dec.Decode(&one); errors.Is(err, io.EOF) && !inArray {
			break
		} else if err != nil {
			return sent, fmt.Errorf("read event %d: %w", sent+n+1, err)
		}
		one = bytes.TrimSpace(one)
		if n > 0 && len(body)+1+len(one)+1 > event.MaxBody {
			if err := flush(); err != nil {
				return sent, err
			}
		}
		if n > 0 {
			body = append(body, ',')
		}
		body, n = append(body, one...), n+1
	}
	return sent, flush()
}

func firstByte(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, errors.New("no events: the input is empty")
		}
		if err != nil {
			return 0, fmt.Errorf("read events: %w", err)
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b, r.UnreadByte()
		}
	}
}

const (
	firstWait = 500 * time.Millisecond
	mostWait  = 60 * time.Second
)

// post sends one body until it is acknowledged. Network errors, 408, 429 and 5xx
// are tried again with exponential back-off and full jitter; Retry-After is the
// least wait. Other answers are the events' fault and end it: sending them again
// unchanged would fail again. Repeating is safe, since events are deduplicated by id.
func (s *sender) post(ctx context.Context, body []byte) error {
	limit := firstWait
	for attempt := 0; ; attempt++ {
		s.requests++
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("make request: %w", err)
		}
		req.Header.Set("Content-Type", "application/json")
		var answer struct {
			Warnings []event.Warning `json:"warnings"`
		}
		err = apiclient.Send(s.client, req, &answer)
		if err == nil {
			for _, w := range answer.Warnings {
				fmt.Fprintf(s.log, "warning: %s: %s\n", w.Pointer, w.Message)
			}
			return nil
		}
		problem, answered := errors.AsType[*apiclient.Problem](err)
		if answered && problem.Status < 500 && problem.Status != http.StatusRequestTimeout && problem.Status != http.StatusTooManyRequests {
			return err
		}
		if attempt >= s.retries || ctx.Err() != nil {
			return err
		}
		wait := time.Duration(rand.Int64N(int64(limit)))
		if answered {
			if seconds, e := strconv.Atoi(strings.TrimSpace(problem.RetryAfter)); e == nil {
				wait = max(wait, min(time.Duration(seconds)*time.Second, mostWait))
			}
		}
		limit = min(2*limit, mostWait)
		fmt.Fprintf(s.log, "%v\ntrying again in %s (%d of %d)\n", err, wait.Round(time.Millisecond), attempt+1, s.retries)
		if err := s.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (s *sender) sleep(ctx context.Context, d time.Duration) error {
	if s.wait != nil {
		return s.wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
