package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tributary-events/tributary/internal/problem"
)

// StatusSource tells how the server is doing, for the people who run it.
type StatusSource interface {
	// Status returns within a second or so, from what is known: a part that does not
	// answer is Down with a detail, no error. It must hold no secrets.
	Status(ctx context.Context) (Status, error)
}

// Health is how well a part works.
type Health string

// The states of a part.
const (
	HealthOK       Health = "ok"
	HealthDegraded Health = "degraded" // works, but somebody should look at it
	HealthDown     Health = "down"
)

// Status is the answer to GET /api/v1/status.
type Status struct {
	Version   string    `json:"version"` // empty = Config.Version
	StartedAt time.Time `json:"started_at"`
	// State is that of the whole: as bad as its worst part.
	State   Health         `json:"state"`
	Engine  EngineStatus   `json:"engine"`
	Ingest  IngestStatus   `json:"ingest"`
	Spool   SpoolStatus    `json:"spool"`
	Refused RefusedStatus  `json:"refused"`
	Disk    DiskStatus     `json:"disk"`
	Storage *StorageStatus `json:"storage,omitempty"` // nil = not known now
	Checks  []StatusCheck  `json:"checks,omitempty"`
}

// The kinds of engines.
const (
	EngineEmbedded = "embedded"
	EngineServer   = "server"
)

// EngineStatus is about ClickHouse.
type EngineStatus struct {
	Kind        string `json:"kind"` // EngineEmbedded or EngineServer
	State       Health `json:"state"`
	Version     string `json:"version,omitempty"`
	Detail      string `json:"detail,omitempty"`       // what is wrong, or worth knowing
	Restarts    *int64 `json:"restarts,omitempty"`     // of an embedded engine, since the server started
	MemoryBytes *int64 `json:"memory_bytes,omitempty"` // resident
}

// IngestStatus counts what was accepted through this process since it started.
type IngestStatus struct {
	EventsPerSecond   float64 `json:"events_per_second"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	EventsTotal       uint64  `json:"events_total"`
	RequestsTotal     uint64  `json:"requests_total"`
	// History is events a second, oldest first, one value for HistoryStepSeconds.
	History            []float64 `json:"history,omitempty"`
	HistoryStepSeconds float64   `json:"history_step_seconds,omitempty"`
}

// SpoolStatus is about events that ClickHouse does not have yet.
type SpoolStatus struct {
	State          Health  `json:"state"`
	WaitingBytes   int64   `json:"waiting_bytes"` // of events that ClickHouse has not confirmed
	Bytes          int64   `json:"bytes"`         // of the files on disk, what is confirmed included
	LimitBytes     int64   `json:"limit_bytes"`
	LagSeconds     float64 `json:"lag_seconds"`     // age of the oldest event that waits; 0 = none
	DamagedRecords int64   `json:"damaged_records"` // put aside since the server started
}

// RefusedStatus counts refused requests.
type RefusedStatus struct {
	LastHour int64            `json:"last_hour"`
	LastDay  int64            `json:"last_day"`
	ByStatus map[string]int64 `json:"by_status,omitempty"` // of the last day, by the HTTP status as text
}

// DiskStatus is about the disk that holds the data folder.
type DiskStatus struct {
	Path            string `json:"path"`
	FreeBytes       int64  `json:"free_bytes"` // for this user
	TotalBytes      int64  `json:"total_bytes"`
	UsedByDataBytes *int64 `json:"used_by_data_bytes,omitempty"`
}

// StorageStatus is about the table of events.
type StorageStatus struct {
	Rows        int64  `json:"rows"` // copies of an event that are not merged yet count each
	BytesOnDisk int64  `json:"bytes_on_disk"`
	Parts       *int64 `json:"parts,omitempty"`
}

// StatusCheck is something that was looked at.
type StatusCheck struct {
	Name    string `json:"name"`
	State   Health `json:"state"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"` // what to do about it
}

func (a *API) status(c *gin.Context) error {
	if a.cfg.Status == nil {
		return problem.New(problem.NotFound, "This server does not report its status.")
	}
	s, err := a.cfg.Status.Status(c.Request.Context())
	if err != nil {
		return err
	}
	if s.Version == "" {
		s.Version = a.cfg.Version
	}
	writeJSON(c, http.StatusOK, s)
	return nil
}

// me is whose key a request comes with.
type me struct {
	Role    string `json:"role"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Dashboard is the slug of the one dashboard that a shared link's key opens.
	Dashboard string `json:"dashboard,omitempty"`
}

func (a *API) me(c *gin.Context) error {
	key, _ := identity(c)
	writeJSON(c, http.StatusOK, me{Role: string(key.Role), Name: key.Name, Version: a.cfg.Version, Dashboard: key.Dashboard})
	return nil
}
