package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tributary-events/tributary/event"
)

// Limits of what a guess looks at.
const (
	guessBytes  = 8 << 20 // of the file, unpacked
	guessRows   = 10_000
	guessEvents = 20
	keptTexts   = 2000 // of one column
	shownTexts  = 5
)

// Guess is what a file seems to be, for its owner to confirm.
type Guess struct {
	Plan      *Plan      `json:"plan"`
	Questions []Question `json:"questions"`
	Warnings  []string   `json:"warnings"`
	// Columns have some of the values of each column of the plan.
	Columns []ColumnSample `json:"columns"`
	// Rows were looked at; Refused of them would be refused as the plan stands.
	Rows    int64 `json:"rows"`
	Refused int64 `json:"refused"`
	// Total is how many rows the file has, where it says so.
	Total *int64 `json:"total_rows,omitempty"`
	// Events are what the first rows become, Problems what is wrong with others.
	Events   []json.RawMessage `json:"events"`
	Problems []Sample          `json:"problems"`
}

// ColumnSample shows what a column holds.
type ColumnSample struct {
	Name    string   `json:"name"`
	Samples []string `json:"samples"`
	Filled  int64    `json:"filled"` // rows that have a value
}

// Part is a file, or as much of it as a guess needs.
type Part struct {
	Name string // of the file; "" = unknown
	Head io.Reader
	// Whole says that Head is the whole file.
	Whole bool
	// Tail is the file's end and Size its size, without which Parquet cannot be read.
	Tail []byte
	Size int64
}

// Guess reads the first part of a file and says what its columns seem to mean. What
// given says already holds: its format, encoding, delimiter, time zone and so on, and its
// columns by their names. Errors: *FileError, *PlanError, or what the part's reader returned.
func (s *Service) Guess(part Part, given *Plan, allowAnonymous bool) (*Guess, error) {
	if given == nil {
		given = &Plan{}
	}
	g := &guesser{part: part, given: given, anonymous: allowAnonymous}
	if err := g.open(); err != nil {
		return nil, err
	}
	if err := g.look(); err != nil {
		return nil, err
	}
	g.decide()
	if err := g.plan.check(); err != nil {
		return nil, err
	}
	if err := g.try(); err != nil {
		return nil, err
	}
	return &g.guess, nil
}

type guesser struct {
	part      Part
	given     *Plan
	anonymous bool

	plan    Plan
	guess   Guess
	reopen  func(*Plan) (Source, error)
	whole   bool // the sample is the whole file
	columns []string
	texts   map[string]*column
}

// column is what was seen of one column.
type column struct {
	texts  []string // without empty ones
	filled int64
	all    map[string]bool // of at most keptTexts rows
	twice  bool            // a value occurs twice
}

// open finds out how to read the file.
func (g *guesser) open() error {
	g.plan = Plan{
		Format: g.given.Format, Encoding: g.given.Encoding, Delimiter: g.given.Delimiter, NoHeader: g.given.NoHeader,
		Timezone: g.given.Timezone, UndoFormulas: g.given.UndoFormulas, MaxRefused: g.given.MaxRefused,
	}
	if g.plan.Timezone == "" {
		g.plan.Timezone = "UTC"
	}
	if _, err := g.plan.location(); err != nil {
		return wrong("timezone", "must be the name of a time zone such as Europe/Berlin")
	}
	text, head, err := unpack(g.part.Head)
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(head), string(magicParquet)) || g.plan.Format == Parquet {
		return g.openParquet(text)
	}
	data, err := io.ReadAll(io.LimitReader(text, guessBytes))
	var cut *FileError
	if errors.As(err, &cut) && !g.part.Whole && len(data) > 0 { // gzip of which the end was not sent
		err = nil
	}
	if err != nil {
		return err
	}
	g.whole = g.part.Whole && len(data) < guessBytes
	if g.plan.Format == "" {
		g.plan.Format = CSV
		if first := firstByte(data); first == '{' || first == '[' {
			g.plan.Format = NDJSON
		}
	}
	g.setEncoding(data)
	decodeAs := g.plan.Encoding
	if decodeAs == "" { // in question: shown as what it is most likely to be
		decodeAs = Windows1252
		if strings.Count(string(data), "\x00") > len(data)/4 {
			decodeAs = UTF16LE
		}
	}
	utf, err := decode(strings.NewReader(string(data)), decodeAs, data)
	if err != nil {
		return err
	}
	decoded, err := io.ReadAll(utf)
	if err != nil {
		return err
	}
	if end := strings.LastIndexByte(string(decoded), '\n'); !g.whole && end >= 0 {
		decoded = decoded[:end+1] // not a part of a row
	}
	if g.plan.Format == CSV && g.plan.Delimiter == "" {
		g.plan.Delimiter = delimiterOf(decoded)
	}
	if g.plan.Format == CSV && !goodDelimiter(g.plan.Delimiter) {
		return wrong("delimiter", "must be one character that is no quotation mark, letter, digit or line break")
	}
	g.reopen = func(p *Plan) (Source, error) {
		in := strings.NewReader(string(decoded))
		if p.Format == NDJSON {
			return newNDJSON(in, p), nil
		}
		return newCSV(in, p)
	}
	return nil
}

func (g *guesser) setEncoding(data []byte) {
	if g.plan.Encoding != "" {
		return
	}
	encoding, doubt := encodingOf(data, g.whole)
	g.plan.Encoding = encoding
	if encoding == "" {
		g.guess.Questions = append(g.guess.Questions, Question{
			Code: "encoding", Message: doubt + " Which encoding is it?",
			Choices: []string{Windows1252, Latin1, UTF16LE, UTF16BE, UTF8},
		})
	}
}

func (g *guesser) openParquet(text io.Reader) error {
	g.plan.Format = Parquet
	head, err := io.ReadAll(io.LimitReader(text, guessBytes))
	if err != nil {
		return err
	}
	g.whole = g.part.Whole && len(head) < guessBytes
	file := &sparse{head: head, tail: g.part.Tail, size: g.part.Size}
	if g.whole {
		file.tail, file.size = nil, int64(len(head))
	} else if len(file.tail) == 0 || file.size < int64(len(file.tail)) {
		return broken(nil, "A Parquet file is described at its end: send that, and the size, with the beginning.")
	}
	g.reopen = func(*Plan) (Source, error) { return newParquet(file, file.size) }
	return nil
}

func firstByte(data []byte) byte {
	text := strings.TrimLeft(strings.TrimPrefix(string(data[:min(len(data), 4096)]), string(bomUTF8)), " \t\r\n")
	if text == "" {
		return 0
	}
	return text[0]
}

// delimiterOf returns the delimiter with which most of the first rows have as many cells
// as the header, and more than one.
func delimiterOf(data []byte) string {
	best, score := ",", 0
	for _, d := range []string{",", ";", "\t", "|"} {
		s, err := newCSV(strings.NewReader(string(data)), &Plan{Delimiter: d})
		if err != nil || len(s.columns) < 2 {
			continue
		}
		fits, rows := 0, 0
		var row Row
		for rows < 200 && s.Next(&row) == nil {
			rows++
			if row.Fault == nil {
				fits++
			}
		}
		points := len(s.columns) + 1000
		if rows > 0 {
			points = fits*1000/rows + len(s.columns)
		}
		if points > score {
			best, score = d, points
		}
	}
	return best
}

// look reads the sample and notes what its columns hold.
func (g *guesser) look() error {
	probe := g.plan
	if probe.Format == NDJSON {
		probe.Columns = []Column{{Name: "\x00", Target: TargetID, Date: DateUnix}} // no line has it: all members are looked at
	}
	source, err := g.reopen(&probe)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // nothing was written
	g.texts = map[string]*column{}
	if p, ok := source.(*parquetSource); ok {
		total := p.Total()
		g.guess.Total = &total
	}
	if probe.Format != NDJSON {
		for _, name := range source.Columns() {
			g.seen(name)
		}
	}
	var row Row
	for n := 0; n < guessRows; n++ {
		err := source.Next(&row)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errNotSent):
			return nil
		case err != nil && n > 0 && !g.whole:
			return nil // cut off where the sample ends
		case err != nil:
			return err
		case row.Fault != nil:
			continue
		}
		for i, c := range row.Cells {
			if i < len(source.Columns()) && c.Text != nil && probe.Format != NDJSON {
				g.seen(source.Columns()[i]).note(c)
			}
		}
		for _, m := range row.More {
			if len(g.columns) < maxColumns || g.texts[m.Name] != nil {
				g.seen(m.Name).note(Cell{Text: m.Value, JSON: true})
			}
		}
	}
	return nil
}

func (g *guesser) seen(name string) *column {
	c := g.texts[name]
	if c == nil {
		c = &column{all: map[string]bool{}}
		g.texts[name] = c
		g.columns = append(g.columns, name)
	}
	return c
}

func (c *column) note(cell Cell) {
	c.filled++
	text := string(cell.Text)
	if cell.JSON {
		if t, fault := textOf(cell, "", true); fault == nil {
			text = string(t)
		}
	}
	c.twice = c.twice || c.all[text]
	if len(c.texts) < keptTexts {
		c.texts = append(c.texts, shortText(text))
		c.all[text] = true
	}
}

// shortText bounds what is kept of a text; longer ones are no dates, numbers or ids.
func shortText(s string) string { return s[:min(len(s), 2000)] }

// try makes events of the sample as the plan stands.
func (g *guesser) try() error {
	g.guess.Plan = &g.plan
	for _, q := range g.plan.questions(g.anonymous) {
		asked := slices.ContainsFunc(g.guess.Questions, func(x Question) bool { return x.Code == q.Code && x.Column == q.Column })
		if !asked { // perhaps with fewer choices
			g.guess.Questions = append(g.guess.Questions, q)
		}
	}
	g.guess.Events, g.guess.Problems = []json.RawMessage{}, []Sample{}
	g.guess.Columns = make([]ColumnSample, 0, len(g.plan.Columns))
	for _, name := range g.columns {
		c := g.texts[name]
		sample := ColumnSample{Name: name, Samples: []string{}, Filled: c.filled}
		for _, t := range c.texts[:min(len(c.texts), shownTexts)] {
			sample.Samples = append(sample.Samples, shorten(t))
		}
		g.guess.Columns = append(g.guess.Columns, sample)
	}
	if g.guess.Questions == nil {
		g.guess.Questions = []Question{}
	}
	if g.guess.Warnings == nil {
		g.guess.Warnings = []string{}
	}
	trial := g.plan
	if len(trial.questions(g.anonymous)) > 0 || trial.Encoding == "" && trial.Format == CSV {
		return nil // no event can be made yet
	}
	source, err := g.reopen(&trial)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	b, err := newBuilder(&trial, source.Columns())
	if err != nil {
		return err
	}
	r := &reader{source: source, builder: b, decoder: event.NewDecoder(), options: event.Options{AllowAnonymous: g.anonymous}}
	return g.rows(r)
}

func (g *guesser) rows(r *reader) error {
	b := newBatch()
	for n := 0; n < guessRows; n++ {
		err := r.source.Next(&r.row)
		if errors.Is(err, io.EOF) || errors.Is(err, errNotSent) || err != nil && !g.whole && n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if f := r.row.Fault; f != nil && f.Unreadable && !g.whole && strings.Contains(f.Message, neverClosed) {
			return nil // cut off with the sample, inside of quotation marks
		}
		b.reset()
		r.take(b)
		r.held = false
		g.count(b)
		if len(b.rows) > 0 && len(g.guess.Events) < guessEvents {
			g.guess.Events = append(g.guess.Events, json.RawMessage(slices.Clone(r.event)))
		}
	}
	return nil
}

func (g *guesser) count(b *batch) {
	g.guess.Rows++
	g.guess.Refused += int64(len(b.refused))
	add := func(s Sample) {
		if len(g.guess.Problems) < maxSamples {
			g.guess.Problems = append(g.guess.Problems, s)
		}
	}
	for _, x := range b.refused {
		add(Sample{Row: x.Row, Message: x.Reason})
	}
	for _, x := range b.warned {
		add(Sample{Row: x.Row, Message: x.Field + ": " + x.Message, Warning: true})
	}
}

// dateForms are the forms that all dates of a column have.
func (g *guesser) dateForms(name string) []string {
	loc, err := g.plan.location()
	if err != nil {
		loc = time.UTC
	}
	return formsOf(g.texts[name].texts, loc)
}

func (g *guesser) warn(format string, args ...any) {
	g.guess.Warnings = append(g.guess.Warnings, fmt.Sprintf(format, args...))
}
