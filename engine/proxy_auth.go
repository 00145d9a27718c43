package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ClickHouse's own error codes, which clients know (src/Common/ErrorCodes.cpp).
const (
	codeBadArguments = 36
	codeNetworkError = 210
	codeAuthFailed   = 516
)

// refusal is an answer of the proxy's own, in the shape of ClickHouse's, so that
// clients show its text.
type refusal struct {
	status int
	code   int
	text   string
}

var codeNames = map[int]string{
	codeBadArguments: "BAD_ARGUMENTS", codeNetworkError: "NETWORK_ERROR", codeAuthFailed: "AUTHENTICATION_FAILED",
}

var engineDown = &refusal{
	http.StatusServiceUnavailable, codeNetworkError,
	"the ClickHouse engine is not running at the moment and is being started again; try again in a few seconds",
}

func (f *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(f.code))
	switch f.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, HEAD, POST")
	}
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)\n", f.code, f.text, codeNames[f.code]))
}

// refuse returns why a request is not even looked at, or nil. It keeps out
// pages in the user's browser: those of other origins, and those whose host name
// was made to point to this machine.
func refuse(r *http.Request) *refusal {
	switch {
	case !loopbackHost(r.Host):
		return &refusal{http.StatusForbidden, codeBadArguments, "use the host name localhost or 127.0.0.1"}
	case crossOrigin(r):
		return &refusal{http.StatusForbidden, codeBadArguments, "requests of other web pages are refused"}
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		return &refusal{http.StatusMethodNotAllowed, codeBadArguments, "use GET or POST"}
	case len(r.RequestURI) > maxURL:
		return &refusal{http.StatusRequestURITooLong, codeBadArguments, fmt.Sprintf("the address is longer than %d bytes: send the statement in the body", maxURL)}
	case r.URL.Path != "/" && r.URL.Path != "/ping":
		return &refusal{http.StatusNotFound, codeBadArguments, "there is only / and /ping here"}
	}
	return nil
}

// loopbackHost reports whether a Host header names this machine's loopback.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// crossOrigin reports whether a browser sent the request for a page of another
// origin (the Fetch standard's Origin, Fetch Metadata's Sec-Fetch-Site). SQL
// clients send neither header.
func crossOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && origin != "http://"+r.Host
}

// credentialParams and credentialHeaders never reach the engine.
var (
	credentialParams  = []string{"user", "password", "quota_key"}
	credentialHeaders = []string{"Authorization", "X-ClickHouse-User", "X-ClickHouse-Key"}
)

// authenticator knows the one user and password that pass, as digests: comparing
// those takes the same time whatever is wrong, lengths included.
type authenticator struct {
	user, password [sha256.Size]byte
}

func newAuthenticator(user, password string) authenticator {
	return authenticator{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}
}

// check looks at the three ways in which ClickHouse takes credentials, of which
// a request may use one. It returns nil for the right ones.
func (a authenticator) check(header http.Header, query url.Values) *refusal {
	denied := func(text string) *refusal {
		return &refusal{http.StatusForbidden, codeAuthFailed, text}
	}
	ways := 0
	user, password := "default", ""
	if query.Has("user") || query.Has("password") {
		ways++
		user, password = query.Get("user"), query.Get("password")
	}
	if header.Get("X-ClickHouse-User") != "" || header.Get("X-ClickHouse-Key") != "" {
		ways++
		user, password = header.Get("X-ClickHouse-User"), header.Get("X-ClickHouse-Key")
	}
	if header.Get("Authorization") != "" {
		ways++
		var ok bool
		if user, password, ok = (&http.Request{Header: header}).BasicAuth(); !ok {
			return denied("Invalid authentication: only the Basic scheme is known here")
		}
	}
	if ways > 1 || slices.ContainsFunc(credentialHeaders, func(n string) bool { return len(header.Values(n)) > 1 }) ||
		slices.ContainsFunc(credentialParams, func(n string) bool { return len(query[n]) > 1 }) {
		return denied("Invalid authentication: it is not allowed to use several kinds of credentials simultaneously")
	}
	givenUser, givenPassword := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))
	right := subtle.ConstantTimeCompare(givenUser[:], a.user[:]) & subtle.ConstantTimeCompare(givenPassword[:], a.password[:])
	if right != 1 {
		return denied(printable(user) + ": Authentication failed: password is incorrect, or there is no user with such name. " +
			"SQL clients use the user analyst here")
	}
	return nil
}

// printable bounds what of a client's text is repeated to it.
func printable(text string) string {
	return strings.Trim(strconv.QuoteToASCII(text[:min(len(text), 64)]), `"`)
}
