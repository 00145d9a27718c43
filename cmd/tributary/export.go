package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tributary-events/tributary/query/export"
)

// exportCommand writes the events of a connection, or the rows of a saved report, to a
// file that is there once it is whole.
type exportCommand struct {
	remote
	Connection string `help:"Id or name of the connection." placeholder:"ID|NAME" xor:"what" required:""`
	Report     string `help:"Slug of a saved report." placeholder:"SLUG" xor:"what" required:""`
	Format     string `help:"csv, ndjson or parquet; default by the ending of --output, else csv." placeholder:"FORMAT"`
	From       string `help:"The earliest event_timestamp." placeholder:"DATE"`
	To         string `help:"Before which event_timestamp." placeholder:"DATE"`
	Output     string `help:"File to write; '-' is standard output." short:"o" default:"-" placeholder:"FILE"`
}

func (cmd *exportCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	format, err := cmd.format()
	if err != nil {
		return err
	}
	query := url.Values{}
	for name, value := range map[string]string{"from": cmd.From, "to": cmd.To} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var path string
	if cmd.Report != "" {
		path = "/api/v1/reports/" + url.PathEscape(cmd.Report) + "/data"
	} else {
		connection, err := findConnection(ctx, client, cmd.Connection)
		if err != nil {
			return err
		}
		path = connectionPath(connection.ID) + "/export"
		query.Set("format", string(format))
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	media, _, _ := strings.Cut(format.MediaType(), ";")
	res, err := client.Stream(ctx, http.MethodGet, path, nil, map[string]string{"Accept": media})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	n, err := cmd.save(t.Out, res.Body)
	if err != nil {
		return fmt.Errorf("the export broke off after %d bytes: %w", n, err)
	}
	if cmd.Output != "-" {
		fmt.Fprintf(t.Err, "%s: %d bytes\n", cmd.Output, n)
	}
	return nil
}

func (cmd *exportCommand) format() (export.Format, error) {
	text := cmd.Format
	if text == "" {
		text = strings.TrimPrefix(filepath.Ext(cmd.Output), ".")
		if text == "jsonl" {
			text = string(export.NDJSON)
		}
	}
	for _, f := range export.Formats() {
		if string(f) == text {
			return f, nil
		}
	}
	if cmd.Format == "" {
		return export.CSV, nil
	}
	return "", fmt.Errorf("--format %q is not one of csv, ndjson, parquet", cmd.Format)
}

// save writes the file beside its place first, so that half of one is never taken for it.
func (cmd *exportCommand) save(out io.Writer, from io.Reader) (n int64, err error) {
	if cmd.Output == "-" {
		return io.Copy(out, from)
	}
	part := fmt.Sprintf("%s.part-%d", cmd.Output, time.Now().UnixNano())
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("write the file: %w", err)
	}
	n, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(part, cmd.Output)
	}
	if err != nil {
		return n, errors.Join(err, os.Remove(part))
	}
	return n, nil
}
