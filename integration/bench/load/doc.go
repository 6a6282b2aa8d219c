// Package load makes load on one server over loopback and measures what comes back.
//
// One Loop, on one thread, serves all connections of a run with epoll, so that it leaves as much as it can
// of the machine to the server. The benchmark shows what it spent itself beside each run: where that comes
// close to the time the run took, the client is what was measured. A writer keeps a window of requests full; all
// requests written together share the time they were written at, so that latencies are exact, not sampled,
// at the cost of two clock readings a write. A reader counts.
package load
