package collector

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/event"
)

// request is everything that one POST needs, kept together so that one pool
// saves all allocations. The handler and the shipper both use it; the last one
// to release it gives it back.
type request struct {
	body     []byte
	decoder  *event.Decoder
	batch    *event.Batch
	target   *connection.Target
	record   record
	header   [recordHeader]byte
	parts    [2][]byte
	done     chan error // what became of it: nil once it is durable
	users    atomic.Int32
	pool     *requestPool
	inflator *gzip.Reader
	capped   cappedReader
}

// Requests whose body grew beyond keepBody are not kept: the few largest ones must
// not decide how much memory all pooled ones hold.
const (
	firstRead = 4 << 10
	keepBody  = 64 << 10
)

type requestPool struct{ pool sync.Pool }

func newRequestPool(newDecoder func() *event.Decoder) *requestPool {
	p := &requestPool{}
	p.pool.New = func() any {
		return &request{
			body:    make([]byte, 0, firstRead),
			decoder: newDecoder(),
			done:    make(chan error, 1),
			pool:    p,
		}
	}
	return p
}

func (p *requestPool) get() *request {
	r := p.pool.Get().(*request)
	r.users.Store(1)
	return r
}

func (r *request) release() {
	if r.users.Add(-1) > 0 {
		return
	}
	if cap(r.body) > keepBody {
		return
	}
	r.body, r.batch, r.target = r.body[:0], nil, nil
	r.pool.pool.Put(r)
}

// errTooLarge says that a body is larger than event.MaxBody.
var errTooLarge = errors.New("body is too large")

// gzipError marks what is wrong with a compressed body as the sender's fault.
type gzipError struct{ cause error }

func (e *gzipError) Error() string { return "invalid gzip: " + e.cause.Error() }
func (e *gzipError) Unwrap() error { return e.cause }

// read reads the whole body of at most event.MaxBody bytes into r.body. It
// grows the buffer as bytes arrive: what a sender declares costs nothing until it is sent.
func (r *request) read(hr *http.Request, compressed bool) error {
	if !compressed {
		if hr.ContentLength > event.MaxBody {
			return errTooLarge
		}
		return r.readAll(hr.Body)
	}
	// Deflate can grow incompressible data by 5 bytes in 16 kB and gzip adds 18;
	// beyond that a body cannot decompress to something within the limit, save by
	// padding that has no use but to keep us busy.
	const maxCompressed = event.MaxBody + event.MaxBody/1024 + 1024
	if hr.ContentLength > maxCompressed {
		return errTooLarge
	}
	r.capped = cappedReader{src: hr.Body, left: maxCompressed}
	if err := r.inflate(); err != nil {
		switch {
		case errors.Is(err, errTooLarge), r.capped.err != nil:
			return errors.Join(r.capped.err, err)
		default:
			return &gzipError{err}
		}
	}
	return nil
}

func (r *request) inflate() error {
	if r.inflator == nil {
		z, err := gzip.NewReader(&r.capped)
		if err != nil {
			return err
		}
		r.inflator = z
	} else if err := r.inflator.Reset(&r.capped); err != nil {
		return err
	}
	return r.readAll(r.inflator)
}

func (r *request) readAll(src io.Reader) error {
	b := r.body[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, make([]byte, min(len(b)+firstRead, event.MaxBody+1-len(b)))...)[:len(b)]
		}
		n, err := src.Read(b[len(b):min(cap(b), event.MaxBody+1)])
		b = b[:len(b)+n]
		r.body = b
		switch {
		case len(b) > event.MaxBody:
			return errTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// cappedReader fails with errTooLarge behind its limit and remembers an error of
// its source, so that a connection that breaks is not taken for bad gzip.
type cappedReader struct {
	src  io.Reader
	left int
	err  error
}

func (c *cappedReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.src.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// encoding tells whether the body is compressed; ok is false for an encoding that is not spoken.
func encoding(h http.Header) (compressed, ok bool) {
	switch v := h.Get("Content-Encoding"); {
	case v == "", strings.EqualFold(v, "identity"):
		return false, true
	case strings.EqualFold(v, "gzip"), strings.EqualFold(v, "x-gzip"):
		return true, len(h.Values("Content-Encoding")) == 1
	default:
		return false, false
	}
}

// isJSON tells whether a Content-Type is application/json; parameters and case do not count.
func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/json")
}

func appendReceived(dst []byte, n int) []byte {
	return append(strconv.AppendInt(append(dst, `{"received":`...), int64(n), 10), '}')
}
