package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/access"
)

type keyView struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Role      access.Role `json:"role"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt *time.Time  `json:"expires_at"`
	// Dashboard is the slug of the one dashboard that a shared link's key opens.
	Dashboard string `json:"dashboard,omitempty"`
	// Key is there in the answer to the creation alone.
	Key string `json:"key,omitempty"`
}

func viewOfKey(k access.Key) keyView {
	return keyView{ID: k.ID.String(), Name: k.Name, Role: k.Role, CreatedAt: k.CreatedAt, ExpiresAt: orNull(k.ExpiresAt), Dashboard: k.Dashboard}
}

type newKey struct {
	strict
	Name      string     `json:"name" validate:"required,max=200,oneline"` // access.MaxName
	Role      string     `json:"role" validate:"required,oneof=admin analyst viewer"`
	ExpiresAt *time.Time `json:"expires_at" validate:"omitnil,gt"`
}

func (a *API) createKey(c *gin.Context) error {
	var in newKey
	if err := a.decode(c, &in, false); err != nil {
		return err
	}
	var expires time.Time
	if in.ExpiresAt != nil {
		expires = *in.ExpiresAt
	}
	key, secret, err := a.cfg.Keys.Create(c.Request.Context(), in.Name, access.Role(in.Role), expires)
	if err != nil {
		return err
	}
	v := viewOfKey(key)
	v.Key = secret
	c.Header("Location", "/api/v1/keys/"+v.ID)
	writeJSON(c, http.StatusCreated, v)
	return nil
}

func (a *API) listKeys(c *gin.Context) error {
	keys, err := a.cfg.Keys.List(c.Request.Context())
	if err != nil {
		return err
	}
	views := make([]keyView, len(keys))
	for i, k := range keys {
		views[i] = viewOfKey(k)
	}
	writeJSON(c, http.StatusOK, newList(views, ""))
	return nil
}

func (a *API) deleteKey(c *gin.Context) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := a.cfg.Keys.Delete(c.Request.Context(), id); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
