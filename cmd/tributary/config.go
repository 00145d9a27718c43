package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// configError is everything that is wrong with a configuration, so that it can
// be put right in one go.
type configError struct{ errs []error }

func (e *configError) Error() string {
	return "the configuration is wrong:\n  - " + strings.Join(texts(e.errs), "\n  - ")
}

func (e *configError) Unwrap() []error { return e.errs }

func texts(errs []error) []string {
	out := make([]string, len(errs))
	for i, e := range errs {
		out[i] = e.Error()
	}
	return out
}

// checker gathers what is wrong.
type checker struct{ errs []error }

func (c *checker) wrong(flag, value, why string) {
	c.errs = append(c.errs, fmt.Errorf("--%s (%s): %q %s", flag, envName(flag), value, why))
}

func (c *checker) err() error {
	if len(c.errs) == 0 {
		return nil
	}
	return &configError{c.errs}
}

func envName(flag string) string {
	return "TRIBUTARY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (c *checker) address(flag, value string) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		c.wrong(flag, value, "is not HOST:PORT, e.g. 127.0.0.1:8080")
		return
	}
	c.port(flag, port)
}

func (c *checker) port(flag, value string) int {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		c.wrong(flag, value, "is not a port between 0 and 65535")
	}
	return int(n)
}

// size reads "512MB", "2GiB", "1000000"; powers of 1024, as engines count memory.
func (c *checker) size(flag, value string) int64 {
	if value == "" {
		return 0
	}
	number, factor := strings.ToUpper(strings.TrimSpace(value)), int64(1)
	for i, unit := range []string{"K", "M", "G", "T"} {
		for _, suffix := range []string{unit + "IB", unit + "B", unit} {
			if rest, ok := strings.CutSuffix(number, suffix); ok {
				number, factor = strings.TrimSpace(rest), int64(1)<<(10*(i+1))
			}
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		c.wrong(flag, value, "is not a size, e.g. 512MB or 8GB")
		return 0
	}
	return n * factor
}

func (c *checker) duration(flag, value string) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		c.wrong(flag, value, "is not a duration, e.g. 500ms, 10s or 24h")
	}
	return d
}

func (c *checker) url(flag, value string) string {
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		c.wrong(flag, value, "is not an address like https://events.example.com")
		return ""
	}
	return strings.TrimRight(value, "/")
}

func (c *checker) oneOf(flag, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.wrong(flag, value, "is not one of "+strings.Join(allowed, ", "))
}

func (c *checker) dsn(flag, value string) *clickhouse.Options {
	if value == "" {
		return nil
	}
	opts, err := clickhouse.ParseDSN(value)
	scheme, _, _ := strings.Cut(value, "://")
	switch {
	case err != nil:
	case !slices.Contains([]string{"http", "https", "clickhouse", "tcp"}, scheme):
		err = errors.New("it begins with none of http://, https://, clickhouse://")
	case len(opts.Addr) == 0 || opts.Addr[0] == "":
		err = errors.New("it names no host")
	}
	if err != nil {
		// The DSN holds a password and is not repeated.
		c.errs = append(c.errs, fmt.Errorf("--%s (%s): not a ClickHouse DSN such as http://user:password@host:8123/tributary (%s)", flag, envName(flag), redactDSN(err, value)))
		return nil
	}
	return opts
}

func redactDSN(err error, dsn string) string {
	return strings.ReplaceAll(err.Error(), dsn, "…")
}
