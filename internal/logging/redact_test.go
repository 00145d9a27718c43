package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tributary-events/tributary/internal/logging"
)

func TestRedact(t *testing.T) {
	const token = "abcd2345efgh6789jkmnpqrst0vwxyze"
	tests := []struct{ name, in, want string }{
		{"nothing to hide", "inserted 12 rows in 3ms", "inserted 12 rows in 3ms"},
		{"an address", "event of jane.doe+x@mail.example.", "event of [email]."},
		{"several", "a@b.co,c@d.co", "[email],[email]"},
		{"escaped in a query", "/api/v1/people?email=jane%40mail.example&x=1", "/api/v1/people?email=[email]&x=1"},
		{"a path segment", "/api/v1/people/jane@mail.example/events", "/api/v1/people/[email]/events"},
		{"percent signs in an address", "q=j%C3%A4ne%40m%C3%BCller.example", "q=[email]"},
		{"internationalised", "für jäne@müller.example da", "für [email] da"},
		{"quoted local part", `<"jane doe"@mail.example>`, "<[email]>"},
		{"address literal", "jane@[192.0.2.1]", "[email]"},
		{"a password in a DSN", "clickhouse://trib:hunter2@db:9000/x", "clickhouse://trib:[email]:9000/x"},
		{"no address at all", "@ 12 @home a@ b", "@ 12 @home a@ b"},
		{"a webhook path", "POST /collector/webhook_event/" + token + "?x=1", "POST /collector/webhook_event/abcd***?x=1"},
		{"a webhook path with another's token", "/collector/webhook_event/short", "/collector/webhook_event/***"},
		{"a token alone", "token " + token + " unknown", "token abcd*** unknown"},
		{"a hash is no token", "sha256 9f86d081884c7d659a2feaa0c55ad015", "sha256 9f86d081884c7d659a2feaa0c55ad015"},
		{"a UUID is no token", "9b2f6a3e-7c1d-4e5f-8a9b-2c3d4e5f6a7b", "9b2f6a3e-7c1d-4e5f-8a9b-2c3d4e5f6a7b"},
		{"an API key", "key trb_a_Zm9vYmFy-x_9 refused", "key trb_*** refused"},
		{"a header", "Authorization: Bearer eyJ.x.y=, Basic dTpw", "Authorization: Bearer ***, Basic ***"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := logging.Redact(tt.in); got != tt.want {
				t.Errorf("Redact(%q)\n got %q\nwant %q", tt.in, got, tt.want)
			}
			if again := logging.Redact(tt.want); again != tt.want {
				t.Errorf("redacted twice: %q", again)
			}
		})
	}
}

func TestRedactFindsAddressesAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "before")
		local := rapid.StringMatching(`[a-zA-Z0-9.!#$%&'*+/=?^_{|}~-]{0,10}secret`).Draw(t, "local")
		at := rapid.SampledFrom([]string{"@", "%40"}).Draw(t, "at")
		after := rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "after")
		got := logging.Redact(before + local + at + "host.example" + after)
		if strings.Contains(got, "secret"+at+"host") {
			t.Fatalf("%q is still there", got)
		}
	})
}

type opaque struct{ Name, Mail string }

func TestReplaceAttrReachesEveryPartOfARecord(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: logging.ReplaceAttr}))
	log.With("who", "a@b.co").WithGroup("g").Info("mail of c@d.co",
		"error", errors.New("no such user e@f.co"),
		"any", opaque{"x", "h@i.co"}, "list", []string{"j@k.co"},
		"plain", opaque{"x", "none"}, "n", 3,
		"token", "abcdefghijklmn", "admin_key", "short", "password", []byte("x"),
		slog.Group("inner", "mail", "l@m.co"))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "time")
	delete(got, "level")
	want := map[string]any{
		"msg": "mail of [email]", "who": "[email]",
		"g": map[string]any{
			"error": "no such user [email]", "any": "{Name:x Mail:[email]}", "list": "[[email]]",
			"plain": map[string]any{"Name": "x", "Mail": "none"}, "n": 3.0,
			"token": "abcd***", "admin_key": "***", "password": "***",
			"inner": map[string]any{"mail": "[email]"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func BenchmarkRedactNothing(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		logging.Redact("inserted 12 rows in 3ms, all of them fine and dandy")
	}
}
