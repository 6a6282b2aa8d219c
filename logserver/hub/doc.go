// Package hub announces the heads of logs, and nothing else.
//
// A tail is a cursor: it reads from the log, sends, and when nothing is left
// waits here for a head beyond it. The hub promises that a head, once
// announced, is seen by every Watcher that is registered or that looks
// afterwards; that nobody is waited for; and that nothing is queued for a slow
// reader: a wake-up carries no data and several of them may fold into one.
// The habit is that of Upspin's event log (dir/server/tree/watch.go).
//
// Beside each head the hub keeps the last few batches already encoded as lines,
// once for all tails together, so that a thousand tails at the head cost one
// encoding. That is a bounded cache: a tail that finds its cursor behind the
// cache reads the log itself.
//
// The hub knows no other package of the project; whoever appends encodes, and
// announces only what is durable.
package hub
