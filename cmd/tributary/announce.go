package main

import (
	"context"
	"fmt"
	"net"
	"text/template"

	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/logging"
)

// banner is what a person sees after the start; the log, which goes to machines,
// holds no secret of it.
const banner = `
  Tributary {{.Version}} is running.
{{if .Page}}
  Web app   {{.App}}/#key={{.Key}}
{{- end}}
  Webhook   {{.Webhook}}
{{- if .SQL}}
  SQL       {{.SQL}}   user analyst, password {{.Password}}
{{- end}}
  API       {{.App}}/api/v1   Authorization: Bearer {{.Key}}
            {{.App}}/openapi.yaml

  Send two events:

curl -X POST {{.Webhook}} \
  -H "Content-Type: application/json" \
  -d '[
  {
    "event_id": "order_12345",
    "event_timestamp": "2025-12-08T15:21:11.804Z",
    "event_email": "ada@example.com",
    "event_payload": {"revenue": 99.99, "currency": "EUR", "product_name": "Premium Plan"}
  },
  {
    "event_id": "order_123456",
    "event_timestamp": "2025-12-09T15:21:11.804Z",
    "event_email": "grace@example.com",
    "event_payload": {"revenue": 123.99, "currency": "EUR", "product_name": "Other Product"}
  }
]'
{{- if .SQL}}

  and find them, each once:

curl -u analyst:{{.Password}} {{.SQL}} -d 'SELECT event_id, event_payload.revenue FROM events'
{{- end}}

`

// bannerEmpty is the same where there is no connection yet.
const bannerEmpty = `
  Tributary {{.Version}} is running.
{{if .Page}}
  Web app   {{.App}}/#key={{.Key}}
{{- end}}
  API       {{.App}}/api/v1   Authorization: Bearer {{.Key}}
            {{.App}}/openapi.yaml

  Create a connection{{if .Page}} in the web app, or{{end}}:

tributary connection create 'CRM Leads' --event-source Pipedrive --event-object Lead

`

// announce makes a first connection where there is none, and prints where
// everything is.
func (cmd *serveCommand) announce(ctx context.Context, t *terminal, set settings, st *store, connections *connection.Service, key string, listener net.Addr, base string, hasApp bool) error {
	app := "http://" + reachable(listener)
	if base == "" {
		base = app
	}
	page, err := connections.List(ctx, connection.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	var first connection.Detail
	if len(page.Connections) > 0 {
		first = page.Connections[0]
	} else if st.engine != nil {
		if first, err = connections.Create(ctx, connection.New{Name: "My first webhook", EventSource: "My system", EventObject: "Order"}); err != nil {
			return err
		}
	}
	view := map[string]string{"Version": buildVersion(), "App": app, "Key": key, "Webhook": base + logging.WebhookPath + first.Token}
	if hasApp {
		view["Page"] = "yes"
	}
	if st.proxy != nil {
		view["SQL"], view["Password"] = "http://"+st.proxy.Addr(), st.engine.AnalystPassword()
	}
	shown := banner
	if first.Token == "" {
		shown = bannerEmpty
	}
	text, err := template.New("banner").Parse(shown)
	if err != nil {
		return fmt.Errorf("parse banner: %w", err)
	}
	return text.Execute(t.Out, view)
}
