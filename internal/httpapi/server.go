package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/tributary-events/tributary/internal/problem"
)

// ServerConfig is how patient a server is. The zero value is usable.
type ServerConfig struct {
	HeaderTimeout time.Duration // for a request's header; default 10 s
	// ReadTimeout is for header and body together: 300 kB then need 10 kB/s. It
	// holds for bodies that no handler reads, too. Default 30 s.
	ReadTimeout time.Duration
	// WriteTimeout is for handling and answering, from the end of the header on.
	// What takes longer sets its own deadlines with http.ResponseController, as
	// streams do. Default 60 s.
	WriteTimeout time.Duration
	IdleTimeout  time.Duration // between two requests of a connection; default 2 min
	MaxHeader    int           // bytes of a request's header; default 32 KiB
	Logger       *slog.Logger  // default: slog.Default()
}

func (c *ServerConfig) setDefaults() {
	for _, d := range []struct {
		value     *time.Duration
		byDefault time.Duration
	}{
		{&c.HeaderTimeout, 10 * time.Second},
		{&c.ReadTimeout, 30 * time.Second},
		{&c.WriteTimeout, time.Minute},
		{&c.IdleTimeout, 2 * time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.byDefault
		}
	}
	if c.MaxHeader <= 0 {
		c.MaxHeader = 32 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

// NewServer returns a server of h. Shutdown first ends the live streams of an API,
// then waits for the other requests.
func NewServer(h http.Handler, cfg ServerConfig) *http.Server {
	cfg.setDefaults()
	s := &http.Server{
		Handler: h,
		// net/http lifts the read deadline once a body is read and the write deadline
		// with each answer: neither cuts off a handler that is at work.
		ReadHeaderTimeout: cfg.HeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeader,
		// Senders' broken connections and bad requests: nothing for an operator to do.
		ErrorLog:    slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return problem.WithLogger(context.Background(), cfg.Logger) },
	}
	if streams, ok := h.(interface{ EndStreams() }); ok {
		s.RegisterOnShutdown(streams.EndStreams)
	}
	return s
}

// Listen opens the server's port.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("address %s is taken by another program; choose another with --listen (TRIBUTARY_LISTEN): %w", addr, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("address %s is not allowed to this user; choose a port above 1023 with --listen (TRIBUTARY_LISTEN): %w", addr, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s (--listen, TRIBUTARY_LISTEN): %w", addr, err)
	}
	return l, nil
}

// PublicURL returns the base of webhook URLs: the configured one, checked, or the
// listener's address. It is empty for a listener on all addresses: then each
// request's Host header says how its sender reaches the server.
func PublicURL(configured string, listener net.Addr) (string, error) {
	if configured != "" {
		u, err := url.Parse(configured)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return "", fmt.Errorf("--public-url (TRIBUTARY_PUBLIC_URL) must look like https://events.example.com, not %q", configured)
		}
		return strings.TrimRight(u.String(), "/"), nil
	}
	tcp, ok := listener.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return "", nil
	}
	return "http://" + tcp.String(), nil
}
