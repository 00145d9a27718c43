// Package logging keeps secrets and personal data out of the logs: webhook
// tokens, API keys, passwords and e-mail addresses, wherever in a record they stand.
//
// Invariant: what passes through ReplaceAttr or Redact holds no e-mail address
// and of a token no more than its first four characters, which are enough to tell
// two tokens apart and of no use to anybody else.
package logging

import (
	"fmt"
	"log/slog"
	"strings"
)

// WebhookPath is where webhook tokens stand in a URL's path: the token follows.
const WebhookPath = "/collector/webhook_event/"

const (
	hidden      = "***"
	hiddenEmail = "[email]"
	shownOfKey  = 4
	// keyPrefix starts every API key (internal/access).
	keyPrefix = "trb_"
	// tokenLength is the length of a webhook token (connection).
	tokenLength = 32
)

// ReplaceAttr is for slog.HandlerOptions: it redacts messages and attributes,
// those in groups too. Values that are neither text nor error keep their type
// unless something in them had to be redacted.
func ReplaceAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		s := a.Value.String()
		if secretKey(a.Key) {
			return slog.String(a.Key, Shorten(s))
		}
		if r := Redact(s); r != s {
			return slog.String(a.Key, r)
		}
	case slog.KindDuration:
		// The JSON handler writes a bare number of nanoseconds.
		return slog.String(a.Key, a.Value.Duration().String())
	case slog.KindAny:
		v := a.Value.Any()
		if v == nil {
			return a
		}
		if err, ok := v.(error); ok {
			return slog.String(a.Key, Redact(err.Error()))
		}
		if secretKey(a.Key) {
			return slog.String(a.Key, hidden)
		}
		s := fmt.Sprintf("%+v", v)
		if r := Redact(s); r != s {
			return slog.String(a.Key, r)
		}
	}
	return a
}

// secretKey tells whether an attribute's whole value is a secret.
func secretKey(key string) bool {
	switch strings.ToLower(key) {
	case "token", "key", "api_key", "admin_key", "authorization", "password", "secret", "cookie", "set-cookie":
		return true
	}
	return false
}

// Shorten keeps so much of a secret that two can be told apart. What it returned
// once it returns again, so that redacting twice loses nothing.
func Shorten(secret string) string {
	if len(secret) == shownOfKey+len(hidden) && strings.HasSuffix(secret, hidden) {
		return secret
	}
	if len(secret) < 2*shownOfKey {
		return hidden
	}
	return secret[:shownOfKey] + hidden
}

// Redact returns s without the e-mail addresses, webhook tokens, API keys and
// credentials in it. A text without any is returned as it is, without allocating.
func Redact(s string) string {
	if !suspicious(s) {
		return s
	}
	s = redactAfter(s, WebhookPath, isPathSegment, Shorten)
	s = redactAfter(s, keyPrefix, isWord, func(string) string { return hidden })
	s = redactAfter(s, "Bearer ", isCredential, func(string) string { return hidden })
	s = redactAfter(s, "Basic ", isCredential, func(string) string { return hidden })
	s = redactTokens(s)
	return redactEmails(s)
}

// suspicious is a cheap test that most texts fail.
func suspicious(s string) bool {
	return strings.IndexByte(s, '@') >= 0 || strings.Contains(s, "%40") || len(s) >= tokenLength ||
		strings.Contains(s, WebhookPath) || strings.Contains(s, keyPrefix) ||
		strings.Contains(s, "Bearer ") || strings.Contains(s, "Basic ")
}

// redactAfter replaces the run of bytes of a class that follows each marker.
func redactAfter(s, marker string, class func(byte) bool, replace func(string) string) string {
	if !strings.Contains(s, marker) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, marker)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		i += len(marker)
		end := i
		for end < len(s) && class(s[end]) {
			end++
		}
		b.WriteString(s[:i])
		if end > i {
			b.WriteString(replace(s[i:end]))
		}
		s = s[end:]
	}
}

// redactTokens shortens words that look like a webhook token. A hash of the same
// length is none: of 32 letters of a token's alphabet one is always beyond f.
func redactTokens(s string) string {
	if len(s) < tokenLength {
		return s
	}
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		if !isWord(s[i]) {
			i++
			continue
		}
		end, like, beyondHex := i, true, false
		for ; end < len(s) && isWord(s[end]); end++ {
			switch c := s[end]; {
			case c >= 'g' && c <= 'z' && c != 'i' && c != 'l' && c != 'o' && c != 'u':
				beyondHex = true
			case (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'):
			default:
				like = false
			}
		}
		if like && beyondHex && end-i == tokenLength {
			b.WriteString(s[done:i])
			b.WriteString(Shorten(s[i:end]))
			done = end
		}
		i = end
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c|0x20 >= 'a' && c|0x20 <= 'z')
}

func isPathSegment(c byte) bool {
	return c > ' ' && c != '/' && c != '?' && c != '#' && c != '"' && c != '\'' && c != '\\'
}

func isCredential(c byte) bool { return c > ' ' && c != '"' && c != ',' }
