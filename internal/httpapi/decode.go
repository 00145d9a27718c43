package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gin-gonic/gin"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/internal/problem"
)

// maxBody is how many bytes a body of the admin API has at most.
const maxBody = 1 << 20

// strict is embedded by every type that a body is decoded into: it takes the
// members that the type does not know, so that all of them can be named.
type strict struct {
	Unknown map[string]jsontext.Value `json:",embed"`
}

func (s *strict) unknown() map[string]jsontext.Value { return s.Unknown }

type body interface {
	unknown() map[string]jsontext.Value
}

// decode reads a JSON object into dst and checks it. An empty body is an empty
// object if optional.
func (a *API) decode(c *gin.Context, dst body, optional bool) error {
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.Wrap(err, problem.Timeout, "The body did not arrive in time.")
	}
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return problem.Wrap(err, problem.MalformedBody, "The body ended early.")
	}
	if err != nil {
		return err
	}
	if len(data) == 0 && optional {
		return nil
	}
	if t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err != nil || t != "application/json" {
		return problem.New(problem.UnsupportedMedia, "Send Content-Type: application/json.")
	}
	if err := jsonv2.Unmarshal(data, dst); err != nil {
		return badJSON(data, err)
	}
	if unknown := dst.unknown(); len(unknown) > 0 {
		var fields []problem.Field
		for name := range unknown {
			fields = append(fields, problem.Field{
				Field: name, Pointer: pointer(name), Code: "unknown", Message: "is not a field of this request",
			})
		}
		slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Field, b.Field) })
		return problem.Invalid(fields...)
	}
	return a.check(dst)
}

// badJSON says what is wrong with a body, and where.
func badJSON(data []byte, err error) error {
	var syntax *jsontext.SyntacticError
	var semantic *jsonv2.SemanticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return problem.Invalid(problem.Field{
			Field: syntax.JSONPointer.LastToken(), Pointer: string(syntax.JSONPointer), Code: "duplicate", Message: "occurs twice in one object",
		})
	case errors.As(err, &syntax):
		before := data[:min(int(syntax.ByteOffset), len(data))]
		line := bytes.Count(before, []byte{'\n'}) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n')
		return problem.New(problem.MalformedBody, "The body is not JSON: %v at line %d, column %d (byte %d).",
			syntax.Err, line, column, syntax.ByteOffset)
	case errors.As(err, &semantic):
		return problem.Invalid(problem.Field{
			Field: semantic.JSONPointer.LastToken(), Pointer: string(semantic.JSONPointer), Code: "type", Message: wanted(semantic.GoType),
		})
	default:
		return problem.Wrap(err, problem.MalformedBody, "The body is not JSON.")
	}
}

// wanted names the JSON type that a Go type is decoded from.
func wanted(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil:
		return "has the wrong type"
	case t == reflect.TypeFor[time.Time]():
		return "must be a date-time such as 2026-01-31T12:00:00Z"
	case t.Kind() == reflect.String:
		return "must be a string"
	case t.Kind() == reflect.Bool:
		return "must be true or false"
	case t.Kind() == reflect.Struct, t.Kind() == reflect.Map:
		return "must be an object"
	default:
		return "has the wrong type"
	}
}

func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	// It fails for an empty tag or no function only.
	_ = v.RegisterValidation("oneline", func(f validator.FieldLevel) bool {
		return !strings.ContainsFunc(f.Field().String(), unicode.IsControl) && strings.TrimSpace(f.Field().String()) != ""
	})
	return v
}

// check holds a decoded body against its rules.
func (a *API) check(dst any) error {
	var broken validator.ValidationErrors
	err := a.validate.Struct(dst)
	if err == nil || !errors.As(err, &broken) {
		return err
	}
	fields := make([]problem.Field, len(broken))
	for i, f := range broken {
		fields[i] = problem.Field{Field: f.Field(), Pointer: pointer(f.Field()), Code: f.Tag(), Message: ruleMessage(f)}
	}
	return problem.Invalid(fields...)
}

func ruleMessage(f validator.FieldError) string {
	switch f.Tag() {
	case "required":
		return "is required"
	case "max":
		return "must have at most " + f.Param() + " characters"
	case "oneof":
		return "must be one of " + strings.ReplaceAll(f.Param(), " ", ", ")
	case "gt":
		return "must be in the future"
	case "oneline":
		return "must be one line of text"
	default:
		return "breaks the rule " + f.Tag()
	}
}

// pointer is the RFC 6901 pointer to a member of the body's object.
func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// limitOf reads the limit parameter.
func limitOf(c *gin.Context, byDefault, most int) (int, error) {
	text := c.Query("limit")
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, problem.Invalid(problem.Field{
			Field: "limit", Code: "range", Message: fmt.Sprintf("must be a whole number from 1 to %d", most),
		})
	}
	return n, nil
}

// pathID reads an id from the path; what is no id names nothing that exists.
func pathID(c *gin.Context, name string) (uuid.UUID, error) {
	text := c.Param(name)
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.Nil.String()) {
		return uuid.Nil, problem.New(problem.NotFound, "There is nothing with this id: it is not a UUID.")
	}
	return id, nil
}

// writeJSON answers with v. It must be a value that always encodes.
func writeJSON(c *gin.Context, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		problem.Write(c.Writer, c.Request, fmt.Errorf("encode the answer: %w", err))
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	c.Status(status)
	_, _ = c.Writer.Write(b.Bytes()) // who does not read the answer has gone
}

// list is the form of every list.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

func newList[T any](data []T, next string) list[T] {
	l := list[T]{Data: data}
	if l.Data == nil {
		l.Data = []T{}
	}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}
