package report

import (
	"strings"

	"github.com/tributary-events/tributary/query/define"
)

// ViewColumns returns the SELECT of a connection's view: the event's own columns,
// then the defined fields that apply, typed, in the order given. Column names are
// those of the definitions, which need no quoting but are quoted all the same.
// events names the table, quoted.
func ViewColumns(events string, c Connection, fields []*define.Field) (string, error) {
	columns := []string{"event_id", "event_timestamp", "event_email", "event_adb_cdt"}
	for _, f := range fields {
		if !f.AppliesTo(c.ID) {
			continue
		}
		column, err := newColumn(f)
		if err != nil {
			return "", err
		}
		expr := column.expr
		if column.typ == define.Datetime {
			const instant = "fromUnixTimestamp64Milli("
			if column.array {
				expr = "arrayMap(x -> " + instant + "x, 'UTC'), " + expr + ")"
			} else {
				expr = instant + expr + ", 'UTC')"
			}
		}
		columns = append(columns, expr+" AS "+quoteName(f.Name))
	}
	columns = append(columns, "event_payload", "CAST(received_at, 'DateTime64(6, \\'UTC\\')') AS received_at")
	return "SELECT\n  " + strings.Join(columns, ",\n  ") + "\nFROM " + events + " FINAL\nWHERE connection_id = " + quoteText(c.ID.String()), nil
}
