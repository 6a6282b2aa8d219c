package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// keep dials a peer whenever there is no connection to it, until the link ends.
func (k *link) keep() {
	o := &k.owner.options
	delay := backoff.NewExponentialBackOff()
	delay.InitialInterval, delay.MaxInterval = o.BackoffMin, o.BackoffMax
	for k.lonely() {
		err := k.dial()
		if err == nil {
			delay.Reset()
			continue
		}
		if k.ctx.Err() != nil {
			return
		}
		wait := delay.NextBackOff()
		event, missing := k.failed(err, wait)
		if !missing {
			continue
		}
		tell(o.Hooks.Backoff, event)
		k.wait(wait)
		if k.missing() {
			tell(o.Hooks.Reconnect, event)
		}
	}
}

// lonely waits until there is no connection, but an address, and tells whether the link lasts.
func (k *link) lonely() bool {
	for !k.missing() && k.ctx.Err() == nil {
		select {
		case <-k.changed:
		case <-k.ctx.Done():
		}
	}
	return k.ctx.Err() == nil
}

// missing tells whether there is an address, but no connection.
func (k *link) missing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conn == nil && k.peer.Address != "" && k.ctx.Err() == nil
}

// wait waits for so long, or less if something has changed.
func (k *link) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.changed:
	case <-k.ctx.Done():
	}
}

// failed remembers that an attempt has failed, and tells whether another one is needed.
func (k *link) failed(err error, wait time.Duration) (e Event, missing bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil {
		return e, false
	}
	k.attempts++
	k.lastErr = err
	e = k.event()
	e.Count, e.Delay, e.Err = k.attempts, wait, err
	return e, true
}

// dial makes one attempt.
func (k *link) dial() error {
	l := k.owner
	self := l.options.Self()
	k.mu.Lock()
	address := k.peer.Address
	k.mu.Unlock()
	c, err := l.connect(k.ctx, address)
	if err != nil {
		return err
	}
	tell(l.options.Hooks.Connect, k.told(c))
	if err = k.meet(c, &self); err != nil {
		c.close(err)
		l.forget(c)
	}
	return err
}

// meet exchanges hellos and makes the connection the link's.
func (k *link) meet(c *connection, self *Identity) error {
	k.mu.Lock()
	if k.conn != nil { // the other one was quicker
		k.mu.Unlock()
		return refusedf(CodeCrossed, "%s has dialed as well, and its connection is there", c.address)
	}
	mine := k.hello(self)
	k.mu.Unlock()
	said, err := c.introduce(mine)
	if err != nil {
		return err
	}
	return k.opened(c, &said, mine)
}

// connect dials an address, until TLS has told who is there.
func (l *Links) connect(ctx context.Context, address string) (*connection, error) {
	o := &l.options
	ctx, cancel := context.WithTimeout(ctx, o.OpenTime)
	defer cancel()
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := newConnection(nc, address, true)
	if !l.register(c) {
		nc.Close()
		return nil, ErrClosed
	}
	err = c.SetDeadline(time.Now().Add(o.OpenTime))
	if err == nil {
		err = c.secure(ctx, o.TLS)
	}
	if err != nil {
		c.close(err)
		l.forget(c)
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return c, nil
}

// introduce says hello and waits for the other's.
func (c *connection) introduce(mine *hello) (hello, error) {
	err := c.say(frameHello, mine.append(nil))
	said, heard := c.listen(frameWelcome)
	if _, ok := errors.AsType[tls.AlertError](heard); ok {
		heard = fmt.Errorf("the other node refuses this node's certificate (PEER_CERT here, PEER_CA there): %w", heard)
	}
	if heard != nil { // which says more than a failed write
		return said, fmt.Errorf("%s: %w", c.address, heard)
	}
	if err == nil && said.connection != mine.connection {
		err = fmt.Errorf("%w: a welcome to another connection", ErrFrame)
	}
	return said, err
}

// opened makes a connection that was dialed the link's, unless another one stays.
func (k *link) opened(c *connection, said, mine *hello) error {
	if said.Cluster != mine.Cluster {
		return otherCluster(&mine.Identity, said)
	}
	if said.Number != k.number {
		return refusedf(CodeRefused, "%s: here is %s, not node %d: correct its address", c.address, said.Identity, k.number)
	}
	if err := k.matches(said); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.newer(said); err != nil {
		return err
	}
	if k.conn != nil && k.inbox.start == said.start && !k.conn.dialed && k.number < mine.Number {
		return refusedf(CodeCrossed, "%s has dialed as well, and its connection stays", said.Identity)
	}
	if k.ctx.Err() != nil {
		return ErrClosed
	}
	k.install(c, said, nil)
	return nil
}
