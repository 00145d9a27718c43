package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// The yardstick is what a good engineer writes in an afternoon: gin,
// encoding/json and PrepareBatch, requests of 5 ms gathered into one insert,
// acknowledged after it. It checks nothing but the JSON, and a crash of the
// machine may lose what it has acknowledged. /empty answers at once: the most that
// any gin handler can reach.

type plainEvent struct {
	ID        string          `json:"event_id"`
	Timestamp time.Time       `json:"event_timestamp"`
	Email     string          `json:"event_email"`
	CDT       string          `json:"event_adb_cdt"`
	Payload   json.RawMessage `json:"event_payload"`
}

type plainRequest struct {
	events []plainEvent
	done   chan error
}

const gatherTime = 5 * time.Millisecond

func yardstick(ctx context.Context, dsn string) error {
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return err
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // the process ends with it
	queue := make(chan *plainRequest, 1024)
	go gather(ctx, conn, queue)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/empty", func(c *gin.Context) {
		_, _ = io.Copy(io.Discard, c.Request.Body) // an unread body ends the connection
		c.JSON(http.StatusCreated, gin.H{"received": 1})
	})
	e.POST("/group", func(c *gin.Context) {
		r := &plainRequest{done: make(chan error, 1)}
		if err := json.NewDecoder(c.Request.Body).Decode(&r.events); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		queue <- r
		if err := <-r.done; err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusCreated, gin.H{"received": len(r.events)})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "listening", l.Addr())
	s := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = s.Close() // the measurement is over
	}()
	if err := s.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

func gather(ctx context.Context, conn driver.Conn, queue <-chan *plainRequest) {
	for {
		var group []*plainRequest
		select {
		case r := <-queue:
			group = append(group, r)
		case <-ctx.Done():
			return
		}
		for until := time.After(gatherTime); until != nil; {
			select {
			case r := <-queue:
				group = append(group, r)
			case <-until:
				until = nil
			}
		}
		err := insertPlain(ctx, conn, group)
		for _, r := range group {
			r.done <- err
		}
	}
}

func insertPlain(ctx context.Context, conn driver.Conn, group []*plainRequest) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO events (connection_id, event_id, event_timestamp, event_email, event_adb_cdt, event_payload, received_at)")
	if err != nil {
		return err
	}
	now := time.Now()
	for _, r := range group {
		for i := range r.events {
			e := &r.events[i]
			if err := batch.Append(uuid.Nil, e.ID, e.Timestamp, e.Email, e.CDT, string(e.Payload), now); err != nil {
				return err
			}
		}
	}
	return batch.Send()
}
