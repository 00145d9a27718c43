package apiclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Stream sends a body of any length and returns the answer as soon as its header is
// there, perhaps before the body is sent; the caller closes its body. The request has no
// time limit but ctx. An answer of status 400 or above is a *Problem.
func (c *Client) Stream(ctx context.Context, method, path string, body io.Reader, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, req.URL.Host, err)
	}
	if res.StatusCode < 400 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }() // read as far as it is of use
	return nil, problemOf(res)
}
