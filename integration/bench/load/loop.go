//go:build linux

package load

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	readSize = 256 << 10
	// writeSize is what is written at once at most; the rest of a window follows when it has gone out.
	writeSize = 256 << 10
)

// Loop serves connections on one thread. Everything in it belongs to the goroutine that calls it.
type Loop struct {
	epoll  int
	conns  map[int32]*conn
	events []unix.EpollEvent
	buf    []byte
	start  time.Time
}

// peer is what a connection is for.
type peer interface {
	// take takes received bytes in and says how many at the end are to be given again.
	take(c *conn, chunk []byte, now int64) (rest int, err error)
	// more is called when nothing waits to be written any more.
	more(c *conn, now int64)
}

// conn is one connection in a loop.
type conn struct {
	socket  *Socket
	peer    peer
	rest    []byte // received, unfinished
	out     []byte // to be written
	written int    // of out
	waiting bool   // for the socket to take more
	dropped bool
}

// NewLoop makes a loop without connections.
func NewLoop() (*Loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Loop{
		epoll: fd, conns: map[int32]*conn{}, events: make([]unix.EpollEvent, 256),
		buf: make([]byte, readSize), start: time.Now(),
	}, nil
}

// now is the time since the loop was made, in nanoseconds.
func (l *Loop) now() int64 { return int64(time.Since(l.start)) }

// add takes a connection over.
func (l *Loop) add(s *Socket, p peer) (*conn, error) {
	if err := unix.SetNonblock(s.fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &conn{socket: s, peer: p}
	l.conns[int32(s.fd)] = c
	return c, l.control(unix.EPOLL_CTL_ADD, c, unix.EPOLLIN)
}

func (l *Loop) control(op int, c *conn, events uint32) error {
	fd := c.socket.fd
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

// drop closes a connection.
func (l *Loop) drop(c *conn) {
	c.dropped = true
	delete(l.conns, int32(c.socket.fd))
	c.socket.Close()
}

// Close closes all connections.
func (l *Loop) Close() {
	for _, c := range l.conns {
		c.socket.Close()
	}
	_ = unix.Close(l.epoll)
}

// step waits for something to do, at most until a time, and does it.
func (l *Loop) step(until int64) error {
	wait := max(0, until-l.now())
	n, err := unix.EpollWait(l.epoll, l.events, int(min(wait+999_999, int64(time.Second))/1_000_000))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, event := range l.events[:n] {
		c := l.conns[event.Fd]
		if c == nil {
			continue
		}
		if err := l.serve(c, event.Events); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) serve(c *conn, events uint32) error {
	if events&^unix.EPOLLOUT != 0 {
		if err := l.receive(c); err != nil {
			return err
		}
	}
	return l.flush(c)
}

// receive reads once and hands on what came.
func (l *Loop) receive(c *conn) error {
	if len(c.rest) > len(l.buf)/2 {
		return fmt.Errorf("%d bytes without an end: %.100q", len(c.rest), c.rest)
	}
	kept := copy(l.buf, c.rest)
	n, err := unix.Read(c.socket.fd, l.buf[kept:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR: //nolint:errorlint // an errno is compared as it is
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	chunk := l.buf[:kept+n]
	rest, err := c.peer.take(c, chunk, l.now())
	c.rest = append(c.rest[:0], chunk[len(chunk)-rest:]...)
	return err
}

// flush writes what there is to write, asking for more as long as it goes out.
func (l *Loop) flush(c *conn) error {
	for !c.dropped {
		if c.written == len(c.out) {
			c.out, c.written = c.out[:0], 0
			if c.peer.more(c, l.now()); len(c.out) == 0 {
				return l.await(c, false)
			}
		}
		n, err := unix.Write(c.socket.fd, c.out[c.written:])
		switch {
		case err == unix.EAGAIN:
			return l.await(c, true)
		case err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("write", err)
		}
		c.written += max(n, 0)
	}
	return nil
}

// await asks to be told when the socket takes more, or no longer.
func (l *Loop) await(c *conn, waiting bool) error {
	if c.waiting == waiting {
		return nil
	}
	c.waiting = waiting
	events := uint32(unix.EPOLLIN)
	if waiting {
		events |= unix.EPOLLOUT
	}
	return l.control(unix.EPOLL_CTL_MOD, c, events)
}
