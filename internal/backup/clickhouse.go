package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Take has ClickHouse back up databases into a folder that must not exist, on the
// disk of the server and below what its configuration allows.
func Take(ctx context.Context, conn driver.Conn, folder string, databases ...string) error {
	if err := conn.Exec(patient(ctx), "BACKUP "+list(databases)+" TO File("+text(folder)+")"); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// Restore brings databases back from such a folder. They may exist, without tables.
func Restore(ctx context.Context, conn driver.Conn, folder string, databases ...string) error {
	if err := conn.Exec(patient(ctx), "RESTORE "+list(databases)+" FROM File("+text(folder)+")"); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func patient(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0}))
}

func list(databases []string) string {
	quoted := make([]string, len(databases))
	for i, d := range databases {
		quoted[i] = "DATABASE `" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(d) + "`"
	}
	return strings.Join(quoted, ", ")
}

func text(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
