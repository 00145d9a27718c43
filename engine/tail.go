package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

const (
	tailLines  = 12
	tailBytes  = 32 << 10
	lineBytes  = 300
	consoleMax = 1 << 20
)

var (
	// queryText is where the engine repeats the statement that it was busy with.
	// Statements hold people's data, and what is cut out here goes to our log.
	queryText = regexp.MustCompile(`\((in )?query: .*\)`)
	// stackFrame is a line of a crash report that tells nothing without symbols.
	stackFrame = regexp.MustCompile(`<Fatal> \S+ (\d+\. |Stack trace|Sent by|####)`)
)

// tailedFile is a log and how long it was when a child was started: what comes
// after is that child's.
type tailedFile struct {
	name string
	from int64
	// fatalOnly leaves out everything but crash reports.
	fatalOnly bool
}

func tailFrom(name string) tailedFile {
	t := tailedFile{name: name}
	if info, err := os.Stat(name); err == nil {
		t.from = info.Size()
	}
	return t
}

// lines returns the last lines written since, fewer than tailLines.
func (t tailedFile) lines() []string {
	f, err := os.Open(t.name)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	from := t.from
	if info.Size() < from {
		from = 0 // rotated meanwhile
	}
	from = max(from, info.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(string(text), "?")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "goroutine ") {
			break // Go's stacks follow, which tell nothing about the engine
		}
		switch {
		case line == "", strings.HasPrefix(line, "Logging "): // it begins by saying where it logs
		case t.fatalOnly && (!strings.Contains(line, "<Fatal>") || stackFrame.MatchString(line)):
		default:
			line = queryText.ReplaceAllString(line, "(query left out)")
			if len(line) > lineBytes {
				line = strings.ToValidUTF8(line[:lineBytes], "") + "…"
			}
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-tailLines):]
}

// logTail returns the end of a child's logs, indented, or nothing.
func (c *child) logTail() string {
	var b strings.Builder
	for _, t := range c.logs {
		for _, line := range t.lines() {
			b.WriteString("\n  | ")
			b.WriteString(line)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "; its log ends with" + b.String()
}

// rotate keeps one older generation of a file that has grown large.
func rotate(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Size() < consoleMax) {
		return nil
	}
	if err == nil {
		err = os.Rename(name, name+".1")
	}
	if err != nil {
		return fmt.Errorf("rotate engine log: %w", err)
	}
	return nil
}
