package logserver

import (
	"errors"
	"time"
)

// errTLS says that a connection speaks TLS.
var errTLS = errors.New("logserver: the connection speaks TLS")

// seal shakes hands on the connection of c, of which nothing is left, and has what is inside of TLS
// served as another. It has a goroutine of its own: the handshake's stack is large.
func (s *Server) seal(c *connection) {
	deadline := time.Now().Add(c.limits.ShakeTimeout)
	c.readUntil(deadline)
	conn, err := newSealed(c.net, c.lines.Rest(), c.limits.Certificates.Config(), deadline, &s.log.memory)
	if err != nil {
		s.unsealed.Add(1)
		s.log.refusals.Warn(c.logger().With().AnErr("reason", err).Logger(), "a handshake of TLS failed")
		s.unserved(c)
		return
	}
	_ = c.net.SetReadDeadline(time.Time{})
	inside := newConnection(s, conn)
	if !s.exchange(c, inside) {
		s.unserved(c)
		return
	}
	go s.serve(inside)
}

// exchange puts another connection in the place of one, unless the server stops.
func (s *Server) exchange(c, inside *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	delete(s.conns, c)
	s.conns[inside] = struct{}{}
	return true
}

// unserved ends a connection that did not come to anything.
func (s *Server) unserved(c *connection) {
	c.linger(true) // the other end should come to know why
	_ = c.net.Close()
	s.forget(c)
	s.serving.Done()
}
