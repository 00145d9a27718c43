// Package apiclient is the command line's way to the admin API: JSON in, JSON
// out, problem documents as errors. It owns no state but its address and key.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client talks to one Tributary server. It is safe for concurrent use.
type Client struct {
	base string
	key  string
	http *http.Client
}

// New returns a client of the server at base, e.g. "http://127.0.0.1:8080", with an API key.
func New(base, key string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), key: key, http: &http.Client{Timeout: time.Minute}}
}

// Patient returns a client of the same server that waits as long as its context lets
// it, for what takes the server minutes.
func (c *Client) Patient() *Client {
	patient := *c
	patient.http = &http.Client{Transport: c.http.Transport}
	return &patient
}

// Problem is an answer that is not a success (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Index   *int   `json:"index"`
		Field   string `json:"field"`
		Pointer string `json:"pointer"`
		Message string `json:"message"`
	} `json:"errors"`
	RetryAfter string `json:"-"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" && p.Detail != p.Title {
		fmt.Fprintf(&b, ": %s", p.Detail)
	}
	for _, e := range p.Errors {
		where := e.Pointer
		if where == "" {
			where = e.Field
		}
		fmt.Fprintf(&b, "\n  %s: %s", where, e.Message)
	}
	return b.String()
}

// ErrUnreachable says that no server answered.
var ErrUnreachable = errors.New("no Tributary server answers")

// Do sends in as JSON, if it is not nil, and decodes a successful answer into
// out, if that is not nil. An answer of status 400 or above is a *Problem.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	return Send(c.http, req, out)
}

// Download sends a request without a body and copies a successful answer to w. It
// returns how many bytes that were; an answer that was cut off is an error.
func (c *Client) Download(ctx context.Context, method, path string, w io.Writer) (int64, error) {
	res, err := c.Stream(ctx, method, path, nil, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	n, err := io.Copy(w, res.Body)
	if err != nil {
		return n, fmt.Errorf("read answer: %w", err)
	}
	return n, nil
}

// Send sends a request and decodes the answer as Do does.
func Send(client *http.Client, req *http.Request, out any) error {
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, req.URL.Host, err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	if res.StatusCode >= 400 {
		return problemOf(res)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// problemOf reads an answer that is not a success.
func problemOf(res *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	p := &Problem{}
	if json.Unmarshal(data, p) != nil || p.Title == "" {
		p = &Problem{Title: http.StatusText(res.StatusCode), Detail: strings.TrimSpace(string(data[:min(len(data), 500)]))}
	}
	p.Status, p.RetryAfter = res.StatusCode, res.Header.Get("Retry-After")
	return p
}
