package client

import (
	"bytes"
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

// membersEvery is how often a busy connection asks for the members; a quiet one
// asks with each ping.
const membersEvery = 10 * time.Minute

// link is one connection. It is closed when its context ends.
type link struct {
	conn  net.Conn
	lines *protocol.LineReader

	timeout time.Duration
	sign    func() error // asks the server for a sign of life; nil: silence is the end
	asked   bool         // and nothing has come since

	greeting []byte    // goes with the first write
	told     time.Time // when the members were asked for last

	heard bool          // something has come
	limit time.Duration // until then
	route *route

	once    sync.Once
	stop    func() bool   // ends the watch over the context
	stopped chan struct{} // closed when the watch has closed conn
}

// connect makes a connection to where the route is, and shows the token. What
// fails is a brokenError, except ErrUnauthorized and ErrTLSWanted.
func (c *Client) connect(ctx context.Context, r *route) (*link, error) {
	limit := r.limit()
	dialing, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := c.opts.dial(dialing, r.addr)
	if err != nil {
		return nil, broken(fmt.Errorf("connect: %w", err))
	}
	l := &link{conn: conn, timeout: c.opts.timeout, stopped: make(chan struct{}), limit: limit, route: r, told: time.Now()}
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

// next returns the next line but for the answers to pings. It is valid until
// the next call.
func (l *link) next() ([]byte, error) {
	for {
		if line, ok := l.lines.Next(); ok {
			if !bytes.HasPrefix(line, []byte(`{"id":"`+pingID+`"`)) {
				return line, nil
			}
			r, err := parseReply(line)
			if err != nil {
				return nil, err
			}
			l.route.learn(r.Members)
			continue
		}
		if err := l.lines.Fill(); err != nil {
			return nil, broken(fmt.Errorf("read: %w", err))
		}
	}
}

// greet has the next write begin with a question that the server answers at
// once, and tells the members with.
func (l *link) greet() { l.greeting = l.pingLine() }

func (l *link) write(b []byte) error {
	if l.greeting != nil {
		b = append(l.greeting, b...)
		l.greeting = nil
	}
	if _, err := l.conn.Write(b); err != nil {
		return broken(fmt.Errorf("write: %w", err))
	}
	return nil
}

// Read reads from the connection for lines. When nothing has come for a while
// it asks for a sign of life, and when nothing comes then either, it fails.
func (l *link) Read(p []byte) (int, error) {
	for {
		now := time.Now()
		if err := l.conn.SetReadDeadline(now.Add(l.silence())); err != nil {
			return 0, err
		}
		if l.sign != nil && now.Sub(l.told) >= membersEvery {
			l.told = now
			if err := l.sign(); err != nil {
				return 0, err
			}
		}
		n, err := l.conn.Read(p)
		if n > 0 {
			l.asked = false
		}
		if n > 0 && !l.heard {
			l.heard = true
			l.route.works()
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || l.asked || l.sign == nil || l.silence() < l.timeout {
			return n, err
		}
		l.asked, l.told = true, time.Now()
		if err := l.sign(); err != nil {
			return 0, err
		}
	}
}

// silence is how long the server may say nothing: less before its first answer,
// for which it was asked, than later.
func (l *link) silence() time.Duration {
	if !l.heard {
		return l.limit
	}
	return l.timeout
}

// ping is the sign of a link that only reads and asks.
func (l *link) ping() error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.pingLine())
	return err
}

const pingID = "ping"

func (l *link) pingLine() []byte {
	return append([]byte(`{"id":"`+pingID+`",`), l.route.headLine()...)
}

// close closes the connection and returns when nothing is left of it.
func (l *link) close() {
	l.once.Do(func() {
		l.conn.Close()
		if !l.stop() {
			<-l.stopped
		}
	})
}
