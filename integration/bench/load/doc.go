// Package load makes load on one server over loopback and measures what comes back.
//
// One Loop, on one thread, serves all connections of a run with epoll: it spends a few percent of what a
// server spends, so that the server is what is measured. A writer keeps a window of requests full; all
// requests written together share the time they were written at, so that latencies are exact, not sampled,
// at the cost of two clock readings a write. A reader counts.
package load
