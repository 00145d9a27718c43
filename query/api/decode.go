package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tributary-events/tributary/internal/problem"
	"github.com/tributary-events/tributary/query/define"
)

// maxBody is how many bytes a request may have: a report with 20,000 filter values
// fits.
const maxBody = 4 << 20

// body reads a request's JSON.
func body(c *gin.Context) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err != nil || t != "application/json" {
		return nil, problem.New(problem.UnsupportedMedia, "Send Content-Type: application/json.")
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return nil, problem.Wrap(err, problem.MalformedBody, "The body ended early.")
	}
	return data, err
}

// unknown is embedded by what a body is decoded into: it takes the members that
// the type does not know, so that they can be named.
type unknown struct {
	Unknown map[string]jsontext.Value `json:",embed"`
}

func (u *unknown) issues() error {
	var issues define.Issues
	for name := range u.Unknown {
		issues.Add("/"+pointerToken(name), "unknown", "is not a field of this request")
	}
	return issues.Err()
}

// decode reads a request's JSON into dst, which embeds unknown.
func decode(c *gin.Context, dst interface{ issues() error }) error {
	data, err := body(c)
	if err != nil {
		return err
	}
	if err := jsonv2.Unmarshal(data, dst); err != nil {
		return decodeError(data, err, "")
	}
	return dst.issues()
}

// decodeError says what is wrong with JSON, and where. prefix is the pointer of
// the JSON inside the request.
func decodeError(data []byte, err error, prefix string) error {
	var syntax *jsontext.SyntacticError
	var semantic *jsonv2.SemanticError
	var invalid *define.InvalidError
	switch {
	case errors.As(err, &invalid):
		return under(prefix, err)
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return issue(prefix+string(syntax.JSONPointer), "duplicate", "occurs twice in one object")
	case errors.As(err, &syntax):
		before := data[:min(int(syntax.ByteOffset), len(data))]
		line := bytes.Count(before, []byte{'\n'}) + 1
		column := len(before) - bytes.LastIndexByte(before, '\n')
		return problem.New(problem.MalformedBody, "The body is not JSON: %v at line %d, column %d (byte %d).",
			syntax.Err, line, column, syntax.ByteOffset)
	case errors.As(err, &semantic):
		return issue(prefix+string(semantic.JSONPointer), "type", wanted(semantic))
	default:
		return problem.Wrap(err, problem.MalformedBody, "The body is not JSON.")
	}
}

func issue(pointer, code, message string) error {
	var issues define.Issues
	issues.Add(pointer, code, "%s", message)
	return issues.Err()
}

// wanted says what a member should have been.
func wanted(e *jsonv2.SemanticError) string {
	if e.GoType == nil {
		return fmt.Sprint(e.Err)
	}
	switch e.GoType {
	case reflect.TypeFor[define.Scalar]():
		return "must be a string, a number or a boolean"
	}
	switch e.GoType.Kind() {
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Int:
		return "must be a whole number"
	case reflect.Slice:
		return "must be an array"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	case reflect.Array:
		return "must be an id"
	}
	return "is of the wrong type"
}

func pointerToken(s string) string {
	return string(jsontext.Pointer("").AppendToken(s))[1:]
}

// force says whether the request is to be done although it breaks something.
func force(c *gin.Context) (bool, error) {
	switch c.Query("force") {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, issue("/force", "type", "must be true or false")
}
