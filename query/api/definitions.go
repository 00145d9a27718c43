package api

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/tributary-events/tributary/query/define"
)

// list is the shape of all lists (CONTRACT section 3). Definitions are few: they
// come on one page.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

// fieldBody is a field as it is sent. A name that differs from that of the URL
// renames the field.
type fieldBody struct {
	Name          string      `json:"name"`
	ConnectionIDs []uuid.UUID `json:"connection_ids"`
	Path          string      `json:"path"`
	Type          define.Type `json:"type"`
	Label         string      `json:"label"`
	Description   string      `json:"description"`
	readOnly
	unknown
}

// readOnly are the members that answers have and requests may repeat.
type readOnly struct {
	Version   jsontext.Value `json:"version"`
	ChangedBy jsontext.Value `json:"changed_by"`
	ChangedAt jsontext.Value `json:"changed_at"`
}

func (b *fieldBody) field() define.Field {
	return define.Field{
		Name: b.Name, ConnectionIDs: idsOf(b.ConnectionIDs), Path: b.Path, Type: b.Type, Label: b.Label, Description: b.Description,
	}
}

// idsOf makes an empty list of an absent one.
func idsOf(ids []uuid.UUID) []uuid.UUID {
	if ids == nil {
		return []uuid.UUID{}
	}
	return ids
}

func (a *api) listFields(c *gin.Context) error {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, list[*define.Field]{Data: set.SortedFields()})
}

func (a *api) getField(c *gin.Context) error {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return err
	}
	if f := set.Fields[c.Param("name")]; f != nil {
		return writeJSON(c, http.StatusOK, f)
	}
	return define.ErrNotFound
}

func (a *api) putField(c *gin.Context) error {
	var b fieldBody
	if err := decode(c, &b); err != nil {
		return err
	}
	forced, err := force(c)
	if err != nil {
		return err
	}
	from := c.Param("name")
	if b.Name == "" {
		b.Name = from
	}
	if err := a.knownConnections(c, b.ConnectionIDs); err != nil {
		return err
	}
	f, err := a.Definitions.PutField(c.Request.Context(), a.Who(c), from, b.field(), forced)
	if err != nil {
		return err
	}
	a.cache.clear()
	return writeJSON(c, http.StatusOK, f)
}

// knownConnections refuses ids of no connection.
func (a *api) knownConnections(c *gin.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	connections, err := a.Connections(c.Request.Context())
	if err != nil {
		return err
	}
	known := make(map[uuid.UUID]bool, len(connections))
	for _, x := range connections {
		known[x.ID] = true
	}
	var issues define.Issues
	for i, id := range ids {
		if !known[id] {
			issues.Add("/connection_ids/"+itoa(i), "undefined", "%s is the id of no connection", id)
		}
	}
	return issues.Err()
}

func (a *api) previewField(c *gin.Context) error {
	var b fieldBody
	if err := decode(c, &b); err != nil {
		return err
	}
	if b.Name == "" {
		b.Name = "preview_of_a_field"
	}
	catalog, err := a.catalog(c.Request.Context())
	if err != nil {
		return err
	}
	f := b.field()
	preview, err := a.Reports.Preview(c.Request.Context(), &f, catalog)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, preview)
}

// conversionBody is a conversion as it is sent.
type conversionBody struct {
	Name          string          `json:"name"`
	ConnectionIDs []uuid.UUID     `json:"connection_ids"`
	Filters       []define.Filter `json:"filters"`
	ValueField    string          `json:"value_field"`
	Label         string          `json:"label"`
	Description   string          `json:"description"`
	readOnly
	unknown
}

func (a *api) listConversions(c *gin.Context) error {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, list[*define.Conversion]{Data: set.SortedConversions()})
}

func (a *api) getConversion(c *gin.Context) error {
	set, err := a.Definitions.Set(c.Request.Context())
	if err != nil {
		return err
	}
	if x := set.Conversions[c.Param("name")]; x != nil {
		return writeJSON(c, http.StatusOK, x)
	}
	return define.ErrNotFound
}

func (a *api) putConversion(c *gin.Context) error {
	var b conversionBody
	if err := decode(c, &b); err != nil {
		return err
	}
	forced, err := force(c)
	if err != nil {
		return err
	}
	from := c.Param("name")
	if b.Name == "" {
		b.Name = from
	}
	if b.Filters == nil {
		b.Filters = []define.Filter{}
	}
	if err := a.knownConnections(c, b.ConnectionIDs); err != nil {
		return err
	}
	x, err := a.Definitions.PutConversion(c.Request.Context(), a.Who(c), from, define.Conversion{
		Name: b.Name, ConnectionIDs: idsOf(b.ConnectionIDs), Filters: b.Filters, ValueField: b.ValueField, Label: b.Label, Description: b.Description,
	}, forced)
	if err != nil {
		return err
	}
	a.cache.clear()
	return writeJSON(c, http.StatusOK, x)
}

// remove deletes a definition.
func (a *api) remove(kind define.Kind, param string) handler {
	return func(c *gin.Context) error {
		forced, err := force(c)
		if err != nil {
			return err
		}
		if err := a.Definitions.Delete(c.Request.Context(), a.Who(c), kind, c.Param(param), forced); err != nil {
			return err
		}
		a.cache.clear()
		c.Status(http.StatusNoContent)
		return nil
	}
}

func (a *api) history(kind define.Kind, param string) handler {
	return func(c *gin.Context) error {
		revisions, err := a.Definitions.History(c.Request.Context(), kind, c.Param(param))
		if err != nil {
			return err
		}
		return writeJSON(c, http.StatusOK, list[define.Revision]{Data: revisions})
	}
}
