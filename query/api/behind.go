package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/query/report"
	"github.com/tributary-events/tributary/query/sqlrun"
	"github.com/tributary-events/tributary/query/views"
)

// analystsView is what reports read for an SQL client: in the default database of the
// analyst.
const analystsView = "events"

// reportEvents answers with the events behind a report or a part of it.
func (a *api) reportEvents(c *gin.Context) error {
	if err := a.adHoc(c); err != nil {
		return err
	}
	data, err := body(c)
	if err != nil {
		return err
	}
	request, err := report.DecodeEvents(data)
	if err != nil {
		return decodeError(data, err, "")
	}
	catalog, err := a.catalog(c.Request.Context())
	if err != nil {
		return err
	}
	plan, err := report.CompileEvents(request, catalog, a.Now())
	if err != nil {
		return err
	}
	found, err := a.Reports.Events(c.Request.Context(), plan)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, list[report.Found]{Data: found})
}

// reportSQL answers with the statement that gives a report's rows to an SQL client.
func (a *api) reportSQL(c *gin.Context) error {
	plan, err := a.asked(c)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string]string{"sql": plan.ClientSQL(analystsView)})
}

// viewView is a view that SQL may read.
type viewView struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Columns     []sqlrun.Column `json:"columns"`
}

// sqlSchema answers with the views that SQL may read, for completion.
func (a *api) sqlSchema(c *gin.Context) error {
	ctx := c.Request.Context()
	connections, err := a.Connections(ctx)
	if err != nil {
		return err
	}
	described := map[string]string{analystsView: "All events, each once"}
	names := views.Names(connections)
	for _, x := range connections {
		described[names[x.ID.String()]] = "Events of the connection " + x.Name + ", with its fields as columns"
	}
	tables, err := a.SQL.Schema(ctx)
	if err != nil {
		return err
	}
	out := make([]viewView, 0, len(tables))
	for _, t := range tables {
		out = append(out, viewView{Name: t.Name, Description: described[t.Name], Columns: t.Columns})
	}
	return writeJSON(c, http.StatusOK, map[string]any{"views": out})
}
