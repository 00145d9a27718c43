package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/feed"
)

const streamPath = "/connections/:id/stream"

// streamWriteTimeout is how long a reader may take for one message before it is
// given up: what comes meanwhile waits in its feed, which drops the rest.
const streamWriteTimeout = 10 * time.Second

// stream sends what happens on a connection as server-sent events (WHATWG HTML
// section 9.2). There is no history to resume from: Last-Event-ID is ignored, and
// messages carry no id.
func (a *API) stream(c *gin.Context) error {
	id, err := a.existing(c)
	if err != nil {
		return err
	}
	sub := a.cfg.Live(id)
	defer sub.Close()
	h := c.Writer.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // or nginx holds messages back
	c.Status(http.StatusOK)
	out := &eventWriter{w: c.Writer, control: http.NewResponseController(c.Writer)}
	out.write(": connected; Last-Event-ID is not supported\n\n")
	heartbeat := time.NewTicker(a.cfg.Heartbeat)
	defer heartbeat.Stop()
	for out.err == nil {
		select {
		case <-c.Request.Context().Done():
			return nil
		case <-a.end:
			return nil
		case m := <-sub.Messages():
			out.message(m)
			out.dropped(sub.Dropped())
		case <-heartbeat.C:
			if !a.mayGoOn(c, id) {
				return nil
			}
			out.write(": heartbeat\n\n")
			out.dropped(sub.Dropped())
		}
	}
	return nil
}

// mayGoOn tells whether key and connection are still valid: a stream outlives both
// by no more than a heartbeat.
func (a *API) mayGoOn(c *gin.Context, id uuid.UUID) bool {
	if _, err := a.authenticate(c.Request); err != nil {
		return false
	}
	_, err := a.cfg.Connections.Get(c.Request.Context(), id)
	return err == nil
}

// eventWriter writes and flushes messages until the first error.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
	err     error
}

func (e *eventWriter) message(m feed.Message) {
	e.buf.Reset()
	fmt.Fprintf(&e.buf, "event: %s\n", m.Kind)
	// A line break in the data would end the message: each line gets its own field,
	// and the reader joins them.
	for line := range bytes.Lines(bytes.ReplaceAll(m.Data, []byte{'\r'}, []byte{'\n'})) {
		e.buf.WriteString("data: ")
		e.buf.Write(bytes.TrimSuffix(line, []byte{'\n'}))
		e.buf.WriteByte('\n')
	}
	e.buf.WriteByte('\n')
	e.write(e.buf.String())
}

func (e *eventWriter) dropped(n int64) {
	if n > 0 {
		e.message(feed.Message{Kind: feed.KindDropped, Data: fmt.Appendf(nil, `{"messages":%d}`, n)})
	}
}

func (e *eventWriter) write(text string) {
	if e.err != nil {
		return
	}
	if e.err = e.control.SetWriteDeadline(time.Now().Add(streamWriteTimeout)); e.err != nil {
		return
	}
	if _, e.err = e.w.Write([]byte(text)); e.err != nil {
		return
	}
	e.err = e.control.Flush()
}
