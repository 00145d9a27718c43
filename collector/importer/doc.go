// Package importer owns the way of a file into a connection: it reads CSV, NDJSON
// and Parquet row by row, makes an event of every row as a Plan says, and hands
// the events to the collector, whose rules and durability they then have.
//
//	bytes ─▶ gzip? ─▶ encoding ─▶ Source: rows ─▶ builder: JSON events ─▶ Accept (spool, fsync)
//	            (parquet: a temporary file)            └▶ refused rows, with reasons
//
// Invariants:
//   - Memory is bounded by a few rows of MaxRow bytes and two batches of events,
//     whatever the file holds; the sender of a file is held up when the collector is.
//   - A row is either accepted or among the refused rows. The progress that is
//     stored never runs ahead of either, so an import that was cut off goes on where it
//     stood, and events of rows that are read twice have the same ids: they stay one.
//   - Nothing that has two meanings is guessed silently: Guess asks (Question), and
//     an import whose plan leaves a question open does not start.
//   - Two imports of one id never run at once: the later takes over from the earlier.
//
// The files, in the order of the diagram: open.go, encoding.go, csv.go, ndjson.go,
// parquet.go (assembled by assemble.go); plan.go, guess.go, dates.go and types.go say
// what columns mean; build.go makes events; run.go and service.go run imports;
// store.go keeps their progress.
package importer
