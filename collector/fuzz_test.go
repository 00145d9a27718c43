package collector_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tributary-events/tributary/collector"
)

// FuzzWebhook: whatever the body, the answer is one of the contract's, it is JSON,
// and it is the sender's fault or nobody's. What was refused left no event.
func FuzzWebhook(f *testing.F) {
	for _, seed := range []string{
		one("a", `{"x":[1,{"y":null}]}`), `[]`, ``, `{`, `[{}]`, `[1,2`, `null`, "[\"\xff\"]", `[{"event_id":"\ud800"}]`,
		strings.Repeat("[", 5000), `[{"event_id":"a","event_id":"b"}]`, "\xef\xbb\xbf[]",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	store := newMemory()
	c := start(f, collector.Config{Store: store})
	f.Fuzz(func(t *testing.T, body []byte, gzipped bool) {
		r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		if gzipped {
			r.Header.Set("Content-Encoding", "gzip")
		}
		w := httptest.NewRecorder()
		c.ServeWebhook(w, r, crm.String())
		switch w.Code {
		case http.StatusCreated, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		default:
			t.Errorf("answered %d to %q", w.Code, body)
		}
		var answer struct {
			Received *int            `json:"received"`
			Errors   json.RawMessage `json:"errors"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		if (w.Code == http.StatusCreated) != (answer.Received != nil) || (w.Code == http.StatusUnprocessableEntity) != (answer.Errors != nil) {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	})
}
