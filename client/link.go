package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// maxLine is the longest line taken from a server: what its largest MAX_ENTRY
// allows, whatever this client may send.
const maxLine = 16<<20 + 2*protocol.Envelope

// link is one connection. It is closed when its context ends.
type link struct {
	conn  net.Conn
	lines *protocol.LineReader

	timeout time.Duration
	sign    func() error // asks the server for a sign of life; nil: silence is the end
	asked   bool         // and nothing has come since

	heard        bool // something has come
	onConnection func(err error)

	once    sync.Once
	stop    func() bool   // ends the watch over the context
	stopped chan struct{} // closed when the watch has closed conn
}

// connect makes a connection and shows the token. What fails is a brokenError,
// except ErrUnauthorized and ErrTLSWanted.
func (c *Client) connect(ctx context.Context) (*link, error) {
	dialing, cancel := context.WithTimeout(ctx, c.opts.timeout)
	defer cancel()
	conn, err := c.opts.dial(dialing, c.addr)
	if err != nil {
		return nil, broken(fmt.Errorf("connect: %w", err))
	}
	l := &link{conn: conn, timeout: c.opts.timeout, stopped: make(chan struct{}), onConnection: c.opts.onConnection}
	l.lines = protocol.NewLineReader(l, maxLine)
	l.stop = context.AfterFunc(ctx, func() {
		conn.Close()
		close(l.stopped)
	})
	if c.opts.token != "" {
		if err := l.authenticate(c.opts.token); err != nil {
			l.close()
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	return l, nil
}

func (l *link) authenticate(token string) error {
	line := protocol.AppendString([]byte(`{"auth":`), token)
	if err := l.write(append(line, '}', '\n')); err != nil {
		return err
	}
	answer, err := l.next()
	if err != nil {
		return err
	}
	r, err := parseReply(answer)
	switch {
	case err != nil:
		return broken(err)
	case r.Auth:
		return nil
	case r.Error == protocol.ErrorUnauthorized:
		return ErrUnauthorized
	case r.Error == protocol.ErrorTLSWanted:
		return ErrTLSWanted
	}
	return broken(fmt.Errorf("%w: %.100q", ErrProtocol, answer))
}

// next returns the next line, which is valid until the next call.
func (l *link) next() ([]byte, error) {
	for {
		if line, ok := l.lines.Next(); ok {
			return line, nil
		}
		if err := l.lines.Fill(); err != nil {
			return nil, broken(fmt.Errorf("read: %w", err))
		}
	}
}

func (l *link) write(b []byte) error {
	if _, err := l.conn.Write(b); err != nil {
		return broken(fmt.Errorf("write: %w", err))
	}
	return nil
}

// Read reads from the connection for lines. When nothing has come for a while
// it asks for a sign of life, and when nothing comes then either, it fails.
func (l *link) Read(p []byte) (int, error) {
	for {
		if err := l.conn.SetReadDeadline(time.Now().Add(l.timeout)); err != nil {
			return 0, err
		}
		n, err := l.conn.Read(p)
		if n > 0 {
			l.asked = false
		}
		if n > 0 && !l.heard {
			l.heard = true
			l.onConnection(nil)
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || l.asked || l.sign == nil {
			return n, err
		}
		l.asked = true
		if err := l.sign(); err != nil {
			return 0, err
		}
	}
}

// ping is the sign of a link that only reads and asks.
func (l *link) ping() error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write([]byte(pingLine))
	return err
}

const (
	pingID   = "ping"
	pingLine = `{"id":"` + pingID + `","head":true}` + "\n"
)

// close closes the connection and returns when nothing is left of it.
func (l *link) close() {
	l.once.Do(func() {
		l.conn.Close()
		if !l.stop() {
			<-l.stopped
		}
	})
}
