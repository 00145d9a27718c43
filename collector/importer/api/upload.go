package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/collector/importer"
	"github.com/tributary-events/tributary/connection"
	"github.com/tributary-events/tributary/internal/problem"
)

const (
	// idle is how long a peer may stand still.
	idle = time.Minute
	// maxSettings bounds the part of a request that describes the file.
	maxSettings = 4 << 20
	// maxTail bounds what a preview takes of the end of a Parquet file.
	maxTail = 32 << 20
	// headBytes is how much of a file is looked at where no plan came with it.
	headBytes = 1 << 20
)

// upload is a request that holds a file.
type upload struct {
	settings settings
	tail     []byte
	file     *body
}

// settings describe the file.
type settings struct {
	ID   uuid.UUID      `json:"id"`
	Name string         `json:"name"`
	Size int64          `json:"size"`
	Plan *importer.Plan `json:"plan"`
	// Whole says of a preview that the file is sent as a whole.
	Whole bool `json:"whole"`
}

// receive reads a request up to the file: multipart/form-data with the parts settings
// (JSON), tail and file in this order, or else the file itself.
func receive(c *gin.Context) (*upload, error) {
	control := http.NewResponseController(c.Writer)
	source := &body{r: c.Request.Body, control: control}
	u := &upload{file: source}
	kind, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		u.settings.Name = queryOf(c).Get("name")
		u.settings.Size = max(c.Request.ContentLength, 0)
		u.settings.Whole = true
		return u, nil
	}
	parts := multipart.NewReader(source, params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, problem.Invalid(problem.Field{Field: "file", Code: "required", Message: "is the part that must come last"})
		}
		if err != nil {
			return nil, problem.Wrap(err, problem.MalformedBody, "The body is not multipart/form-data, or ended early.")
		}
		switch part.FormName() {
		case "settings":
			if err := u.settings.read(part); err != nil {
				return nil, err
			}
		case "tail":
			if u.tail, err = io.ReadAll(http.MaxBytesReader(c.Writer, part, maxTail)); err != nil {
				return nil, err
			}
		case "file":
			if u.settings.Name == "" {
				u.settings.Name = part.FileName()
			}
			u.file = &body{r: part, control: control}
			return u, nil
		default:
			return nil, problem.Invalid(problem.Field{Field: part.FormName(), Code: "unknown", Message: "is not one of the parts settings, tail, file"})
		}
	}
}

func (s *settings) read(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxSettings+1))
	if err != nil {
		return problem.Wrap(err, problem.MalformedBody, "The body ended early.")
	}
	if len(data) > maxSettings {
		return problem.New(problem.TooLarge, "The settings are larger than %d bytes.", maxSettings)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return problem.Invalid(problem.Field{Field: "settings", Code: "json", Message: "is not as it should be: " + err.Error()})
	}
	return nil
}

// run imports a file.
func (a *api) run(c *gin.Context, d connection.Detail) error {
	if d.Paused {
		return problem.New(problem.Paused, "This connection is paused and takes no events until it is resumed. Nothing was imported.")
	}
	u, err := receive(c)
	if err != nil {
		return err
	}
	if u.settings.ID == uuid.Nil {
		u.settings.ID = uuid.New()
	}
	var file io.Reader = u.file
	if u.settings.Plan == nil {
		if u.settings.Plan, file, err = a.planOf(u, d.AllowAnonymous); err != nil {
			return err
		}
	}
	job := importer.Job{
		ID: u.settings.ID, Connection: d.ID, Name: u.settings.Name, Size: u.settings.Size, Plan: u.settings.Plan,
		Body: file, Interrupt: u.file.interrupt,
	}
	if strings.Contains(c.GetHeader("Accept"), "application/x-ndjson") {
		return a.stream(c, job)
	}
	x, err := a.Imports.Run(c.Request.Context(), job)
	if err != nil {
		return err
	}
	_ = u.file.control.SetWriteDeadline(time.Now().Add(idle)) // not all writers have deadlines
	if x.State != importer.Done {
		c.Header("Connection", "close") // the rest of the body stays unread
		p := problem.New(problem.InvalidRequest, "%s", x.Message)
		p.Extensions = map[string]any{"import": x}
		return p
	}
	return writeJSON(c, x)
}

// planOf guesses a plan from the beginning of a file and returns the file whole again.
func (a *api) planOf(u *upload, allowAnonymous bool) (*importer.Plan, io.Reader, error) {
	head, err := io.ReadAll(io.LimitReader(u.file, headBytes))
	if err != nil {
		return nil, nil, problem.Wrap(err, problem.MalformedBody, "The body ended early.")
	}
	whole := len(head) < headBytes
	g, err := a.Imports.Guess(importer.Part{
		Name: u.settings.Name, Head: strings.NewReader(string(head)), Whole: whole, Tail: u.tail, Size: u.settings.Size,
	}, nil, allowAnonymous)
	if err != nil {
		return nil, nil, err
	}
	if len(g.Questions) > 0 {
		return nil, nil, &importer.OpenPlanError{Questions: g.Questions}
	}
	return g.Plan, io.MultiReader(strings.NewReader(string(head)), u.file), nil
}

// stream imports a file and writes a line whenever it is further; the last line has
// another state than running.
func (a *api) stream(c *gin.Context, job importer.Job) error {
	control := http.NewResponseController(c.Writer)
	// HTTP/1 would read the body to its end before the first line went out.
	if err := control.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("answer while the body arrives: %w", err)
	}
	line := func(x importer.Import) {
		if !c.Writer.Written() {
			c.Header("Content-Type", "application/x-ndjson")
			c.Status(http.StatusOK)
		}
		data, err := json.Marshal(x)
		if err != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(idle))
		_, _ = c.Writer.Write(append(data, '\n')) // who does not read asks for the import later
		_ = control.Flush()
	}
	job.Progress = line
	_, err := a.Imports.Run(c.Request.Context(), job)
	return err
}

// preview guesses what a file's columns mean.
func (a *api) preview(c *gin.Context, d connection.Detail) error {
	u, err := receive(c)
	if err != nil {
		return err
	}
	if t := c.GetHeader("Content-Type"); !strings.HasPrefix(t, "multipart/form-data") {
		// What is sent may be all there is, or just a part of it: by the length it is not known.
		u.settings.Whole = queryOf(c).Get("whole") != "false"
	}
	g, err := a.Imports.Guess(importer.Part{
		Name: u.settings.Name, Head: u.file, Whole: u.settings.Whole, Tail: u.tail, Size: u.settings.Size,
	}, u.settings.Plan, d.AllowAnonymous)
	if err != nil {
		return err
	}
	return writeJSON(c, g)
}

// body is a request's body with a deadline that moves with every read.
type body struct {
	r       io.Reader
	control *http.ResponseController
	cut     atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	// An error means that there is no connection, in a test.
	_ = b.control.SetReadDeadline(time.Now().Add(idle))
	if b.cut.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := b.r.Read(p)
	if err != nil && !b.cut.Load() {
		// What still has to be done may take long, and nothing is waited for.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// interrupt ends a read that waits, and those to come.
func (b *body) interrupt() {
	b.cut.Store(true)
	_ = b.control.SetReadDeadline(time.Now())
}

// deadlineWriter moves the deadline of an answer with every write.
type deadlineWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (d *deadlineWriter) Write(p []byte) (int, error) {
	_ = d.control.SetWriteDeadline(time.Now().Add(idle)) // not all writers have deadlines
	return d.w.Write(p)
}
