package client

import (
	"fmt"
	"time"
)

const (
	// batchBytes is about how much is handed to the system in one write.
	batchBytes = 64 << 10
	// keepBuffer is the most memory that a quiet sender keeps for it.
	keepBuffer = 256 << 10
	// drainTime is how long answers are waited for after a write has failed.
	drainTime = time.Second
)

// run keeps the appends' connection, until Close. Two goroutines: this one
// sends, receive takes in the answers.
func (c *Client) run() {
	defer close(c.done)
	route := c.newRoute(ForAppends)
	for c.ctx.Err() == nil {
		l, err := route.connect(c.ctx)
		if err == nil {
			c.connected()
			err = c.exchange(l)
			l.close()
		}
		if c.ctx.Err() != nil {
			break
		}
		useful := c.disconnected(err)
		way := route.leave(err, useful)
		c.giveUp(&way, useful)
		c.waitToConnect(way.wait)
	}
	c.mu.Lock()
	c.window.cut(time.Now())
	c.window.abandonAll(ErrClosed)
	c.unlock()
}

func (c *Client) connected() {
	servers := c.addresses.len()
	c.mu.Lock()
	c.heard, c.greeted, c.down, c.leaving, c.pingDue, c.resume = false, false, false, false, true, time.Time{}
	c.window.servers = servers
	c.admitBlocked()
	c.unlock()
}

// disconnected takes in that a connection or an attempt at one failed, and
// tells whether it had been of use.
func (c *Client) disconnected(err error) bool {
	c.mu.Lock()
	defer c.unlock()
	now := time.Now()
	c.idle, c.lastErr = false, err
	useful := c.heard
	c.heard = false
	if c.since.IsZero() {
		c.since = now
	}
	c.window.cut(now)
	return useful
}

// giveUp gives up what a failure, or that of a whole round, is a reason for.
func (c *Client) giveUp(way *detour, useful bool) {
	c.mu.Lock()
	defer c.unlock()
	c.down = !useful && (c.down || way.round)
	if way.round && unwelcome(way.err) {
		c.window.abandonAll(way.err)
	}
	if way.expires(&c.opts) {
		c.expire(time.Now())
	}
	if c.down {
		c.admitBlocked()
		if c.blocked.len() > 0 {
			c.refuseBlocked(c.fullError())
		}
	}
}

// expire gives up the appends that have been kept too long, and returns how
// long the next one may be kept; negative: for ever.
func (c *Client) expire(now time.Time) time.Duration {
	if c.opts.keepFor < 0 {
		return -1
	}
	err := fmt.Errorf("kept for %v: %w: %w", c.opts.keepFor, ErrDisconnected, c.lastErr)
	c.window.expire(c.since, now.Add(-c.opts.keepFor), err)
	oldest, ok := c.window.oldest(c.since)
	if !ok {
		return -1
	}
	return oldest.Add(c.opts.keepFor).Sub(now)
}

// waitToConnect waits, and meanwhile gives up what has been kept too long.
func (c *Client) waitToConnect(delay time.Duration) {
	for until := time.Now().Add(delay); ; {
		now := time.Now()
		wait := until.Sub(now)
		if wait <= 0 {
			return
		}
		c.mu.Lock()
		if next := c.expire(now); next >= 0 {
			wait = min(wait, next)
		}
		c.admitBlocked()
		c.unlock()
		select {
		case <-time.After(wait):
		case <-c.ctx.Done():
			return
		}
	}
}

// exchange sends appends and takes in answers until the connection breaks, and
// returns why.
func (c *Client) exchange(l *link) error {
	l.sign = c.askForSign
	var received error
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		received = c.receive(l)
		l.conn.Close() // the sender may be in a write
	}()
	sent := c.transmit(l, gone)
	select {
	case <-gone:
		return received
	case <-time.After(drainTime): // answers may still lie in the socket
		l.conn.Close()
		<-gone
		return sent
	}
}

// askForSign has the sender ask for a line that comes at once, even when
// appends are not answered.
func (c *Client) askForSign() error {
	c.mu.Lock()
	c.pingDue = true
	c.unlock()
	return nil
}

// transmit sends what there is to send, all that has come together in one
// write, until a write fails or the connection is gone.
func (c *Client) transmit(l *link, gone <-chan struct{}) error {
	var out []byte
	for {
		if cap(out) > keepBuffer {
			out = nil
		}
		var wait time.Duration
		out, wait = c.nextWrite(l, out[:0])
		if len(out) > 0 {
			if _, err := l.conn.Write(out); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			continue
		}
		var resume <-chan time.Time
		if wait > 0 {
			resume = time.After(wait)
		}
		select {
		case <-c.wake:
		case <-resume:
		case <-gone:
			return nil
		}
	}
}

// nextWrite returns what is to be written now. If it is nothing, the sender is
// idle: it is woken, or looks again after wait.
func (c *Client) nextWrite(l *link, out []byte) (_ []byte, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pingDue {
		c.pingDue = false
		out = append(append(out, '{'), l.route.headLine()...)
	}
	if !c.resume.IsZero() {
		if wait = time.Until(c.resume); wait <= 0 {
			c.resume = time.Time{}
		}
	}
	if wait <= 0 && !c.leaving {
		out = c.window.fill(out, batchBytes)
	}
	c.idle = len(out) == 0
	return out, wait
}
