// Package export owns the way of events out of Tributary: all events of a connection,
// each once, as CSV, NDJSON or Parquet, streamed in constant memory.
//
//	events FINAL ─▶ rows, in the order of the key ─▶ floats marked as such ─▶ a format
//
// Invariants:
//   - What is written, an import reads back to the same events: ids, times, addresses
//     and every value of a payload with its type, as far as ClickHouse keeps it.
//   - An answer that cannot be finished is cut off visibly, never ended as if whole.
//   - A text that a spreadsheet would run as a formula is written to CSV with an apostrophe
//     before it (internal/spreadsheet).
//
// The columns are those of a webhook's event. The payload is one column of JSON: a
// column for each path would neither keep types apart nor end.
package export
