package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tributary-events/tributary/internal/apiclient"
)

// eraseCommand erases a person over the API of a running server: only that server can
// let go of what it is taking in.
type eraseCommand struct {
	remote
	Email  string `arg:"" help:"The person's e-mail address."`
	DryRun bool   `help:"Show what would be removed and change nothing."`
	Yes    bool   `help:"Do not ask."`
	JSON   bool   `help:"Print the API's JSON." name:"json"`
}

// erasureReceipt is a receipt as the API shows it.
type erasureReceipt struct {
	ID                    string     `json:"id"`
	EmailHash             string     `json:"email_hash"`
	Finished              bool       `json:"finished"`
	RequestedBy           string     `json:"requested_by"`
	StartedAt             time.Time  `json:"started_at"`
	ErasedAt              *time.Time `json:"erased_at"`
	EventsErased          uint64     `json:"events_erased"`
	RefusedRequestsErased uint64     `json:"refused_requests_erased"`
	Removed               []struct {
		Where string `json:"where"`
		Count uint64 `json:"count"`
	} `json:"removed"`
	Remaining uint64 `json:"remaining"`
	DryRun    bool   `json:"dry_run,omitempty"`
}

func (cmd *eraseCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		return cmd.delete(ctx, client, t.Out, true)
	}
	if !cmd.Yes {
		if err := cmd.delete(ctx, client, t.Err, true); err != nil {
			return err
		}
		fmt.Fprint(t.Err, "This cannot be undone. Type the address to erase the person: ")
		if line, err := readLine(t.In); err != nil || !strings.EqualFold(strings.TrimSpace(line), strings.TrimSpace(cmd.Email)) {
			return errors.New("nothing was erased")
		}
	}
	return cmd.delete(ctx, client, t.Out, false)
}

func (cmd *eraseCommand) delete(ctx context.Context, client *apiclient.Client, w io.Writer, dry bool) error {
	path := "/api/v1/people/" + url.PathEscape(cmd.Email)
	if dry {
		path += "?dry_run=true"
	}
	var r erasureReceipt
	if err := client.Patient().Do(ctx, http.MethodDelete, path, nil, &r); err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(w, r)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if dry {
		fmt.Fprintf(tw, "events to erase\t%d\nrefused requests to erase\t%d\n", r.EventsErased, r.RefusedRequestsErased)
		return tw.Flush()
	}
	fmt.Fprintf(tw, "receipt\t%s\nevents erased\t%d\nrefused requests erased\t%d\n", r.ID, r.EventsErased, r.RefusedRequestsErased)
	for _, x := range r.Removed {
		if x.Count > 0 {
			fmt.Fprintf(tw, "  %s\t%d\n", x.Where, x.Count)
		}
	}
	fmt.Fprintf(tw, "found afterwards\t%d\nkeyed hash kept\t%s\n", r.Remaining, r.EmailHash)
	return tw.Flush()
}
