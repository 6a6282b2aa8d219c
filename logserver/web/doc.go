// Package web speaks HTTP/1.1 on the client port, for the connections that begin with a
// request: reads as lines or server-sent events, appends, heads, health and metrics.
// docs/HTTP.md says what is asked and answered.
//
//	log    := logserver.Open(…)
//	server := logserver.NewServer(log, logserver.ServerOptions{HTTP: web.Handler(web.Options{})})
//
// A browser gets a page at /, made of the files in page as they are.
//
// It holds no entry and decides nothing: a read is a logserver.Stream, an append goes
// through a logserver.Writer, and both through the same gathering, cursors and limits as
// those of a connection of lines.
//
// # Promises
//
// 200 to a POST means durable. Any other status means that nothing was appended, but for
// what the answer itself tells: "unknown outcome", and how many entries went ahead of an
// error with ?atomic=false. Every error is JSON that says what happened and what to do.
// A response that ends properly is complete; one that is cut short ends without its last
// chunk.
//
// A request from a page of another site is refused where it would change anything, and so
// is one that came to a loopback address under a foreign name. Headers, bodies and times
// are bounded; no path names a file.
package web
