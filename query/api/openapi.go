package api

import _ "embed"

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the endpoints' part of the OpenAPI document.
func OpenAPI() []byte { return openAPI }
