package httpapi

import (
	_ "embed" // the API document
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
)

//go:embed openapi.yaml
var openAPIDocument []byte

// OpenAPI returns the OpenAPI 3.1 document of this package's endpoints, as YAML.
func OpenAPI() []byte { return openAPIDocument }

// OpenAPI returns the OpenAPI 3.1 document of all endpoints, as YAML.
func (a *API) OpenAPI() []byte { return a.document }

func (a *API) openAPI(c *gin.Context) error {
	c.Data(http.StatusOK, "application/yaml", a.document)
	return nil
}

// problemPage explains a kind of problem: what the "type" of a problem points to.
func (a *API) problemPage(c *gin.Context) error {
	text, ok := problem.Page(problem.Kind(c.Param("kind")))
	if !ok {
		return problem.New(problem.NotFound, "There is no kind of problem with this name.")
	}
	c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(text))
	return nil
}

func (a *API) metrics(c *gin.Context) error {
	c.Status(http.StatusOK)
	a.cfg.Metrics.ServeHTTP(c.Writer, c.Request)
	return nil
}
