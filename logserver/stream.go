package logserver

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// Receiver takes what a Stream sends. Write gets whole lines; it may block, until the
// write deadline has passed.
type Receiver interface {
	io.Writer
	SetWriteDeadline(time.Time) error
}

// ErrCut says that a Stream did not come to the end of its read: the client is gone, ctx
// ended, or the server stops.
var ErrCut = errors.New("logserver: the read was cut off")

// Stream sends the lines of a read to w, and returns when the read has ended. It is a
// connection that has said one line, as to limits, order and stopping; peer is for log
// lines. m is a read. Errors: ErrCut, ErrServerClosed; ErrNoQuorum when everything that is here was
// sent, and nobody can tell whether there is more.
func (s *Server) Stream(ctx context.Context, m *protocol.Message, peer string, w Receiver) error {
	c := newConnection(s, streamConn{w, peerAddr(peer)})
	c.lines, c.stream = nil, true
	if !s.adopt(c) {
		return ErrServerClosed
	}
	defer s.release(c)
	abandon := context.AfterFunc(ctx, c.out.abandon)
	defer abandon()
	t := c.beginRead(m)
	c.tails.Wait()
	c.out.finish("")
	c.memory.set(0)
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if t.stopNow || c.out.gone {
		return ErrCut
	}
	if t.unfinished {
		return ErrNoQuorum
	}
	return nil
}

func (s *Server) adopt(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.streams[c] = struct{}{}
	return true
}

func (s *Server) release(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, c)
}

// streamConn is the connection of a stream: it can be written to, and nothing else.
type streamConn struct {
	w    Receiver
	peer peerAddr
}

func (s streamConn) Read([]byte) (int, error)           { return 0, io.EOF }
func (s streamConn) Write(p []byte) (int, error)        { return s.w.Write(p) }
func (s streamConn) Close() error                       { return nil }
func (s streamConn) LocalAddr() net.Addr                { return s.peer }
func (s streamConn) RemoteAddr() net.Addr               { return s.peer }
func (s streamConn) SetDeadline(t time.Time) error      { return s.w.SetWriteDeadline(t) }
func (s streamConn) SetReadDeadline(time.Time) error    { return nil }
func (s streamConn) SetWriteDeadline(t time.Time) error { return s.w.SetWriteDeadline(t) }

type peerAddr string

func (p peerAddr) Network() string { return "tcp" }
func (p peerAddr) String() string  { return string(p) }
