package wire

import (
	"errors"
	"io"
)

// Log is the name of the log, stream or subject that all load goes to.
const Log = "bench"

// ErrRefused says that the server answered a request with an error; it is wrapped with its words.
var ErrRefused = errors.New("the server refused")

// Taken is what was found in a chunk of received bytes.
type Taken struct {
	Count int    // whole answers or entries
	Rest  int    // bytes at the end that begin something unfinished: they are given again
	Send  []byte // what has to be sent now, nil for nothing; valid until the next call
	Done  bool   // a read that ends by itself has ended
}

// Stream counts what a server sends on one connection.
type Stream interface {
	Take(chunk []byte) (Taken, error)
}

// Appender appends on one connection. Its answers come in the order of its requests.
type Appender interface {
	Stream
	// Append adds the request for the entry with number n to buf. Numbers are unique over all connections.
	Append(buf []byte, n uint64) []byte
}

// Reader reads on one connection. Begin adds what starts it to buf.
type Reader interface {
	Stream
	Begin(buf []byte) []byte
}

// Dialect is how one system is spoken to. Its methods that take a connection block until the server
// has answered.
type Dialect interface {
	// Open says hello on a fresh connection.
	Open(c io.ReadWriter) error
	// Found makes the log, on a fresh server, where it has to be made.
	Found(c io.ReadWriter) error
	// Head says how many entries the log has.
	Head(c io.ReadWriter) (uint64, error)
	// Appender is for connection number conn and entries of size bytes.
	Appender(conn, size int) Appender
	// History reads the entries of a log that has head of them, each of size bytes, from the first to the
	// last, and is Done. The connection may be asked to do something first.
	History(c io.ReadWriter, size int, head uint64) (Reader, error)
	// Tail reads the entries appended after head, for ever.
	Tail(c io.ReadWriter, size int, head uint64) (Reader, error)
}
