package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/importer"
	"github.com/tributary-events/tributary/internal/apiclient"
)

// What a preview is sent of a file.
const (
	previewHead = 4 << 20
	previewTail = 16 << 20 // of Parquet
)

// importFile is a file that must not change while it is read.
type importFile struct {
	*os.File
	size     int64
	modified time.Time
}

func openImport(path string) (*importFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &importFile{f, info.Size(), info.ModTime()}, nil
}

// changedError says that a file was written to while it was read.
type changedError struct{ name string }

func (e *changedError) Error() string {
	return e.name + " changed while it was read, so that its rows may be cut or mixed. Let it be written to its end and import it again: what is in already is not doubled"
}

func (f *importFile) check() error {
	now, err := os.Stat(f.Name())
	if err != nil {
		return fmt.Errorf("look at the file: %w", err)
	}
	mine, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the file: %w", err)
	}
	if now.Size() != f.size || !now.ModTime().Equal(f.modified) || !os.SameFile(now, mine) {
		return &changedError{f.Name()}
	}
	return nil
}

// steady reads the file from its start and looks now and then whether it is the same.
type steady struct {
	file *importFile
	at   int64
	seen int64
}

func (s *steady) Read(p []byte) (int, error) {
	n, err := s.file.ReadAt(p, s.at)
	s.at += int64(n)
	if end := errors.Is(err, io.EOF); end || s.at-s.seen >= 4<<20 {
		s.seen = s.at
		if changed := s.file.check(); changed != nil {
			return 0, changed
		}
		if end && s.at != s.file.size {
			return 0, &changedError{s.file.Name()}
		}
	}
	return n, err
}

// uploader sends one file.
type uploader struct {
	client  *apiclient.Client
	path    string
	file    *importFile
	retries int
	t       *terminal
}

type importSettings struct {
	ID    string         `json:"id,omitempty"`
	Name  string         `json:"name"`
	Size  int64          `json:"size"`
	Plan  *importer.Plan `json:"plan"`
	Whole bool           `json:"whole,omitempty"`
}

// form writes a request's parts while they are read.
func form(settings importSettings, tail, file io.Reader) (body *io.PipeReader, contentType string) {
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	write := func() error {
		text, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		if err := m.WriteField("settings", string(text)); err != nil {
			return err
		}
		if tail != nil {
			part, err := m.CreateFormFile("tail", "tail")
			if err != nil {
				return err
			}
			if _, err := io.Copy(part, tail); err != nil {
				return err
			}
		}
		part, err := m.CreateFormFile("file", settings.Name)
		if err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{part}, file, make([]byte, 256<<10)); err != nil {
			return err
		}
		return m.Close()
	}
	go func() { w.CloseWithError(write()) }()
	return r, m.FormDataContentType()
}

func (u *uploader) preview(ctx context.Context, given *importer.Plan) (*importer.Guess, error) {
	head := make([]byte, min(previewHead, u.file.size))
	if _, err := u.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	settings := importSettings{Name: filepath.Base(u.file.Name()), Size: u.file.size, Plan: given, Whole: int64(len(head)) == u.file.size}
	var tail io.Reader
	if bytes.HasPrefix(head, []byte("PAR1")) && !settings.Whole {
		tail = io.NewSectionReader(u.file, max(0, u.file.size-previewTail), previewTail)
	}
	body, contentType := form(settings, tail, bytes.NewReader(head))
	defer func() { _ = body.Close() }() // ends the writer where not all was read
	res, err := u.client.Stream(ctx, http.MethodPost, u.path+"/preview", body, map[string]string{"Content-Type": contentType})
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var g importer.Guess
	if err := json.NewDecoder(res.Body).Decode(&g); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return &g, nil
}

// id is the same for the same file with the same plan, so that an import that was cut
// off goes on.
func (u *uploader) id(connection string, plan *importer.Plan) (uuid.UUID, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d %d ", connection, u.file.size, u.file.modified.UnixNano())
	if err := json.NewEncoder(h).Encode(plan); err != nil {
		return uuid.Nil, fmt.Errorf("name the import: %w", err)
	}
	const ends = 64 << 10
	for _, at := range []int64{0, max(0, u.file.size-ends)} {
		if _, err := io.Copy(h, io.NewSectionReader(u.file, at, ends)); err != nil {
			return uuid.Nil, fmt.Errorf("read the file: %w", err)
		}
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, h.Sum(nil)), nil
}

// upload sends the file until the server has dealt with all of it. A server that is away
// is waited for; it says itself where to go on.
func (u *uploader) upload(ctx context.Context, connection string, plan *importer.Plan) (importer.Import, error) {
	id, err := u.id(connection, plan)
	if err != nil {
		return importer.Import{}, err
	}
	bar := newProgress(u.t.Err, u.file.size)
	defer bar.end()
	failures, limit := 0, firstWait
	for rows := int64(0); ; {
		x, err := u.attempt(ctx, id, plan, bar)
		if err == nil && x.State != importer.Interrupted && x.State != importer.Running {
			return x, nil
		}
		if changed, ok := errors.AsType[*changedError](err); ok {
			return x, changed
		}
		p, answered := errors.AsType[*apiclient.Problem](err)
		if answered && p.Status < 500 && p.Status != http.StatusRequestTimeout {
			return x, err
		}
		if err == nil {
			err = errors.New("the connection broke")
		}
		if ctx.Err() != nil {
			return x, fmt.Errorf("interrupted; the same command goes on where this stopped: %w", ctx.Err())
		}
		if x.Rows > rows {
			rows, failures, limit = x.Rows, 0, firstWait
		}
		if failures++; failures > u.retries {
			return x, fmt.Errorf("given up after %d rows; the same command goes on where this stopped: %w", rows, err)
		}
		wait := limit/2 + time.Duration(rand.Int64N(int64(limit/2)))
		limit = min(2*limit, 10*time.Second)
		bar.say("%v\ntrying again in %s (%d of %d)", err, wait.Round(time.Millisecond), failures, u.retries)
		if err := (&sender{}).sleep(ctx, wait); err != nil {
			return x, err
		}
	}
}

// attempt sends the file once.
func (u *uploader) attempt(ctx context.Context, id uuid.UUID, plan *importer.Plan, bar *progress) (last importer.Import, err error) {
	if err := u.file.check(); err != nil {
		return last, err
	}
	settings := importSettings{ID: id.String(), Name: filepath.Base(u.file.Name()), Size: u.file.size, Plan: plan}
	source := &failing{r: &steady{file: u.file}}
	body, contentType := form(settings, nil, source)
	defer func() { _ = body.Close() }()
	res, err := u.client.Stream(ctx, http.MethodPost, u.path, body, map[string]string{
		"Content-Type": contentType, "Accept": "application/x-ndjson",
	})
	if err == nil {
		err = lines(res.Body, func(x importer.Import) { last = x; bar.show(x) })
		_ = res.Body.Close() // read as far as it goes
	}
	if source.err != nil {
		return last, source.err
	}
	if _, answered := errors.AsType[*apiclient.Problem](err); err == nil && last.State != importer.Running || answered {
		return last, err
	}
	// The answer was cut off: perhaps just because the server did not want the rest.
	var x importer.Import
	if e := u.client.Do(ctx, http.MethodGet, u.path+"/"+id.String(), nil, &x); e == nil && x.State == importer.Failed {
		return x, nil
	}
	return last, err
}

// failing remembers the error of reading the file, which is none of the network's.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// refused fetches the refused rows.
func (u *uploader) refused(ctx context.Context, id uuid.UUID, path string) (err error) {
	res, err := u.client.Stream(ctx, http.MethodGet, u.path+"/"+id.String()+"/refused", nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, res.Body); err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	return nil
}

// progress shows how far an import is: a bar on a terminal, else a line now and then.
type progress struct {
	w       io.Writer
	live    bool
	size    int64
	started time.Time
	first   int64 // rows that were dealt with before
	shown   time.Time
	drawn   bool
}

func newProgress(w io.Writer, size int64) *progress {
	return &progress{w: w, live: isTerminal(w), size: size, started: time.Now(), first: -1}
}

func (p *progress) show(x importer.Import) {
	if p.first < 0 { // the first line says where it begins
		p.first, p.started, p.shown = x.Resumed, time.Now(), time.Now()
	}
	every := 10 * time.Second
	if p.live {
		every = 100 * time.Millisecond
	}
	if time.Since(p.shown) < every && x.State == importer.Running {
		return
	}
	p.shown = time.Now()
	if p.live {
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.text(x))
		p.drawn = true
		return
	}
	fmt.Fprintln(p.w, p.text(x))
}

func (p *progress) text(x importer.Import) string {
	took := time.Since(p.started).Seconds()
	share := 1.0
	if p.size > 0 {
		share = min(1, float64(x.Bytes)/float64(p.size))
	}
	rate := 0.0
	if took > 0.5 {
		rate = float64(x.Rows-p.first) / took
	}
	const width = 24
	full := int(share * width)
	left := "?"
	if took > 0.5 && share > 0.01 && x.State == importer.Running {
		left = time.Duration(took * (1 - share) / share * float64(time.Second)).Round(time.Second).String()
	} else if x.State != importer.Running {
		left = "0s"
	}
	text := fmt.Sprintf("[%s%s] %3.0f%%  %d rows  %.0f rows/s  %s left", strings.Repeat("#", full), strings.Repeat(".", width-full), share*100, x.Rows, rate, left)
	if x.Refused > 0 {
		text += fmt.Sprintf("  %d refused", x.Refused)
	}
	return text
}

func (p *progress) say(format string, args ...any) {
	p.end()
	fmt.Fprintf(p.w, format+"\n", args...)
	p.first = -1
}

func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}
