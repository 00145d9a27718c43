package problem

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// Kind is the machine-readable name of a kind of problem; it never changes its
// meaning, so that callers can rely on it.
type Kind string

// The kinds of problems.
const (
	MalformedBody       Kind = "malformed-body"
	InvalidEvents       Kind = "invalid-events"
	InvalidRequest      Kind = "invalid-request"
	UnknownToken        Kind = "unknown-token"
	Paused              Kind = "connection-paused"
	NotFound            Kind = "not-found"
	MethodNotAllowed    Kind = "method-not-allowed"
	TooLarge            Kind = "body-too-large"
	UnsupportedMedia    Kind = "unsupported-media-type"
	UnsupportedEncoding Kind = "unsupported-content-encoding"
	Unauthenticated     Kind = "unauthenticated"
	Forbidden           Kind = "forbidden"
	Timeout             Kind = "request-timeout"
	CannotStore         Kind = "cannot-store"
	Unavailable         Kind = "unavailable"
	NotReady            Kind = "not-ready"
	Internal            Kind = "internal-error"
)

// Info describes a kind.
type Info struct {
	Status int
	Title  string
	Help   string // what to do, for the page behind the type's URI
}

// URI is the document's "type".
func (k Kind) URI() string { return "/problems/" + string(k) }

func (k Kind) info() Info {
	if i, ok := kinds[k]; ok {
		return i
	}
	return kinds[Internal]
}

// Kinds returns all kinds in alphabetical order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kinds)) }

// Page returns the text behind a kind's URI; ok is false for an unknown kind.
func Page(k Kind) (text string, ok bool) {
	i, ok := kinds[k]
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%s\n%d %s\n\n%s\n\n%s\n", k, i.Status, http.StatusText(i.Status), i.Title, i.Help), true
}

// kinds is read only.
var kinds = map[Kind]Info{
	MalformedBody: {
		http.StatusBadRequest, "The body cannot be read.",
		"The body must be JSON in UTF-8 without anything behind it; events come as an array. The detail names line, column and byte offset. Nothing of the request was stored.",
	},
	InvalidEvents: {
		http.StatusUnprocessableEntity, "An event breaks a rule.",
		"errors lists the broken rules, the first 100, with the event's index and a JSON pointer. Nothing of the request was stored: mend it and send all of it again.",
	},
	InvalidRequest: {
		http.StatusUnprocessableEntity, "A field or parameter breaks a rule.",
		"errors lists the broken rules. Nothing was changed.",
	},
	UnknownToken: {
		http.StatusNotFound, "No connection has this webhook URL.",
		"The URL's last part was mistyped, the connection was deleted, or its URL was renewed and the old one has expired. Copy the URL from the connection again.",
	},
	Paused: {
		http.StatusForbidden, "The connection is paused.",
		"It takes no events until somebody resumes it. Nothing of the request was stored: send it again later.",
	},
	NotFound: {
		http.StatusNotFound, "There is nothing here.",
		"No such path, or no such thing under that id. /openapi.yaml lists what there is.",
	},
	MethodNotAllowed: {
		http.StatusMethodNotAllowed, "This path does not take this method.",
		"The Allow header lists the methods that it takes.",
	},
	TooLarge: {
		http.StatusRequestEntityTooLarge, "The body is too large.",
		"A webhook request holds at most 300 kB (307,200 bytes, measured after decompression): send fewer events at once. Nothing of the request was stored.",
	},
	UnsupportedMedia: {
		http.StatusUnsupportedMediaType, "The content type is not supported.",
		"Send Content-Type: application/json.",
	},
	UnsupportedEncoding: {
		http.StatusUnsupportedMediaType, "The content encoding is not supported.",
		"Send the body as it is or with Content-Encoding: gzip.",
	},
	Unauthenticated: {
		http.StatusUnauthorized, "A valid API key is needed.",
		"Send Authorization: Bearer KEY. The key may be mistyped, expired or deleted. The administrator's key is printed at the first start and kept in the data folder.",
	},
	Forbidden: {
		http.StatusForbidden, "This API key may not do that.",
		"The detail names the role that is needed: admin, analyst or viewer. The key of a shared link opens one dashboard and nothing else.",
	},
	Timeout: {
		http.StatusRequestTimeout, "The body did not arrive in time.",
		"Nothing of the request was stored: send it again.",
	},
	CannotStore: {
		http.StatusServiceUnavailable, "Events cannot be stored durably now.",
		"Nothing of the request was stored. Send it again after the time in the Retry-After header, with growing pauses.",
	},
	Unavailable: {
		http.StatusServiceUnavailable, "The server cannot do this now.",
		"Something that this needs, often the database, does not answer. Try again after the time in the Retry-After header.",
	},
	NotReady: {
		http.StatusServiceUnavailable, "The server is not ready.",
		"checks lists what was looked at and why it failed. Ingest may work all the same: events wait on the disk while the database is away.",
	},
	Internal: {
		http.StatusInternalServerError, "Something went wrong on the server.",
		"It is not the request's fault. The server's log tells more under the request_id.",
	},
}
