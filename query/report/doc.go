// Package report owns the way from a report's definition to SQL and from there to
// rows.
//
// Invariants:
//   - Compile is pure: the same request, definitions and clock give the same SQL,
//     which golden files hold. Nothing outside this package makes SQL of reports.
//   - What comes from outside is a parameter of the statement (Query.Params), or a
//     name that quoteName has quoted; it is never pasted into the text.
//   - Each event counts once, the copy received last (events FINAL).
//   - No value of any payload makes a report fail: one that does not fit its
//     field's type is null. Its field's misfits say how many there were.
//
// How fields behave in reports:
//
//   - A field of an array has several values an event. As a dimension it explodes
//     the array: one row for each element, one row with null for an event that has
//     none. All fields of the same array (the same path up to its last []) then
//     stand for the values of that one element, in filters and metrics too; fields
//     of two different arrays give every combination. A report that does not
//     explode an array counts all its elements in metrics, and a filter holds if
//     it holds for any element.
//   - ne, not_in and is_not_set are the exact opposite of eq, in and is_set: they
//     hold where there is no value, too. All other operators need a value.
//   - event_email is compared in lower case. An absent event_email or
//     event_adb_cdt is null.
package report
