package client

import "time"

// Use is what a connection is for.
type Use string

// The uses of connections.
const (
	ForAppends Use = "appends"  // the one that all appends share
	ForRead    Use = "read"     // one of each Read or Tail under way
	ForAsking  Use = "question" // Head, Logs
)

// Event is something that happened to a connection.
type Event struct {
	Use     Use
	Address string
	Log     string        // Current: the log that is read
	Err     error         // Disconnect, Backoff: why
	Delay   time.Duration // Backoff: how long
}

// Hooks are called with what happens to connections; those that are nil are
// not. For each use of connections the order is: Connect; when that breaks,
// Disconnect; then for each further attempt Reconnect, and Connect or
// Disconnect again. Backoff comes before the attempts that wait: when every
// address has been tried.
//
// They are called by the goroutines that use connections, also at the same
// time, so they must not block or use the Client.
type Hooks struct {
	// Connect: the first thing has come on a connection to Address.
	Connect func(Event)
	// Disconnect: the connection to Address broke, or could not be made, or
	// was given up for another server, because of Err.
	Disconnect func(Event)
	// Reconnect: a connection to Address is tried, in place of one that broke
	// or could not be made.
	Reconnect func(Event)
	// Backoff: nothing is tried for Delay; Err is what the last attempt failed
	// with.
	Backoff func(Event)
	// Current: a read of Log on the connection to Address has reached the
	// head. It comes once a connection, so after each reconnect again.
	Current func(Event)
}

func tell(hook func(Event), e Event) {
	if hook != nil {
		hook(e)
	}
}
