package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// accept serves a connection that was accepted.
func (l *Links) accept(nc net.Conn) {
	c := newConnection(nc, nc.RemoteAddr().String(), false)
	if !l.register(c) {
		nc.Close()
		return
	}
	l.begin(c)
	l.goroutines.Go(func() {
		kept, err := l.answer(c)
		l.done(c)
		if kept {
			return
		}
		c.close(err)
		l.forget(c)
		if c.err != nil && l.ctx.Err() == nil {
			l.refusedHook(c.address, c.err)
		}
	})
}

// begin remembers a connection of somebody who has not said yet who he is. When there are too many, the oldest is
// closed: whoever is a node needs a moment only.
func (l *Links) begin(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, c)
	if len(l.pending) > l.options.MaxPending {
		l.pending[0].close(fmt.Errorf("more than %d connections have not said who they are", l.options.MaxPending))
		l.pending = slices.Delete(l.pending, 0, 1)
	}
}

// done forgets what begin remembers.
func (l *Links) done(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.pending, c); i >= 0 {
		l.pending = slices.Delete(l.pending, i, i+1)
	}
}

// answer hears who has dialed, and what for. It tells whether the connection has become a link's, or that of one who puts;
// if not, the error says why it was refused. Whoever has not shown that he is a node gets no answer.
func (l *Links) answer(c *connection) (kept bool, err error) {
	o := &l.options
	ctx, cancel := context.WithTimeout(l.ctx, o.OpenTime)
	defer cancel()
	if err := c.SetDeadline(time.Now().Add(o.OpenTime)); err != nil {
		return false, err
	}
	if err := c.secure(ctx, o.TLS); err != nil {
		return false, c.refuse(err)
	}
	if l.requests != nil {
		if puts, err := c.speaksHTTP(); err != nil {
			return false, err
		} else if puts {
			l.done(c)
			err := l.requests.take(c, l.forget)
			return err == nil, err
		}
	}
	said, err := c.listen(frameHello)
	l.done(c)
	if err != nil {
		return false, c.refuse(err)
	}
	if said.purpose == forCall {
		return false, l.serveCall(c, &said)
	}
	if err := l.admit(c, &said); err != nil {
		return false, c.refuse(err)
	}
	return true, nil
}

// refuse tells the other end what is meant for it, and returns it.
func (c *connection) refuse(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		c.tell(e)
	}
	return err
}

// admit makes a connection a link's, or says why not.
func (l *Links) admit(c *connection, said *hello) error {
	self := l.options.Self()
	if err := meant(&self, said); err != nil {
		return err
	}
	l.mu.Lock()
	k := l.links[said.Number]
	known := k != nil && !k.isGuest()
	l.mu.Unlock()
	if !known && l.options.Admit == nil {
		return refusedf(CodeRefused, "%s is no member of the cluster, as far as %s knows: join it; if it has joined just now, it is enough to wait",
			said.Identity, self)
	}
	if known {
		if err := k.matches(said); err != nil {
			return err
		}
	}
	if l.options.Admit != nil {
		if err := l.options.Admit(said.Identity); err != nil {
			return &Error{CodeRefused, err.Error()}
		}
	}
	k, err := l.host(said)
	if err != nil {
		return err
	}
	tell(l.options.Hooks.Connect, k.told(c))
	return k.open(c, said, &self)
}

// meant tells whether a hello is for this node at all.
func meant(self *Identity, said *hello) error {
	switch {
	case said.Cluster != self.Cluster && self.Cluster != [16]byte{} && said.Cluster != [16]byte{}:
		return otherCluster(self, said)
	case self.Number == 0 || self.Cluster == [16]byte{}:
		return refusedf(CodeNotJoined, "%s has not joined the cluster yet", self)
	case said.Number == 0 || said.Cluster == [16]byte{}:
		return refusedf(CodeNotJoined, "%s has no number yet: it joins first", said.Identity)
	case said.to != 0 && said.to != self.Number:
		return refusedf(CodeRefused, "here is %s, not node %d: correct the address that node %d is known by", self, said.to, said.to)
	case said.Number == self.Number:
		return refusedf(CodeRefused, "both are node %d: a copy of a node's data must not run beside it; give the other one an empty directory, and it joins as a new node", self.Number)
	}
	return nil
}

func otherCluster(self *Identity, said *hello) error {
	return refusedf(CodeRefused, "%s belongs to cluster %s, %s to cluster %s: correct PEERS, or start with an empty directory to join the other cluster",
		said.Identity, id(said.Cluster), self, id(self.Cluster))
}

// host is the link that a node's connection is for, a guest's if it is no peer.
func (l *Links) host(said *hello) (*link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if k := l.links[said.Number]; k != nil {
		return k, nil
	}
	if len(l.links) >= l.options.MaxPeers && !l.evict() {
		return nil, refusedf(CodeBusy, "%d links are the limit of this node", l.options.MaxPeers)
	}
	k := l.newLink(said.Number)
	k.peer = Peer{Node: said.Node, Name: said.Name}
	return k, nil
}

// evict forgets a guest that isn't connected. l.mu is held.
func (l *Links) evict() bool {
	for number, k := range l.links {
		k.mu.Lock()
		idle := k.guest && k.conn == nil
		k.mu.Unlock()
		if idle {
			delete(l.links, number)
			k.cancel()
			return true
		}
	}
	return false
}

// matches compares a hello with what is known of its node.
func (k *link) matches(said *hello) error {
	k.mu.Lock()
	p := k.peer
	k.mu.Unlock()
	switch {
	case p.Node != [16]byte{} && p.Node != said.Node:
		return refusedf(CodeRefused, "node %d is %s, not %s: the other one has lost its data or is a copy; let it join with an empty directory, under a new number",
			k.number, id(p.Node), id(said.Node))
	case p.Name != "" && p.Name != said.Name:
		return refusedf(CodeRefused, "node %d is called %s, not %q: correct NODE, or the certificate", k.number, p.Name, said.Name)
	}
	return nil
}

// open makes a connection that was accepted the link's, unless another one stays.
func (k *link) open(c *connection, said *hello, self *Identity) error {
	if err := k.matches(said); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.newer(said); err != nil {
		return err
	}
	if k.alive() && k.inbox.start == said.start && said.previous != k.conn.id && said.Number > self.Number && k.conn.dialed {
		return refusedf(CodeCrossed, "%s has dialed as well, and its connection stays", self)
	}
	if err := k.ctx.Err(); err != nil {
		return ErrClosed
	}
	answer := k.hello(self)
	answer.connection = said.connection
	if k.inbox != nil && k.inbox.start == said.start {
		answer.known, answer.received = said.start, k.inbox.take()
	} else {
		answer.known, answer.received = 0, [lanes]uint64{}
	}
	k.install(c, said, appendFrame(nil, frameWelcome, answer.append(nil)))
	return nil
}

// alive tells whether there is a connection that something came on lately. k.mu is held.
func (k *link) alive() bool {
	o := &k.owner.options
	return k.conn != nil && k.conn.fresh(min(5*o.Heartbeat/2, o.Silence))
}

// newer refuses another process that is the same node, unless it was started later or the one that is connected gives no
// sign of life. Whether a node's disk is an old copy is not judged here: a node that was killed may not know the
// incarnation that it had said before. k.mu is held.
func (k *link) newer(said *hello) error {
	if !k.alive() || k.inbox.start == said.start || said.Incarnation > k.incarnation {
		return nil
	}
	return refusedf(CodeRefused, "another process that is %s is connected, in its start %d, this one is in start %d: stop one of the two; "+
		"if it runs on a copy of the data, let it join with an empty directory", said.Identity, k.incarnation, said.Incarnation)
}

// hello is what this end says on the link. k.mu is held.
func (k *link) hello(self *Identity) *hello {
	h := &hello{purpose: forLink, Identity: *self, to: k.number, start: k.owner.start, connection: draw(), previous: k.previous}
	if k.inbox != nil {
		h.known, h.received = k.inbox.start, k.inbox.take()
	}
	return h
}
