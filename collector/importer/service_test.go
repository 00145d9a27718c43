package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/event"
	"github.com/tributary-events/tributary/internal/problem"
)

// orders is a file of n rows.
func orders(n int) string {
	var b strings.Builder
	b.WriteString(orderHeader)
	for i := range n {
		fmt.Fprintf(&b, "o%d,2025-01-%02d,a@example.com,%d\n", i, 1+i%28, i)
	}
	return b.String()
}

func TestAnImportThatIsCutOffGoesOn(t *testing.T) {
	const rows = 20_000
	text := orders(rows)
	m := newMemory()
	s := newService(t, m)
	id := uuid.New()
	broken := errors.New("connection reset")
	job := func(body io.Reader) Job {
		return Job{ID: id, Connection: crm, Plan: csvPlan(), Body: body, Size: int64(len(text))}
	}
	before := int64(0)
	for _, share := range []int{3, 2} {
		cut := io.MultiReader(strings.NewReader(text[:len(text)/share]), iotest.ErrReader(broken))
		x, err := s.Run(t.Context(), job(cut))
		if err != nil || x.State != Interrupted || x.Rows <= before || x.Rows >= rows || x.Accepted != x.Rows || x.Resumed != before {
			t.Fatalf("cut at 1/%d: %v %+v", share, err, x)
		}
		before = x.Rows
	}
	x, err := s.Run(t.Context(), job(strings.NewReader(text)))
	if err != nil || x.State != Done || x.Rows != rows || x.Accepted != rows || x.Resumed != before {
		t.Fatalf("%v %+v", err, x)
	}
	if len(m.events) != rows || len(m.order) != rows {
		t.Errorf("%d events, accepted %d times", len(m.events), len(m.order))
	}
	// In the order of the file: of two rows of one id the last must win.
	for i, id := range m.order {
		if id != fmt.Sprintf("o%d", i) {
			t.Fatalf("event %d is %s", i, id)
		}
	}
	// Once it is done, sending it again begins anew.
	if x, err = s.Run(t.Context(), job(strings.NewReader(text))); err != nil || x.Resumed != 0 || x.Accepted != rows {
		t.Errorf("%v %+v", err, x)
	}
}

func TestTheSameImportTakesOver(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	id := uuid.New()
	stuck, end := io.Pipe()
	go func() { _, _ = io.WriteString(end, orders(9000)) }() // and then nothing
	first := make(chan Import, 1)
	begun := make(chan struct{}, 100)
	go func() {
		x, _ := s.Run(context.Background(), Job{
			ID: id, Connection: crm, Plan: csvPlan(), Body: stuck, Interrupt: func() { _ = stuck.CloseWithError(io.ErrClosedPipe) },
			Progress: func(Import) { begun <- struct{}{} },
		})
		first <- x
	}()
	<-begun
	x, err := s.Run(t.Context(), Job{ID: id, Connection: crm, Plan: csvPlan(), Body: strings.NewReader(orders(9000))})
	if err != nil || x.State != Done || x.Rows != 9000 || x.Resumed == 0 {
		t.Errorf("%v %+v", err, x)
	}
	if x := <-first; x.State != Interrupted {
		t.Errorf("the first is %s", x.State)
	}
}

func TestRefusedRows(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	text := "id,created,email,amount,event_id\n" +
		"a,2025-01-01,a@example.com,1,\n" +
		",2025-01-01,a@example.com,2,\n" +
		"c,yesterday,a@example.com,3,\n" +
		"d,2025-01-01,nobody,\"4\n4\",\n" +
		"e,2025-01-01,a@example.com\n" +
		"f,2025-01-01,a@example.com,x,\n"
	plan := &Plan{Format: CSV, Delimiter: ",", Columns: []Column{
		{Name: "id", Target: TargetID},
		{Name: "created", Target: TargetTimestamp, Date: DateISO},
		{Name: "email", Target: TargetEmail},
		{Name: "amount", Target: PayloadPrefix + "amount", Type: TypeNumber},
		{Name: "event_id", Target: Ignore},
	}}
	x := imported(t, s, plan, strings.NewReader(text))
	if x.State != Done || x.Rows != 6 || x.Accepted != 2 || x.Refused != 4 {
		t.Errorf("%+v", x)
	}
	if diff := cmp.Diff(map[string]string{"a": `{"amount":1}`, "f": `{"amount":"x"}`}, m.events); diff != "" {
		t.Error(diff)
	}
	want := "import_row,import_reason,id,created,email,amount,event_id\n" +
		"2,event_id is required,,2025-01-01,a@example.com,2,\n" +
		"3,\"created: the date \"\"yesterday\"\", read as iso: it must begin with a date, YYYY-MM-DD or YYYYMMDD\",c,yesterday,a@example.com,3,\n" +
		"4,event_email is not a valid address: it has no @,d,2025-01-01,nobody,\"4\n4\",\n" +
		"5,\"has 3 cells, and the file has 5 columns\",e,2025-01-01,a@example.com\n"
	got := s.refusedText(t, x)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A file of refused rows has its two columns once, however often it comes back.
	plan2 := guessed(t, s, got, &Plan{Columns: plan.Columns})
	x2 := imported(t, s, plan2, strings.NewReader(got))
	if diff := cmp.Diff(strings.Replace(strings.Replace(strings.Replace(strings.Replace(want, "\n2,", "\n1,", 1), "\n3,", "\n2,", 1), "\n4,", "\n3,", 1), "\n5,\"has 3 cells, and the file has 5", "\n4,\"has 5 cells, and the file has 7", 1), s.refusedText(t, x2)); diff != "" {
		t.Error(diff)
	}
}

func TestRefusedRowsOfNDJSON(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	text := `{"event_id":"1","event_timestamp":"2025-01-01","event_email":"a@example.com"}` + "\n" +
		`{"event_id":"2","event_timestamp":"2025-01-01"}` + "\n" +
		`{"event_id":"3"},{"event_id":"4"}` + "\n" +
		`[1]` + "\n" + `{}` + "\n"
	plan := guessed(t, s, text, nil)
	if !plan.identity() {
		t.Errorf("events are not taken as they are: %+v", plan)
	}
	x := imported(t, s, plan, strings.NewReader(text))
	if x.Accepted != 1 || x.Refused != 4 {
		t.Errorf("%+v", x)
	}
	got := strings.Split(strings.TrimSpace(s.refusedText(t, x)), "\n")
	for i, want := range []string{
		`{"import_row":2,"import_reason":"event_email is required","event_id":"2","event_timestamp":"2025-01-01"}`,
		`"import_text":"{\"event_id\":\"3\"},{\"event_id\":\"4\"}"}`, `"import_text":"[1]"}`, `{"import_row":5,"import_reason":"`,
	} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("line %d is not %s in %q", i, want, got)
		}
	}
	again := strings.Join(got, "\n")
	x = imported(t, s, guessed(t, s, again, &Plan{Columns: []Column{{Name: TargetEmail, Target: TargetEmail}}}), strings.NewReader(again))
	if x.Refused != 4 {
		t.Errorf("%+v", x)
	}
	for _, line := range strings.Split(strings.TrimSpace(s.refusedText(t, x)), "\n") {
		if strings.Count(line, "import_row") != 1 {
			t.Errorf("twice: %s", line)
		}
	}
}

// A collector that cannot take events now is waited for; what it alone refuses is kept.
func TestTheCollectorsAnswers(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	m.fault = func(batch int) error {
		switch batch {
		case 1:
			return problem.New(problem.CannotStore, "full")
		case 2:
			p := problem.New(problem.InvalidEvents, "erased")
			p.Errors = []event.FieldError{{Index: 1, Field: "event_email", Message: "belongs to a person who was erased"}}
			return p
		}
		return nil
	}
	x := imported(t, s, csvPlan(), strings.NewReader(orders(3)))
	if x.State != Done || x.Accepted != 2 || x.Refused != 1 {
		t.Errorf("%+v", x)
	}
	if got, want := s.refusedText(t, x), "2,event_email: belongs to a person who was erased,o1,2025-01-02,a@example.com,1\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%s", got)
	}
	m.fault = func(int) error { return problem.New(problem.Paused, "This connection is paused.") }
	if x := imported(t, s, csvPlan(), strings.NewReader(orders(3))); x.State != Failed || x.Message != "This connection is paused." {
		t.Errorf("%+v", x)
	}
}

func TestAWrongMappingGivesUp(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	plan := csvPlan()
	plan.Columns[1].Date, plan.MaxRefused = DateExcel, 5000
	x := imported(t, s, plan, strings.NewReader(orders(50_000)))
	if x.State != Failed || !strings.Contains(x.Message, "More than 5000 rows were refused: the mapping is probably wrong. Row 1: created") || x.Rows > 20_000 {
		t.Errorf("%+v", x)
	}
}

func TestEncodings(t *testing.T) {
	const text = "id,created,email,name\n1,2025-01-02,a@example.com,Müller €\n"
	sixteen := func(order func(a, b byte) []byte) string {
		var b []byte
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			b = append(b, order(byte(u), byte(u>>8))...)
		}
		return string(b)
	}
	packed := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, s)
		_ = z.Close()
		return b.String()
	}
	le := sixteen(func(a, b byte) []byte { return []byte{a, b} })
	for name, test := range map[string]struct {
		file  string
		given *Plan
	}{
		"UTF-8":                {text, nil},
		"UTF-8 with BOM":       {"\xef\xbb\xbf" + text, nil},
		"UTF-16LE":             {le, nil},
		"UTF-16BE":             {sixteen(func(a, b byte) []byte { return []byte{b, a} }), nil},
		"windows-1252":         {strings.NewReplacer("ü", "\xfc", "€", "\x80").Replace(text), &Plan{Encoding: Windows1252}},
		"gzip":                 {packed(text), nil},
		"UTF-16LE in gzip":     {packed(le), nil},
		"UTF-16LE without BOM": {le[2:], &Plan{Encoding: UTF16LE}},
		"semicolons":           {strings.ReplaceAll(text, ",", ";"), nil},
		"tabs":                 {strings.ReplaceAll(text, ",", "\t"), nil},
		"bars":                 {strings.ReplaceAll(text, ",", "|"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			s := newService(t, m)
			x := imported(t, s, guessed(t, s, test.file, test.given), strings.NewReader(test.file))
			if diff := cmp.Diff(map[string]string{"1": `{"name":"Müller €"}`}, m.events); x.State != Done || diff != "" {
				t.Errorf("%+v %s", x, diff)
			}
		})
	}
	t.Run("wrong", func(t *testing.T) {
		m := newMemory()
		s := newService(t, m)
		latin := strings.NewReplacer("ü", "\xfc", "€", "\x80").Replace(text)
		g := guess(t, s, latin, nil)
		if len(g.Questions) != 1 || g.Questions[0].Code != "encoding" {
			t.Errorf("%+v", g.Questions)
		}
		plan := guessed(t, s, latin, &Plan{Encoding: Windows1252})
		plan.Encoding = UTF8
		x := imported(t, s, plan, strings.NewReader(latin))
		if x.Refused != 1 || x.Samples[0].Message != "name: is not UTF-8: give the file's encoding" {
			t.Errorf("%+v", x)
		}
		x = imported(t, s, plan, strings.NewReader(le))
		if x.State != Failed || !strings.Contains(x.Message, "utf-16le, as its byte order mark says") {
			t.Errorf("%+v", x)
		}
	})
}

// zeros packs to a thousandth.
func TestAZipBombIsNotUnpacked(t *testing.T) {
	bomb := func(line string) io.Reader {
		r, w := io.Pipe()
		t.Cleanup(func() { _ = r.Close() })
		go func() {
			z := gzip.NewWriter(w)
			_, err := io.WriteString(z, orderHeader)
			text := strings.Repeat(line, 1<<20/len(line)+1)
			for i := 0; err == nil && i < 10_000; i++ { // 10 GB
				_, err = io.WriteString(z, text)
			}
			_ = w.CloseWithError(errors.Join(err, io.EOF))
		}()
		return r
	}
	m := newMemory()
	s := newService(t, m)
	x := imported(t, s, csvPlan(), bomb("o1,2025-01-01,a@example.com,1\n"))
	if x.State != Failed || !strings.Contains(x.Message, "zip bomb") || len(m.events) != 1 {
		t.Errorf("%+v", x)
	}
	x = imported(t, s, csvPlan(), bomb("\x00"))
	if x.State != Failed || !strings.Contains(x.Message, "longer than 1048576 bytes") {
		t.Errorf("%+v", x)
	}
	cut, err := io.ReadAll(io.LimitReader(bomb("o1,2025-01-01,a@example.com,1\n"), 5000))
	if err != nil {
		t.Fatal(err)
	}
	if x = imported(t, s, csvPlan(), bytes.NewReader(cut)); x.State != Failed || x.Message != "The gzip file is cut off." {
		t.Errorf("%+v", x)
	}
}

func TestFilesThatAreSomethingElse(t *testing.T) {
	s := newService(t, newMemory())
	for text, want := range map[string]string{
		"":                       "empty",
		"PK\x03\x04…":            "ZIP archive",
		"\xd0\xcf\x11\xe0…":      "Excel workbook",
		"\x1f\x8b\x08\x00broken": "gzip",
		"PAR1 but no more":       "cut off",
		`[{"event_id":"1"}]`:     "JSON array",
		"\xff\xfea\x00":          "",
	} {
		_, err := s.Guess(Part{Head: strings.NewReader(text), Whole: true}, nil, false)
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// An import whose store is away goes on while no row is refused, and its end waits.
func TestAStoreThatIsAway(t *testing.T) {
	m := newMemory()
	s := newService(t, m)
	m.fault = func(batch int) error {
		m.away = batch == 1
		return nil
	}
	if x := imported(t, s, csvPlan(), strings.NewReader(orders(20_000))); x.State != Done || x.Accepted != 20_000 {
		t.Errorf("%+v", x)
	}
}
