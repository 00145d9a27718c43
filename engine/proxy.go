package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxURL        = 32 << 10 // long statements belong in the body
	maxHeaders    = 32 << 10 // all headers together, beside the URL
	maxBody       = 16 << 20 // a statement, or tables sent along with it
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	// stallTimeout ends a connection whose client takes nothing for so long; a
	// result may last as long as the engine allows.
	stallTimeout = 2 * time.Minute
	// engineConnections bounds what the engine has to serve at once; further
	// requests wait.
	engineConnections = 64
)

// Proxy is the door for SQL clients: ClickHouse's HTTP interface on loopback, for
// the analyst alone. The engine's own listener aborts on malformed requests, so
// nothing a client sends reaches it as sent: every request is parsed, checked
// and written anew with known headers only.
type Proxy struct {
	server   *http.Server
	listener net.Listener
	forward  *httputil.ReverseProxy
	idle     func()
	auth     authenticator
	ready    func() bool
	log      *slog.Logger
	served   chan struct{}
}

// StartProxy serves the engine's SQL clients at the loopback address, say
// "127.0.0.1:8123", until Close.
func StartProxy(e *Engine, address string) (*Proxy, error) {
	ready := func() bool { return e.State().Phase == Running }
	return startProxy(address, e.Addr(), e.analyst, ready, e.cfg.Log)
}

func startProxy(address, engine, password string, ready func() bool, log *slog.Logger) (*Proxy, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: choose another port for SQL clients with --embedded-http-port, 0 for none: %w",
			address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for SQL clients (--embedded-http-port): %w", err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("listen for SQL clients: %s is not a loopback address", address)
	}
	transport := &http.Transport{
		DialContext:        (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		DisableCompression: true, // what the client and the engine agree on passes
		MaxConnsPerHost:    engineConnections,
		IdleConnTimeout:    20 * time.Second, // less than the engine's
	}
	p := &Proxy{
		listener: listener, auth: newAuthenticator(AnalystUser, password), ready: ready, log: log,
		idle: transport.CloseIdleConnections, served: make(chan struct{}),
	}
	quiet := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	p.forward = &httputil.ReverseProxy{
		Rewrite:        rewriteTo(engine, basicAuth(AnalystUser, password)),
		Transport:      transport,
		FlushInterval:  -1, // progress and rows as they come
		ModifyResponse: cleanResponse,
		ErrorHandler:   p.engineFailed,
		ErrorLog:       quiet,
	}
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    maxURL + maxHeaders,
		ErrorLog:          quiet,
	}
	go func() {
		defer close(p.served)
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("SQL clients can no longer connect", "reason", err)
		}
	}()
	return p, nil
}

// Addr is the address that SQL clients use.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close stops accepting, lets running requests end until ctx does, then cuts
// them off, which ends their queries. The error is ctx's.
func (p *Proxy) Close(ctx context.Context) error {
	err := p.server.Shutdown(ctx)
	if err != nil {
		_ = p.server.Close()
	}
	p.idle()
	<-p.served
	return err
}

// ServeHTTP answers one client.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if refusal := refuse(r); refusal != nil {
		refusal.write(w)
		return
	}
	if r.URL.Path == "/ping" || (r.URL.RawQuery == "" && r.Method != http.MethodPost) {
		p.ping(w)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		(&refusal{http.StatusBadRequest, codeBadArguments, "the query string is malformed"}).write(w)
		return
	}
	if refusal := p.auth.check(r.Header, query); refusal != nil {
		refusal.write(w)
		return
	}
	if !p.ready() {
		engineDown.write(w)
		return
	}
	for _, name := range credentialParams {
		delete(query, name)
	}
	// Written anew: well-formed, whatever the client's own encoding was.
	r.URL.RawQuery = query.Encode()
	control := http.NewResponseController(w)
	if r.Body != http.NoBody {
		_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
		// Otherwise net/http swallows what is left of a body when the answer begins.
		_ = control.EnableFullDuplex()
		body := &timedBody{ReadCloser: http.MaxBytesReader(w, r.Body, maxBody), control: control}
		r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
		r.Body = body
	}
	p.forward.ServeHTTP(&timedWriter{ResponseWriter: w, control: control}, r)
}

func (p *Proxy) ping(w http.ResponseWriter) {
	if !p.ready() {
		engineDown.write(w)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = io.WriteString(w, "Ok.\n")
}

// engineFailed answers when no answer of the engine's is there to pass on. What
// went wrong with the client's own body is the client's fault.
func (p *Proxy) engineFailed(w http.ResponseWriter, r *http.Request, err error) {
	if body, ok := r.Context().Value(bodyKey{}).(*timedBody); ok {
		if failed := body.failure(); failed != nil {
			err = failed
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				(&refusal{http.StatusRequestEntityTooLarge, codeBadArguments, fmt.Sprintf("the request is larger than %d MiB", maxBody>>20)}).write(w)
				return
			}
			if r.Context().Err() == nil {
				(&refusal{http.StatusBadRequest, codeBadArguments, "the request's body is cut off or malformed"}).write(w)
				return
			}
		}
	}
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has gone: hang up, rather than make up a status
	}
	p.log.Warn("engine gave a SQL client no answer", "reason", err)
	engineDown.write(w)
}

// What passes from client to engine, and back. Everything else stays here:
// credentials, cookies, whatever a page in a browser can set.
var (
	requestHeaders  = []string{"Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "User-Agent", "X-ClickHouse-Database", "X-ClickHouse-Format"}
	responseHeaders = []string{"Content-Type", "Content-Encoding", "Content-Length", "Date", "Retry-After"}
)

// maxHeaderValue bounds each header passed on; longer ones are left out.
const maxHeaderValue = 1024

func rewriteTo(engine, authorization string) func(*httputil.ProxyRequest) {
	return func(r *httputil.ProxyRequest) {
		out := http.Header{"Authorization": {authorization}}
		// Absent, net/http would name itself.
		out.Set("User-Agent", "")
		for _, name := range requestHeaders {
			if v := r.In.Header.Get(name); v != "" && len(v) <= maxHeaderValue {
				out.Set(name, v)
			}
		}
		r.Out.Header = out
		r.Out.URL = &url.URL{Scheme: "http", Host: engine, Path: "/", RawQuery: r.In.URL.RawQuery}
		r.Out.Host = engine
		r.Out.Trailer = nil
	}
}

func cleanResponse(res *http.Response) error {
	kept := http.Header{}
	for _, name := range responseHeaders {
		if v := res.Header.Values(name); len(v) > 0 {
			kept[name] = v
		}
	}
	for name, v := range res.Header {
		if strings.HasPrefix(name, "X-Clickhouse-") { // the canonical spelling
			kept[name] = v
		}
	}
	res.Header = kept
	return nil
}

// bodyKey finds a request's timedBody in its context.
type bodyKey struct{}

// timedBody lifts the read deadline when the body has been read. Left standing it
// would pass for the client's going away in the middle of a long result. It
// remembers why it could not be read.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController

	mu  sync.Mutex // the transport reads in a goroutine of its own
	err error
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.err == nil {
			b.err = err
		}
	}
	return n, err
}

// failure returns what ended the body, nil when that was its end.
func (b *timedBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(b.err, io.EOF) || errors.Is(b.err, http.ErrBodyReadAfterClose) {
		return nil
	}
	return b.err
}

// timedWriter gives the client time anew for every piece of the result.
type timedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (w *timedWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
