package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/ringlog/ringlog/protocol"
)

// receive takes in answers until the connection breaks.
func (c *Client) receive(l *link) error {
	delay := c.opts.backOff()
	for {
		if err := l.lines.Fill(); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		members, err := c.takeIn(l.lines)
		servers := 0
		if members != nil { // before it is settled what a refusal means
			servers = l.route.learn(members)
		}
		c.mu.Lock()
		c.window.servers = max(c.window.servers, servers)
		if err == nil {
			err = c.settle(delay)
		}
		c.admitBlocked()
		c.unlock()
		if err != nil {
			return err
		}
	}
}

// takeIn takes in the lines that one read has brought, and returns the members
// that one of them told.
func (c *Client) takeIn(lines *protocol.LineReader) (members []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		line, ok := lines.Next()
		if !ok {
			break
		}
		r, err := c.takeInLine(line)
		switch {
		case err != nil:
			return members, err
		case r != nil && r.Members != nil:
			members = r.Members
		}
		// Whoever only answers the first question, and no append, is of no use.
		if greeting := r != nil && !c.greeted; !greeting || c.window.count == 0 {
			c.heard, c.since = true, time.Time{}
		}
		c.greeted = c.greeted || r != nil
	}
	return members, nil
}

// settle goes on after trouble, when everything is answered. An error ends the
// connection.
func (c *Client) settle(delay *backoff.ExponentialBackOff) error {
	if !c.window.settleable() {
		return nil
	}
	reason := c.window.trouble
	switch now := time.Now(); c.window.settle(now) {
	case reconnect:
		c.leaving = true
		return leaving(reason)
	case pause:
		c.resume = now.Add(delay.NextBackOff())
	case proceed:
		delay.Reset()
	}
	return nil
}

// leaving is why a connection is given up for another server.
func leaving(reason answer) error {
	if reason.verdict == later {
		return errServerStops
	}
	return fmt.Errorf("asking another server: %w", reason.err)
}

var errServerStops = errors.New("the server is shutting down")

// takeInLine takes in a line: the answer to an append, a sign of life, which it
// returns, or why the server closes the connection.
func (c *Client) takeInLine(line []byte) (*reply, error) {
	a, other, ok, err := parseAnswer(line)
	switch {
	case err != nil:
		return nil, err
	case ok && !c.window.answered(a):
		return nil, fmt.Errorf("%w: %.100q", ErrProtocol, line)
	case ok:
		return nil, nil
	case other.Error == "", other.Error == protocol.ErrorForbidden: // the token may not ask for a head
		sign := other // a copy, so that no other line costs an allocation
		return &sign, nil
	}
	err = refusalError(other.Error)
	switch {
	case errors.Is(err, ErrTooLong), errors.Is(err, ErrInvalid):
		c.window.rejectNext(err)
		c.heard = true
	case unwelcome(err):
		c.window.notTaken()
		c.leaving = true
	}
	return nil, err
}
