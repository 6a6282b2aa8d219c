// Package logserver is the log server as a library: open a Log, make a Server
// of it, serve any net.Listener, shut down with a context.
//
//	l, err := logserver.Open(logserver.Options{Blobs: "ringlog.blobs", DB: "ringlog.db"})
//	...
//	s := logserver.NewServer(l, logserver.ServerOptions{})
//	go s.Serve(listener)
//	...
//	s.Shutdown(ctx)
//	l.Close()
//
// # An append
//
//	connection's goroutine   line, parse, SHA-256              connection.go, handle.go
//	                         joins the batch being gathered    gather.go
//	whoever finds no commit  frames, one write, one flush,
//	under way                apply, answers, heads             commit.go
//	idle                     decisions and MARK flushed,
//	                         index written behind              behind.go
//
// There is no hand-over between goroutines on an idle server: the connection
// that brought the append commits it. Under load one goroutine of the Log
// commits batch after batch while the connections gather the next. What was
// resolved is told only when the heads that follow from it are announced.
//
// # A tail
//
//	next = from
//	loop: lines from next on → socket; at the head: {"current":true} once;
//	      wait for a head beyond next                          tail.go, read.go
//
// A tail holds nothing but its cursor. While a read is live on a connection,
// whoever drives it is alone in writing to the socket, so that entries and confirmations
// leave in the order of their indices (outbox.go, tail.go). Tails at the head are
// driven by one goroutine of the Log, which sends what was encoded once for all of
// them (usher.go); one that reads history, or whose client is slow, has its own.
//
// # Among several nodes
//
// With Options.Member one goroutine of the Log is the committer for as long as it runs
// (member.go, member_round.go): it takes what the others say (exchange.go), hands over what has gathered
// (flight.go), has one batch of frames flushed after the other, and answers. Heads are
// confirmed by the others (newest.go, confirm.go). Package cluster finds the others and
// carries the messages.
//
// Where there are more nodes than replicas, content goes to its owners (owns.go) before it is
// proposed (place.go). What isn't here, or is damaged, is read from others (fetch.go, give.go), and
// comes in the background where it is to be (mover.go).
//
// # Promises
//
// An answer is sent only after the entry is durable and ordered. An entry is
// visible to readers only when it is durable. Appends of one connection are
// ordered as they were sent and answered in that order. A failed write or
// flush stops the Log: every waiting append is answered "unknown outcome",
// Failed is closed, and the process is expected to exit and recover at its
// next start.
package logserver
