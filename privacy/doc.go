// Package privacy owns what has to go: people who are erased, events that are older
// than their connection keeps them, and what deleted connections leave behind.
//
// Invariants:
//   - Of an erased person nothing stays but a keyed hash of the address (HMAC-SHA256 of
//     its lower-case form). Neither it nor an id of an event is ever written into the
//     text of a statement that deletes: ClickHouse keeps those in files. Such
//     statements name rows of the table erasure_work instead.
//   - An erasure is finished only when a last count over all tables has found nothing
//     and the files that the rows were in have left the disk.
//   - While an erasure runs, events of the person are refused, whatever the
//     installation does with them later: so it comes to an end under load.
//   - Everything may be cut off at any moment and done again.
//
// It knows neither the collector nor reports: what they hold they let go of through the
// small interfaces that are declared here.
package privacy
