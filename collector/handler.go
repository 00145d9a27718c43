package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/feed"
	"github.com/tributary-events/tributary/internal/problem"
)

// ServeWebhook answers POST /collector/webhook_event/{token}: all of CONTRACT
// section 2. The token is passed in so that no router is needed to know where it
// stands in the path.
func (c *Collector) ServeWebhook(w http.ResponseWriter, hr *http.Request, token string) {
	started := c.cfg.Now()
	target, err := c.target(token, started)
	if err != nil {
		c.fail(w, hr, err)
		return
	}
	r := c.pool.get()
	defer r.release()
	r.target = target
	if err := c.receive(w, hr, r); err != nil {
		c.refuse(w, hr, r, started, err)
		return
	}
	warnings, err := c.accept(hr.Context(), r)
	if err != nil {
		c.refuse(w, hr, r, started, err)
		return
	}
	c.answer(w, len(r.batch.Events), warnings)
}

// target finds the connection; the two ways to fail it are a 404 that is the
// same for every token that does not work, and a 403.
func (c *Collector) target(token string, now time.Time) (*connection.Target, error) {
	target, ok := c.cfg.Registry.Lookup(token, now)
	switch {
	case ok && target.Paused():
		return nil, problem.New(problem.Paused, "This connection is paused and takes no events until it is resumed. Nothing was stored.")
	case ok:
		return target, nil
	case !c.cfg.Registry.Ready():
		return nil, problem.New(problem.Unavailable, "The server is starting and does not know its connections yet.").RetryAfter(retrySeconds)
	default:
		return nil, problem.New(problem.UnknownToken, "No connection has this webhook URL.")
	}
}

// retrySeconds is the Retry-After of a 503: long enough for a full disk to be
// noticed, short enough for an engine's restart.
const retrySeconds = 5

// receive reads the body into r.
func (c *Collector) receive(w http.ResponseWriter, hr *http.Request, r *request) error {
	if !isJSON(hr.Header.Get("Content-Type")) {
		return problem.New(problem.UnsupportedMedia, "The content type is %q; send Content-Type: application/json.", hr.Header.Get("Content-Type"))
	}
	compressed, ok := encoding(hr.Header)
	if !ok {
		return problem.New(problem.UnsupportedEncoding, "The content encoding is %q; send gzip or none.", hr.Header.Get("Content-Encoding"))
	}
	// Only the body has a deadline of its own: the same server also streams
	// answers that last for hours. An error means that w is not a connection.
	_ = http.NewResponseController(w).SetReadDeadline(c.cfg.Now().Add(c.cfg.BodyTimeout))
	err := r.read(hr, compressed)
	if err == nil {
		return nil
	}
	if errors.Is(err, errTooLarge) {
		if len(r.body) == 0 && hr.Header.Get("Expect") == "" {
			r.keepStart(hr.Body)
		}
		// The rest of the body stays unread, so this connection can't be used again.
		return problem.Wrap(err, problem.TooLarge, "The body is larger than 300 kB (307,200 bytes after decompression). Send fewer events at once.").With("Connection", "close")
	}
	if e, ok := errors.AsType[*gzipError](err); ok {
		return problem.Wrap(err, problem.MalformedBody, "The body is not valid gzip: %v.", e.cause).With("Connection", "close")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.Wrap(err, problem.Timeout, "The body did not arrive within %s.", c.cfg.BodyTimeout).With("Connection", "close")
	}
	return problem.Wrap(err, problem.MalformedBody, "The body is shorter than its Content-Length, or the connection broke.").With("Connection", "close")
}

// keepStart reads what will be kept of a body that is declared too large.
func (r *request) keepStart(body io.Reader) {
	buf := make([]byte, MaxKeptBody)
	n, _ := io.ReadFull(body, buf) // whatever has arrived will do
	r.body = append(r.body[:0], buf[:n]...)
}

// accept checks the body in r and stores its events durably.
func (c *Collector) accept(ctx context.Context, r *request) ([]event.Warning, error) {
	allow := r.target.AllowAnonymous()
	batch, err := r.decoder.Decode(r.body, event.Options{AllowAnonymous: allow})
	if err != nil {
		return nil, decodeProblem(err)
	}
	r.batch = batch
	c.accepting.RLock()
	defer c.accepting.RUnlock()
	if err := c.checkErased(batch); err != nil {
		return nil, err
	}
	r.record = record{connection: r.target.ID(), events: len(batch.Events), allowAnonymous: allow, body: r.body}
	if len(batch.Events) == 0 {
		return nil, nil
	}
	// The committer logs why, once, not for every request that it has to turn away.
	if err := c.committer.commit(ctx, r); err != nil {
		return nil, problem.New(problem.CannotStore, "Events cannot be stored durably now. Nothing of this request counts as stored: send it again.").RetryAfter(retrySeconds)
	}
	c.metrics.events.Add(float64(len(batch.Events)))
	c.metrics.bytes.Add(float64(len(r.body)))
	c.observe(r)
	return batch.Warnings, nil
}

// observe tells those who watch.
func (c *Collector) observe(r *request) {
	x := Accepted{
		ID: uuid.New(), At: time.UnixMicro(r.record.receivedAt).UTC(),
		Events: len(r.batch.Events), Bytes: len(r.body), Warnings: len(r.batch.Warnings),
	}
	id := r.target.ID()
	c.activity.accepted(id, x)
	if !c.activity.watched(id) {
		return
	}
	c.activity.publish(id, requestMessage(x.view()))
	for i := range r.batch.Events {
		c.activity.publish(id, feed.Message{Kind: feed.KindEvent, Data: appendLive(nil, r.batch, i, r.record.receivedAt+int64(i))})
	}
}

func decodeProblem(err error) error {
	if e, ok := errors.AsType[*event.SyntaxError](err); ok {
		p := problem.New(problem.MalformedBody, "%s.", e.Error())
		p.Extensions = map[string]any{"line": e.Line, "column": e.Column, "offset": e.Offset}
		return p
	}
	if e, ok := errors.AsType[*event.InvalidError](err); ok {
		p := problem.New(problem.InvalidEvents, "%s. Nothing of the request was stored.", e.Error())
		p.Errors = e.Errors
		return p
	}
	return err
}

func (c *Collector) answer(w http.ResponseWriter, n int, warnings []event.Warning) {
	var buf [64]byte
	body := appendReceived(buf[:0], n)
	if len(warnings) > 0 {
		body = append(body[:len(body)-1], `,"warnings":`...)
		list, err := json.Marshal(warnings)
		if err != nil {
			list = []byte("[]") // strings and ints always encode
		}
		body = append(append(body, list...), '}')
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body) // the events are stored whether the answer arrives or not
	c.metrics.byStatus[http.StatusCreated].Inc()
}

// jsonType is shared by all answers and read only; a header made anew costs an allocation each time.
var jsonType = []string{"application/json"}

func (c *Collector) fail(w http.ResponseWriter, hr *http.Request, err error) {
	status := problem.From(err).Status()
	if m, ok := c.metrics.byStatus[status]; ok {
		m.Inc()
	} else {
		c.metrics.requests.WithLabelValues(itoa(status)).Inc()
	}
	problem.Write(w, hr, err)
}

// refuse answers with a problem and keeps the request for the operator if the
// sender can mend it: 400, 413 and 422.
func (c *Collector) refuse(w http.ResponseWriter, hr *http.Request, r *request, at time.Time, err error) {
	c.fail(w, hr, err)
	p := problem.From(err)
	switch p.Status() {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return
	}
	size := int64(len(r.body))
	if hr.ContentLength > size && hr.Header.Get("Content-Encoding") == "" {
		size = hr.ContentLength
	}
	x := Refused{
		ID: uuid.New(), Connection: r.target.ID(), ReceivedAt: at.UTC().Truncate(time.Microsecond),
		Kind: RefusedRequest, Status: p.Status(),
		Reason:      string(p.Document(w.Header().Get(problem.RequestIDHeader))),
		ContentType: truncate(hr.Header.Get("Content-Type"), 200),
		Encoding:    truncate(hr.Header.Get("Content-Encoding"), 50),
		Size:        size,
		Body:        bytes.Clone(r.body[:min(len(r.body), MaxKeptBody)]),
	}
	if c.cfg.Erasures.Mentioned(r.body) || c.cfg.Erasures.Mentioned([]byte(x.Reason)) {
		x.Body, x.Reason = nil, erasedReason
	}
	c.refusals.add(x)
	if c.activity.watched(x.Connection) {
		c.activity.publish(x.Connection, requestMessage(x.view()))
	}
}

func truncate(s string, n int) string { return s[:min(len(s), n)] }
