package logserver

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/ringlog/ringlog/logserver/access"
)

// HTTP serves the connections that begin with a request of HTTP: see package web.
type HTTP interface {
	// Serve takes over a connection and returns at once. It is closed in the end, whatever
	// happens, also after Shutdown.
	Serve(net.Conn)
	// Shutdown lets requests under way end, and closes every connection: by itself when
	// nothing goes on, at the latest when ctx ends.
	Shutdown(ctx context.Context) error
}

// errHTTP says that a connection speaks HTTP.
var errHTTP = errors.New("logserver: the connection speaks HTTP")

// handed is a connection that was handed over, with the bytes that were read of it. It
// counts as one of the server's until it is closed.
type handed struct {
	net.Conn
	first  []byte // owned by its reader
	closed func() // called once
	peer   Peer
}

// Peer is what a Server knows about who is at the other end of a connection of HTTP.
type Peer struct {
	Grant    *access.Grant // nil: none without a token
	WantsTLS bool          // nothing may be said, as the connection is not in TLS
	Local    bool          // it comes from this machine
}

// PeerOf returns the Peer of a connection that was given to HTTP.Serve; of any other, one
// without a grant.
func PeerOf(conn net.Conn) Peer {
	if h, ok := conn.(*handed); ok {
		return h.peer
	}
	return Peer{}
}

func (h *handed) Read(p []byte) (int, error) {
	if len(h.first) == 0 {
		return h.Conn.Read(p)
	}
	n := copy(p, h.first)
	if h.first = h.first[n:]; len(h.first) == 0 {
		h.first = nil
	}
	return n, nil
}

func (h *handed) Close() error {
	defer h.closed()
	return h.Conn.Close()
}

// CloseWrite shuts down the sending side, so that the client can take the last answer.
func (h *handed) CloseWrite() error {
	half, ok := h.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// handedMemory is what net/http holds of a connection, also of an idle one: a buffer for each
// direction, of 4 KiB. What its requests hold is counted where that is held.
const handedMemory = 8 << 10

// handOver gives the connection of c, of which nothing is left, to the one that speaks HTTP.
func (s *Server) handOver(c *connection) {
	s.mu.Lock()
	delete(s.conns, c)
	s.handed++
	s.mu.Unlock()
	s.log.memory.used.Add(handedMemory)
	_ = c.net.SetDeadline(time.Time{})
	s.http.Serve(&handed{
		Conn: c.net, first: c.lines.Rest(), closed: sync.OnceFunc(s.takeBack),
		peer: Peer{Grant: c.grant, WantsTLS: c.wantsTLS, Local: local(c.net)},
	})
}

func (s *Server) takeBack() {
	s.mu.Lock()
	s.handed--
	s.mu.Unlock()
	s.log.memory.used.Add(-handedMemory)
	s.serving.Done()
}
