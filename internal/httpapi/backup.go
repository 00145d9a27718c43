package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
)

// Backups takes backups of everything.
type Backups interface {
	// Take returns a backup of this moment, which Write sends as an archive and Close
	// lets go of.
	Take(ctx context.Context) (Backup, error)
}

// Backup is one backup, on the server's disk.
type Backup interface {
	Write(w io.Writer) error
	Close() error
}

func (a *API) takeBackup(c *gin.Context) (err error) {
	if a.cfg.Backups == nil {
		return problem.New(problem.NotFound, "This server's ClickHouse is not embedded: use its own BACKUP DATABASE.")
	}
	// An error means that the writer is no connection.
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(eraseDeadline))
	b, err := a.cfg.Backups.Take(c.Request.Context())
	if err != nil {
		return problem.Wrap(err, problem.Unavailable, "The backup could not be taken now.").RetryAfter(retryAfter)
	}
	defer func() {
		if e := b.Close(); e != nil && err == nil {
			a.cfg.Logger.Error("the server's copy of a backup could not be deleted", "error", e)
		}
	}()
	c.Header("Content-Type", "application/x-tar")
	c.Header("Content-Disposition", `attachment; filename="tributary-`+time.Now().UTC().Format("20060102T150405Z")+`.tar"`)
	c.Status(http.StatusOK)
	if err := b.Write(c.Writer); err != nil {
		a.cfg.Logger.Warn("a backup was cut off", "error", err)
		// The archive's end is missing and so is the answer's: nobody takes it for whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}
