// Package define owns what analysts define: fields (a name and a type for a path
// of the payload), conversions (a named kind of event) and saved reports, the
// rules they keep, and how they are stored.
//
// Invariants:
//   - A definition that is stored keeps the rules of this package; its references
//     to other definitions existed when it was saved, or whoever saved it forced it.
//   - Nothing is overwritten: every change is a row of its own with who and when,
//     and the newest row of a name holds. A deletion is such a row too.
//   - A Set never changes once it is given out.
package define
