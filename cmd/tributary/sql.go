package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
)

// sqlCommand asks ClickHouse over its HTTP interface as the read-only analyst.
type sqlCommand struct {
	Query            string `arg:"" optional:"" help:"One statement; without it statements are read from the terminal or from standard input."`
	Format           string `help:"Any output format of ClickHouse; a table on a terminal, TSV with names otherwise." placeholder:"FORMAT"`
	EmbeddedHTTPPort string `name:"embedded-http-port" help:"Port of the running server's SQL interface." default:"8123" placeholder:"PORT"`
	URL              string `help:"HTTP interface of a ClickHouse server instead." placeholder:"URL"`
	AnalystPassword  string `name:"analyst-password" help:"Password of the user 'analyst'; found in the data folder where it is this machine's." placeholder:"PASSWORD"`
}

func (cmd *sqlCommand) Run(ctx context.Context, g *cli, t *terminal) error {
	var c checker
	base := c.url("url", cmd.URL)
	port := c.port("embedded-http-port", cmd.EmbeddedHTTPPort)
	if err := c.err(); err != nil {
		return err
	}
	if base == "" {
		base = "http://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
	}
	password := cmd.AnalystPassword
	if password == "" {
		data, err := os.ReadFile(filepath.Join(g.Data, "secrets", "clickhouse-analyst"))
		if err != nil {
			return fmt.Errorf("no password: give --analyst-password (TRIBUTARY_ANALYST_PASSWORD), or --data with the folder of the running server: %w", err)
		}
		password = strings.TrimSpace(string(data))
	}
	interactive := isTerminal(t.In) && isTerminal(t.Out)
	s := &sqlSession{url: base, password: password, format: cmd.Format, out: t.Out}
	if s.format == "" {
		s.format = "TSVWithNames"
		if isTerminal(t.Out) {
			s.format = "PrettyCompactMonoBlock"
		}
	}
	switch {
	case cmd.Query != "":
		return s.run(ctx, cmd.Query)
	case interactive:
		return s.prompt(ctx, t)
	default:
		text, err := io.ReadAll(t.In)
		if err != nil {
			return fmt.Errorf("read statements: %w", err)
		}
		for _, q := range splitStatements(string(text)) {
			if err := s.run(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

type sqlSession struct {
	url, password, format string
	out                   io.Writer
}

// run streams one statement's result.
func (s *sqlSession) run(ctx context.Context, query string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/?default_format="+s.format, strings.NewReader(query))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.SetBasicAuth("analyst", s.password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no ClickHouse answers (is 'tributary serve' running?): %w", err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	if res.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		return errors.New(strings.TrimSpace(string(text)))
	}
	if _, err := io.Copy(s.out, res.Body); err != nil {
		return fmt.Errorf("the result broke off: %w", err)
	}
	return nil
}

func (s *sqlSession) prompt(ctx context.Context, t *terminal) error {
	fmt.Fprintln(t.Out, "Statements end with ';'. The view 'events' holds everything; SHOW TABLES lists the others. Ctrl-D ends.")
	lines := bufio.NewScanner(t.In)
	lines.Buffer(nil, 16<<20)
	var statement strings.Builder
	for {
		if statement.Len() == 0 {
			fmt.Fprint(t.Out, "tributary> ")
		} else {
			fmt.Fprint(t.Out, "       ... ")
		}
		if !lines.Scan() {
			fmt.Fprintln(t.Out)
			return lines.Err()
		}
		line := strings.TrimSpace(lines.Text())
		if statement.Len() == 0 && (line == "exit" || line == "quit") {
			return nil
		}
		statement.WriteString(lines.Text() + "\n")
		if !strings.HasSuffix(line, ";") {
			continue
		}
		for _, q := range splitStatements(statement.String()) {
			if err := s.run(ctx, q); err != nil {
				fmt.Fprintln(t.Err, err)
			}
		}
		statement.Reset()
	}
}

// splitStatements splits at semicolons outside of quotes and comments.
func splitStatements(text string) []string {
	var out []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '"' || c == '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(text[i:], "--"), c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.HasPrefix(text[i:], "/*"):
			if end := strings.Index(text[i+2:], "*/"); end >= 0 {
				i += end + 3
			} else {
				i = len(text)
			}
		case c == ';':
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	out = append(out, text[min(start, len(text)):])
	kept := out[:0]
	for _, q := range out {
		if q = strings.TrimSpace(q); q != "" {
			kept = append(kept, q)
		}
	}
	return kept
}

func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimSpace(line), nil
}
