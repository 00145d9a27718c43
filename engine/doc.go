// Package engine owns the embedded ClickHouse: it finds or fetches the engine's
// library, runs it in a supervised child process, and gives out a DSN. Who
// wants another ClickHouse gives a DSN of their own and never meets this package.
//
//	Start ──▶ Engine ──▶ supervisor goroutine ──▶ child process (this binary,
//	             │                                  first argument ChildCommand)
//	             └─ DSN() ─── HTTP, 127.0.0.1 ─────────▶ libchdb.so: listener
//	Proxy ───── only the analyst, well-formed HTTP ─────▶ (same listener)
//
// Invariants:
//
//   - The library is never loaded into the collector's own process. A crash of
//     the engine, its memory limit and its signal handlers stay in the child.
//   - The child never outlives its parent: it holds the read end of a pipe whose
//     write end only the parent has, and shuts down when that end closes, which
//     the kernel does however the parent dies.
//   - One data folder is open in one engine at a time: parent and child share
//     one lock, so it is free only when both are gone.
//   - The engine keeps its port over restarts, so a DSN stays valid for the
//     Engine's life.
//   - Its listener speaks HTTP on loopback only and serves only requests that
//     carry the password of one of its two users in the Authorization header.
//     The passwordless user of the engine's start-up session cannot come in, and
//     may do nothing but open the listener.
//   - No SQL statement reads or writes a file of this machine or calls an address,
//     whoever sends it. The engine takes itself for a local tool and would allow
//     much of that without asking: see noFiles and outside. Start refuses an
//     engine whose file function works.
//   - A malformed HTTP request can abort the engine. Other programs therefore
//     come through Proxy, whose HTTP server refuses such requests itself.
package engine
