package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/catalogue"
	"github.com/tributary-events/tributary/internal/problem"
)

// pathView is a path of the catalogue with the fields that are defined for it.
type pathView struct {
	Path      string            `json:"path"`
	Types     map[string]uint64 `json:"types"`
	FirstSeen time.Time         `json:"first_seen"`
	LastSeen  time.Time         `json:"last_seen"`
	Sample    string            `json:"sample"`
	Fields    []fieldFit        `json:"fields"`
}

// fieldFit says how a defined field's type suits the values of its path.
type fieldFit struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// MisfitShare is the share of values that do not fit, from 0 to 1; null where
	// none were seen since counting began.
	MisfitShare *float64 `json:"misfit_share"`
}

func (a *api) connectionFields(c *gin.Context) error {
	ctx := c.Request.Context()
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return problem.New(problem.NotFound, "There is no connection with this id.")
	}
	catalog, err := a.catalog(ctx)
	if err != nil {
		return err
	}
	known := false
	for _, x := range catalog.Connections {
		known = known || x.ID == id
	}
	if !known {
		return problem.New(problem.NotFound, "There is no connection with this id.")
	}
	paths, err := a.Catalogue.Paths(ctx, id)
	if err != nil {
		return err
	}
	fields := catalog.Set.SortedFields()
	out := make([]pathView, 0, len(paths))
	for i := range paths {
		p := &paths[i]
		v := pathView{Path: p.Path, Types: p.Types, FirstSeen: p.FirstSeen, LastSeen: p.LastSeen, Sample: p.Sample, Fields: []fieldFit{}}
		for _, f := range fields {
			if !f.AppliesTo(id) || (f.Path != p.Path && f.Path+"[]" != p.Path) {
				continue
			}
			if f.Path != p.Path && f.Type.Element() == f.Type {
				continue // the elements of a list, and the field is no list
			}
			v.Fields = append(v.Fields, fieldFit{f.Name, string(f.Type), p.MisfitShare(catalogue.Type(f.Type.Element()))})
		}
		out = append(out, v)
	}
	return writeJSON(c, http.StatusOK, list[pathView]{Data: out})
}
