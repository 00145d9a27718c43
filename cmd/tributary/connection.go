package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"
)

// connectionCommand manages connections over the API of a running server, so
// that its collectors know at once.
type connectionCommand struct {
	Create connectionCreate `cmd:"" help:"Create a connection and print its webhook URL."`
	List   connectionList   `cmd:"" help:"List all connections."`
	Get    connectionGet    `cmd:"" help:"Show one connection."`
	Rename connectionRename `cmd:"" help:"Give a connection another name."`
	Pause  connectionPause  `cmd:"" help:"Refuse events with 403 until the connection is resumed."`
	Resume connectionResume `cmd:"" help:"Take events again."`
	Rotate connectionRotate `cmd:"" help:"Make a new webhook URL; the old one works until the grace ends."`
	Delete connectionDelete `cmd:"" help:"Delete a connection; its URL stops working at once, its events are removed."`

	Retention connectionRetention `cmd:"" help:"Say for how many days events are kept, and remove older ones."`
}

// connectionView is a connection as the API shows it.
type connectionView struct {
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	EventSource    string     `json:"event_source"`
	EventObject    string     `json:"event_object"`
	AllowAnonymous bool       `json:"allow_anonymous"`
	Status         string     `json:"status"`
	WebhookURL     string     `json:"webhook_url"`
	RetentionDays  *int       `json:"retention_days"`
	CreatedAt      time.Time  `json:"created_at"`
	EventsReceived uint64     `json:"events_received"`
	LastEventAt    *time.Time `json:"last_event_at"`
}

const connectionsPath = "/api/v1/connections"

func connectionPath(id string) string { return connectionsPath + "/" + url.PathEscape(id) }

type output struct {
	JSON bool `help:"Print the API's JSON." name:"json"`
}

func (o output) one(w io.Writer, c connectionView) error {
	if o.JSON {
		return printJSON(w, c)
	}
	last := "none yet"
	if c.LastEventAt != nil {
		last = c.LastEventAt.Local().Format(time.DateTime)
	}
	kept := "for ever"
	if c.RetentionDays != nil {
		kept = fmt.Sprintf("%d days", *c.RetentionDays)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "id\t%s\nname\t%s\nevent source\t%s\nevent object\t%s\nstatus\t%s\nwebhook URL\t%s\nevents received\t%d\nlast event\t%s\nevents are kept\t%s\n",
		c.ID, c.Name, c.EventSource, c.EventObject, c.Status, c.WebhookURL, c.EventsReceived, last, kept)
	return tw.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

type connectionCreate struct {
	remote
	output
	Name           string `arg:"" help:"What people call it, e.g. 'CRM Leads'."`
	EventSource    string `help:"The system that sends, e.g. Pipedrive." required:"" placeholder:"NAME"`
	EventObject    string `help:"What its events are about, e.g. Lead." required:"" placeholder:"NAME"`
	AllowAnonymous bool   `help:"Take events without an e-mail address if they have event_adb_cdt."`
}

func (cmd *connectionCreate) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodPost, connectionsPath, map[string]any{
		"name": cmd.Name, "event_source": cmd.EventSource, "event_object": cmd.EventObject, "allow_anonymous": cmd.AllowAnonymous,
	})
}

// call sends a request whose answer is a connection, and prints that.
func (r *remote) call(ctx context.Context, g *cli, t *terminal, o output, method, path string, in any) error {
	client, err := r.client(g.Data)
	if err != nil {
		return err
	}
	var c connectionView
	if err := client.Do(ctx, method, path, in, &c); err != nil {
		return err
	}
	return o.one(t.Out, c)
}

type connectionList struct {
	remote
	output
}

func (cmd *connectionList) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	all := []connectionView{}
	for cursor := ""; ; {
		var page struct {
			Data       []connectionView `json:"data"`
			NextCursor *string          `json:"next_cursor"`
		}
		query := url.Values{"limit": {"100"}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if err := client.Do(ctx, http.MethodGet, connectionsPath+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Data...)
		if page.NextCursor == nil || *page.NextCursor == "" {
			break
		}
		cursor = *page.NextCursor
	}
	if cmd.JSON {
		return printJSON(t.Out, all)
	}
	tw := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tNAME\tSOURCE\tOBJECT\tSTATUS\tEVENTS")
	for _, c := range all {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\n", c.ID, c.Name, c.EventSource, c.EventObject, c.Status, c.EventsReceived)
	}
	return tw.Flush()
}

type connectionGet struct {
	remote
	output
	ID string `arg:"" help:"The connection's id."`
}

func (cmd *connectionGet) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodGet, connectionPath(cmd.ID), nil)
}

type connectionRename struct {
	remote
	output
	ID   string `arg:"" help:"The connection's id."`
	Name string `arg:"" help:"The new name."`
}

func (cmd *connectionRename) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodPatch, connectionPath(cmd.ID), map[string]any{"name": cmd.Name})
}

type connectionPause struct {
	remote
	output
	ID string `arg:"" help:"The connection's id."`
}

func (cmd *connectionPause) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodPatch, connectionPath(cmd.ID), map[string]any{"paused": true})
}

type connectionResume struct {
	remote
	output
	ID string `arg:"" help:"The connection's id."`
}

func (cmd *connectionResume) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodPatch, connectionPath(cmd.ID), map[string]any{"paused": false})
}

type connectionRotate struct {
	remote
	output
	ID    string `arg:"" help:"The connection's id."`
	Grace string `help:"How long the old URL goes on working, e.g. 0s, 1h, 24h." default:"24h" placeholder:"DURATION"`
}

func (cmd *connectionRotate) Run(ctx context.Context, g *cli, t *terminal) error {
	return cmd.call(ctx, g, t, cmd.output, http.MethodPost, connectionPath(cmd.ID)+"/rotate", map[string]any{"grace": cmd.Grace})
}

type connectionRetention struct {
	remote
	output
	ID      string `arg:"" help:"The connection's id."`
	Days    int    `help:"Keep events for so many days, by their timestamp." placeholder:"N"`
	Forever bool   `help:"Keep events for ever."`
	Apply   bool   `help:"Remove what is too old now, and wait until it is gone."`
}

func (cmd *connectionRetention) Run(ctx context.Context, g *cli, t *terminal) error {
	if cmd.Days != 0 && cmd.Forever {
		return &configError{[]error{fmt.Errorf("give --days or --forever, not both")}}
	}
	method, in := http.MethodGet, any(nil)
	switch {
	case cmd.Forever:
		method, in = http.MethodPatch, map[string]any{"retention_days": nil}
	case cmd.Days != 0:
		method, in = http.MethodPatch, map[string]any{"retention_days": cmd.Days}
	}
	if err := cmd.call(ctx, g, t, cmd.output, method, connectionPath(cmd.ID), in); err != nil || !cmd.Apply {
		return err
	}
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	var expired struct {
		Before time.Time `json:"before"`
		Rows   uint64    `json:"rows"`
	}
	if err := client.Patient().Do(ctx, http.MethodPost, connectionPath(cmd.ID)+"/retention", nil, &expired); err != nil {
		return err
	}
	fmt.Fprintf(t.Err, "removed %d rows of before %s\n", expired.Rows, expired.Before.Format(time.DateTime))
	return nil
}

type connectionDelete struct {
	remote
	ID  string `arg:"" help:"The connection's id."`
	Yes bool   `help:"Do not ask."`
}

func (cmd *connectionDelete) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	var c connectionView
	if err := client.Do(ctx, http.MethodGet, connectionPath(cmd.ID), nil, &c); err != nil {
		return err
	}
	if !cmd.Yes {
		fmt.Fprintf(t.Err, "Delete %q with %d events received? Its URL stops working at once, and its events are removed. Type the name to go on: ", c.Name, c.EventsReceived)
		if line, err := readLine(t.In); err != nil || line != c.Name {
			return fmt.Errorf("not deleted")
		}
	}
	if err := client.Do(ctx, http.MethodDelete, connectionPath(cmd.ID), nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(t.Out, "deleted %s\n", cmd.ID)
	return nil
}
