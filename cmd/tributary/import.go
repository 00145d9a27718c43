package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/tributary-events/tributary/collector/importer"
	"github.com/tributary-events/tributary/internal/apiclient"
)

// importCommand sends a file to a running server: a preview first, then, once it is
// confirmed, the whole of it.
type importCommand struct {
	remote
	File        string   `arg:"" help:"CSV, NDJSON or Parquet, gzip or not." type:"existingfile"`
	Connection  string   `help:"Id or name of the connection." required:"" placeholder:"ID|NAME"`
	Yes         bool     `help:"Do not ask; fail where something is left open."`
	DryRun      bool     `help:"Show the preview only."`
	Map         []string `help:"Where a column goes: event_id, event_timestamp, event_email, event_adb_cdt, event_payload, event_payload.PATH or - (nowhere); with the type of its texts behind a colon, if wanted: string, number, number_comma, boolean, json." placeholder:"COLUMN=TARGET[:TYPE]" sep:"none"`
	Mapping     string   `help:"YAML or JSON file with a plan, as --save-mapping writes it." type:"existingfile" placeholder:"FILE"`
	SaveMapping string   `help:"Write the plan to a file." placeholder:"FILE"`
	Format      string   `help:"csv, ndjson or parquet, where it is not what it looks like." placeholder:"FORMAT"`
	Encoding    string   `help:"utf-8, utf-16le, utf-16be, windows-1252 or iso-8859-1." placeholder:"NAME"`
	Delimiter   string   `help:"Between cells of CSV; 'tab' for a tabulator." placeholder:"CHARACTER"`
	NoHeader    bool     `help:"The first line of CSV is a row; columns are column_1, column_2, …"`
	Timezone    string   `help:"Time zone of dates without an offset; default UTC." placeholder:"NAME"`
	Dates       string   `help:"Form of the dates: iso, ymd, dmy, mdy, named, excel, unix_s or unix_ms." placeholder:"FORM"`
	IDFrom      []string `name:"id-from" help:"Columns to make the event_id of, where none holds one; '*' for all." placeholder:"COLUMN,…"`
	MaxRefused  int64    `help:"After how many refused rows to give up; 0 = 100,000." placeholder:"N"`
	Refused     string   `help:"Where refused rows go; default beside the file." placeholder:"FILE"`
	Retries     int      `help:"How often in a row the server may be away before giving up." default:"20"`
}

func (cmd *importCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	client, err := cmd.client(g.Data)
	if err != nil {
		return err
	}
	given, err := cmd.given()
	if err != nil {
		return err
	}
	connection, err := findConnection(ctx, client, cmd.Connection)
	if err != nil {
		return err
	}
	f, err := openImport(cmd.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading
	u := &uploader{client: client, path: connectionPath(connection.ID) + "/imports", file: f, retries: cmd.Retries, t: t}
	guess, err := cmd.settle(ctx, u, given, t)
	if err != nil {
		return err
	}
	if cmd.SaveMapping != "" {
		if err := savePlan(cmd.SaveMapping, guess.Plan); err != nil {
			return err
		}
	}
	if cmd.DryRun {
		return nil
	}
	if !cmd.Yes {
		fmt.Fprintf(t.Err, "Import %s into %q? [y/N] ", f.Name(), connection.Name)
		if line, err := readLine(t.In); err != nil || !strings.HasPrefix(strings.ToLower(line), "y") {
			return errors.New("not imported")
		}
	}
	x, err := u.upload(ctx, connection.ID, guess.Plan)
	if err != nil {
		return err
	}
	return cmd.report(ctx, u, x, t)
}

// given is what the flags and the mapping file say.
func (cmd *importCommand) given() (*importer.Plan, error) {
	var p importer.Plan
	if cmd.Mapping != "" {
		if err := loadPlan(cmd.Mapping, &p); err != nil {
			return nil, err
		}
	}
	for flag, to := range map[*string]*string{
		&cmd.Format: &p.Format, &cmd.Encoding: &p.Encoding, &cmd.Timezone: &p.Timezone, &cmd.Delimiter: &p.Delimiter,
	} {
		if *flag != "" {
			*to = *flag
		}
	}
	if p.Delimiter == "tab" || p.Delimiter == `\t` {
		p.Delimiter = "\t"
	}
	p.NoHeader = p.NoHeader || cmd.NoHeader
	if cmd.MaxRefused > 0 {
		p.MaxRefused = cmd.MaxRefused
	}
	for _, m := range cmd.Map {
		// A header may hold an equals sign, a target hardly.
		i := strings.LastIndexByte(m, '=')
		if i < 0 {
			return nil, fmt.Errorf("--map %q is not COLUMN=TARGET", m)
		}
		c := importer.Column{Name: m[:i], Target: m[i+1:]}
		if target, kind, ok := strings.Cut(c.Target, ":"); ok {
			c.Target, c.Type = target, kind
		}
		p.Columns = slices.DeleteFunc(p.Columns, func(x importer.Column) bool { return x.Name == c.Name })
		p.Columns = append(p.Columns, c)
	}
	if len(cmd.IDFrom) > 0 {
		p.IDFrom = cmd.IDFrom
	}
	return &p, nil
}

// settle asks for a preview until nothing is left open, and shows it.
func (cmd *importCommand) settle(ctx context.Context, u *uploader, given *importer.Plan, t *terminal) (*importer.Guess, error) {
	for {
		all := slices.Equal(given.IDFrom, []string{"*"})
		ask := *given
		if all {
			ask.IDFrom = nil
		}
		guess, err := u.preview(ctx, &ask)
		if err != nil {
			return nil, err
		}
		changed := cmd.complete(given, guess, all)
		if changed {
			continue
		}
		showGuess(t.Err, guess)
		if len(guess.Questions) == 0 {
			return guess, nil
		}
		if cmd.Yes || !isTerminal(t.In) {
			return nil, openQuestions(guess.Questions)
		}
		for _, q := range guess.Questions {
			if err := answerQuestion(t, q, given, guess.Plan); err != nil {
				return nil, err
			}
		}
	}
}

// complete adds to what is given what could only be said once the columns were known.
func (cmd *importCommand) complete(given *importer.Plan, guess *importer.Guess, all bool) bool {
	if all {
		given.IDFrom = nil
		for _, c := range guess.Plan.Columns {
			if c.Name != importer.RefusedRowColumn && c.Name != importer.RefusedReasonColumn {
				given.IDFrom = append(given.IDFrom, c.Name)
			}
		}
		return true
	}
	for _, c := range guess.Plan.Columns {
		if c.Target == importer.TargetTimestamp && cmd.Dates != "" && c.Date != cmd.Dates {
			c.Date = cmd.Dates
			replaceColumn(given, c)
			return true
		}
	}
	return false
}

func replaceColumn(p *importer.Plan, c importer.Column) {
	p.Columns = slices.DeleteFunc(p.Columns, func(x importer.Column) bool {
		return x.Name == c.Name || x.Target == c.Target && c.Target != importer.Ignore
	})
	p.Columns = append(p.Columns, c)
}

func openQuestions(questions []importer.Question) error {
	flags := map[string]string{
		"id": "--map COLUMN=event_id or --id-from COLUMN,…", "timestamp": "--map COLUMN=event_timestamp", "date": "--dates FORM",
		"email": "--map COLUMN=event_email", "encoding": "--encoding NAME",
	}
	var text strings.Builder
	text.WriteString("the mapping leaves something open:")
	for _, q := range questions {
		fmt.Fprintf(&text, "\n  - %s: %s\n    answer with %s", q.Column, q.Message, flags[q.Code])
		if len(q.Choices) > 0 {
			fmt.Fprintf(&text, "; one of %s", strings.Join(q.Choices[:min(len(q.Choices), 20)], ", "))
		}
	}
	return errors.New(strings.ReplaceAll(text.String(), "- : ", "- "))
}

// answerQuestion asks a person.
func answerQuestion(t *terminal, q importer.Question, given, guessed *importer.Plan) error {
	fmt.Fprintf(t.Err, "\n%s\nOne of: %s\n> ", q.Message, strings.Join(q.Choices, ", "))
	line, err := readLine(t.In)
	if err != nil {
		return errors.New("not imported")
	}
	switch q.Code {
	case "encoding":
		given.Encoding = line
	case "date":
		for _, c := range guessed.Columns {
			if c.Name == q.Column {
				c.Date = line
				replaceColumn(given, c)
			}
		}
	case "id":
		given.IDFrom = strings.Split(line, ",")
	default:
		replaceColumn(given, importer.Column{Name: line, Target: "event_" + q.Code})
	}
	return nil
}

// showGuess prints what would be imported.
func showGuess(w io.Writer, g *importer.Guess) {
	p := g.Plan
	fmt.Fprintf(w, "%s", strings.ToUpper(p.Format))
	if p.Format == importer.CSV {
		fmt.Fprintf(w, ", %s, delimiter %q", p.Encoding, p.Delimiter)
	}
	fmt.Fprintf(w, ", dates without an offset are in %s\n\n", p.Timezone)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "COLUMN\tGOES TO\tAS\tFOR EXAMPLE")
	samples := map[string][]string{}
	for _, c := range g.Columns {
		samples[c.Name] = c.Samples
	}
	for _, c := range p.Columns {
		example := ""
		if s := samples[c.Name]; len(s) > 0 {
			example = strings.Join(strings.Fields(s[0]), " ")
		}
		target := c.Target
		if target == importer.Ignore {
			target = "(left out)"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", c.Name, target, c.Type+c.Date, example)
	}
	_ = tw.Flush() // to a terminal
	if len(p.IDFrom) > 0 {
		fmt.Fprintf(w, "\nThe event_id is made of: %s\n", strings.Join(p.IDFrom, ", "))
	}
	if len(g.Events) > 0 {
		fmt.Fprintf(w, "\nThe first row becomes:\n  %s\n", g.Events[0])
	}
	for _, text := range g.Warnings {
		fmt.Fprintf(w, "Note: %s\n", text)
	}
	if g.Rows > 0 {
		fmt.Fprintf(w, "\nOf the first %d rows %d would be refused.\n", g.Rows, g.Refused)
	}
	for _, x := range g.Problems[:min(len(g.Problems), 5)] {
		fmt.Fprintf(w, "  row %d: %s\n", x.Row, x.Message)
	}
}

// report says how an import ended, and fetches its refused rows.
func (cmd *importCommand) report(ctx context.Context, u *uploader, x importer.Import, t *terminal) error {
	fmt.Fprintf(t.Out, "%d rows: %d accepted, %d refused\n", x.Rows, x.Accepted, x.Refused)
	for _, s := range x.Samples[:min(len(x.Samples), 5)] {
		kind := ""
		if s.Warning {
			kind = "warning: "
		}
		fmt.Fprintf(t.Err, "  row %d: %s%s\n", s.Row, kind, s.Message)
	}
	var err error
	if x.Refused > 0 {
		path := cmd.Refused
		if path == "" {
			path = refusedPath(cmd.File, x.Plan.Format)
		}
		if err = u.refused(ctx, x.ID, path); err == nil {
			err = fmt.Errorf("%d rows were refused; they are in %s with the reason before each: mend them and import that file", x.Refused, path)
		}
	}
	if x.State != importer.Done {
		err = errors.Join(errors.New(x.Message), err)
	}
	return err
}

func refusedPath(file, format string) string {
	for _, ending := range []string{".gz", ".csv", ".tsv", ".txt", ".ndjson", ".jsonl", ".json", ".parquet"} {
		file = strings.TrimSuffix(file, ending)
	}
	if format == importer.CSV {
		return file + ".refused.csv"
	}
	return file + ".refused.ndjson"
}

// findConnection finds a connection by its id or, if only one has it, its name.
func findConnection(ctx context.Context, client *apiclient.Client, text string) (connectionView, error) {
	var c connectionView
	if _, err := uuid.Parse(text); err == nil {
		return c, client.Do(ctx, http.MethodGet, connectionPath(text), nil, &c)
	}
	var page struct {
		Data []connectionView `json:"data"`
	}
	query := url.Values{"search": {text}, "limit": {"500"}}
	if err := client.Do(ctx, http.MethodGet, connectionsPath+"?"+query.Encode(), nil, &page); err != nil {
		return c, err
	}
	var found []connectionView
	for _, x := range page.Data {
		if x.Name == text {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return c, fmt.Errorf("no connection is named %q; 'tributary connection list' shows all", text)
	default:
		return c, fmt.Errorf("%d connections are named %q: give the id", len(found), text)
	}
}

// loadPlan reads a plan from YAML, of which JSON is a part.
func loadPlan(path string, p *importer.Plan) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read mapping: %w", err)
	}
	var any map[string]any
	if err := yaml.Unmarshal(data, &any); err != nil {
		return fmt.Errorf("read mapping %s: %w", path, err)
	}
	text, err := json.Marshal(any)
	if err != nil {
		return fmt.Errorf("read mapping %s: %w", path, err)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return fmt.Errorf("read mapping %s: %w", path, err)
	}
	return nil
}

func savePlan(path string, p *importer.Plan) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	var any map[string]any
	if err := json.Unmarshal(text, &any); err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	data, err := yaml.Marshal(any)
	if err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write mapping: %w", err)
	}
	return nil
}

// lines reads the answer of an import, one state a line.
func lines(r io.Reader, each func(importer.Import)) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		var x importer.Import
		if err := json.Unmarshal(scan.Bytes(), &x); err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		each(x)
	}
	return scan.Err()
}
