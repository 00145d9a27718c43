// Package problem owns how errors are answered: every error of every endpoint
// leaves as an RFC 9457 problem document that Write makes, in this one place.
//
// Invariants:
//   - A cause is logged, never sent. An error that is not an *Error is a 500 that
//     tells no more than the request's id.
//   - Every document has type, title, status, detail and, where the request has
//     one, request_id. Its type is "/problems/{kind}", relative to the server
//     that sent it, where a page explains it (Page).
package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/tributary-events/tributary/internal/logging"
)

// ContentType is the media type of every document (RFC 9457 section 3).
const ContentType = "application/problem+json"

// RequestIDHeader holds a request's id. Middleware sets it on the response before
// the handler runs, which is where Write finds it.
const RequestIDHeader = "X-Request-ID"

// StatusClientGone is the status of a request whose sender went away before the
// answer: nobody reads it but the access log, where it is no fault of ours.
const StatusClientGone = 499

// Error is a problem to be answered. Only Kind is required. It is not changed
// once it is returned as an error, so one value may serve many requests.
type Error struct {
	Kind Kind
	// Detail tells the sender, in a sentence, what is wrong in this request and
	// what to do. Empty = the kind's title.
	Detail string
	// Errors is the "errors" member: a slice of event.FieldError, or of Field.
	Errors any
	// Extensions are further members of the document.
	Extensions map[string]any
	// Header is added to the response: Retry-After, Allow, WWW-Authenticate.
	Header http.Header
	// Cause is logged with a 5xx, and unwrapped by errors.Is and errors.As.
	Cause error
}

// Field is one broken rule of a request that is not about events. Pointer is an
// RFC 6901 JSON pointer into the body; a query or path parameter has none.
type Field struct {
	Field   string `json:"field"`
	Pointer string `json:"pointer,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// New returns a problem with a formatted detail.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// Wrap returns a problem with a cause for the log.
func Wrap(cause error, k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

// Invalid returns a 422 about fields or parameters of a request, at least one.
func Invalid(fields ...Field) *Error {
	e := &Error{Kind: InvalidRequest, Errors: fields}
	switch len(fields) {
	case 0:
	case 1:
		e.Detail = fields[0].Field + ": " + fields[0].Message
	default:
		e.Detail = fmt.Sprintf("%d fields break a rule; errors lists them.", len(fields))
	}
	return e
}

// RetryAfter sets the Retry-After header, in seconds, and returns e.
func (e *Error) RetryAfter(seconds int) *Error {
	return e.With("Retry-After", strconv.Itoa(seconds))
}

// With sets a header of the response and returns e. It is for a fresh e only.
func (e *Error) With(header, value string) *Error {
	if e.Header == nil {
		e.Header = http.Header{}
	}
	e.Header.Set(header, value)
	return e
}

func (e *Error) Error() string {
	s := string(e.Kind) + ": " + e.detail()
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// Status is the HTTP status of the answer.
func (e *Error) Status() int { return e.Kind.info().Status }

func (e *Error) detail() string {
	if e.Detail == "" {
		return e.Kind.info().Title
	}
	return e.Detail
}

// Document returns the problem document as JSON. An empty requestID is left out.
func (e *Error) Document(requestID string) []byte {
	info := e.Kind.info()
	doc := make([]byte, 0, 512)
	doc = appendMember(doc, "type", e.Kind.URI())
	doc = appendMember(doc, "title", info.Title)
	doc = appendMember(doc, "status", info.Status)
	doc = appendMember(doc, "detail", e.detail())
	if requestID != "" {
		doc = appendMember(doc, "request_id", requestID)
	}
	if e.Errors != nil {
		doc = appendMember(doc, "errors", e.Errors)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Extensions)) {
		doc = appendMember(doc, name, e.Extensions[name])
	}
	return append(doc, '}')
}

// appendMember leaves out a value that has no JSON form: an extension must not
// take the whole answer with it.
func appendMember(doc []byte, name string, value any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return doc
	}
	separator := byte(',')
	if len(doc) == 0 {
		separator = '{'
	}
	doc = strconv.AppendQuote(append(doc, separator), name)
	return append(append(doc, ':'), bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// From returns the problem that an error is answered as: the *Error in its chain;
// 413 for a body beyond http.MaxBytesReader; otherwise a 500 with err as its cause.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return Wrap(err, TooLarge, "The body is larger than the %d bytes that this endpoint takes.", tooLarge.Limit)
	}
	return Wrap(err, Internal,
		"Something went wrong on the server. Its log tells more under this request's id.")
}

// Write answers the request with err's problem document, and logs it if it is the
// server's fault. Nothing may have been written to w before.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		w.WriteHeader(StatusClientGone)
		return
	}
	e := From(err)
	h := w.Header()
	id := h.Get(RequestIDHeader)
	for name, values := range e.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	doc := e.Document(id)
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	h.Set("Cache-Control", "no-store")
	if e.Status() >= http.StatusInternalServerError && e.Cause != nil {
		logger(r.Context()).LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("request_id", id), slog.String("method", r.Method),
			slog.String("path", logging.Redact(r.URL.Path)),
			slog.Int("status", e.Status()), slog.Any("error", err))
	}
	w.WriteHeader(e.Status())
	// A sender that does not read its answer is no reason for anything more.
	_, _ = w.Write(doc)
}

type loggerKey struct{}

// WithLogger returns a context whose requests log to l. A server's BaseContext is
// the place for it: then it costs a request nothing. Without it slog.Default is used.
func WithLogger(ctx context.Context, l *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, l)
}

func logger(ctx context.Context) *slog.Logger {
	if l, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return l
	}
	return slog.Default()
}
