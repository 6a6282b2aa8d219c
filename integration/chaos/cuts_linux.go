package chaos

import (
	"bufio"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
)

// apart cuts two nodes off from each other, in the way chosen.
func (c *trial) apart(a, b *node, silently bool) {
	if silently {
		c.net.deafen(a.host, b.host)
		c.net.deafen(b.host, a.host)
		return
	}
	c.net.silence(a.host, b.host)
	c.net.silence(b.host, a.host)
}

// A cut is a way to divide a cluster. It returns who is cut off from a majority.
type cut struct {
	name string
	make func(c *trial, leader *node) (outcasts []*node)
}

var cuts = []cut{
	{"halves, without the leader", func(c *trial, leader *node) []*node {
		return c.halves(c.others(leader))
	}},
	{"halves, with the leader", func(c *trial, leader *node) []*node {
		return c.halves(append([]*node{leader}, c.others(leader)...))
	}},
	{"one way", func(c *trial, leader *node) []*node {
		one := leader
		if c.random.IntN(2) == 0 {
			one = c.some()
		}
		speaks := c.random.IntN(2) == 0
		all := c.random.IntN(2) == 0
		for _, o := range c.others(one) {
			if speaks {
				c.net.deafen(one.host, o.host)
			} else {
				c.net.deafen(o.host, one.host)
			}
			if !all {
				return nil // with all but one it is in touch
			}
		}
		return []*node{one}
	}},
	{"bridge", func(c *trial, leader *node) []*node {
		ends := c.others(c.some())
		c.apart(ends[0], ends[1], c.random.IntN(2) == 0)
		return nil
	}},
	{"flapping", func(c *trial, leader *node) []*node {
		for range 5 + c.random.IntN(15) {
			c.halves([]*node{c.some()})
			c.pause(20*time.Millisecond, 400*time.Millisecond)
			c.net.heal()
			c.pause(20*time.Millisecond, 400*time.Millisecond)
		}
		return nil
	}},
}

// halves cuts as many as are no majority off from the rest: the first ones.
func (c *trial) halves(first []*node) (outcasts []*node) {
	outcasts = first[:min(len(first), (len(c.nodes)-1)/2)]
	silently := c.random.IntN(2) == 0
	for _, a := range outcasts {
		for _, b := range c.nodes {
			if !contains(outcasts, b) {
				c.apart(a, b, silently)
			}
		}
	}
	return outcasts
}

func contains(nodes []*node, n *node) bool {
	for _, o := range nodes {
		if o == n {
			return true
		}
	}
	return false
}

// An outcast is a client of a node that is cut off: nothing may be confirmed to it until that has ended.
type outcast struct {
	over    atomic.Bool
	asked   atomic.Int32
	refused atomic.Int32
	end     context.CancelFunc
	ended   sync.WaitGroup
}

// outcast begins to append at a node that is cut off.
func (c *trial) outcast(n *node) *outcast {
	o := &outcast{}
	id := firstOutcast + c.outcasts
	c.outcasts++
	c.ledger.Client(id, false)
	ctx, end := context.WithCancel(c.t.Context())
	o.end = end
	o.ended.Go(func() { o.run(ctx, c.ledger, id, n) })
	return o
}

// healing must be called before the cut is undone, and finish when answers may have come.
func (o *outcast) healing() { o.over.Store(true) }

func (o *outcast) finish() {
	o.end()
	o.ended.Wait()
}

// run appends, each when the one before is answered.
func (o *outcast) run(ctx context.Context, l *ledger.Ledger, id uint32, at *node) {
	for n := uint32(1); ctx.Err() == nil; n++ {
		conn, err := load.Dialer(at.dial).Connect(ctx)
		if err != nil {
			return
		}
		op := ledger.Op{Client: id, N: n}
		l.Sent(op)
		o.asked.Add(1)
		_, err = fmt.Fprintf(conn, `{"id":"o","entry":%s}`+"\n", ledger.AppendEntry(nil, l.Seed, op))
		if err == nil {
			o.answer(l, op, bufio.NewReader(conn), at)
		}
		conn.Close()
	}
}

// answer takes the answer to an append, if one comes.
func (o *outcast) answer(l *ledger.Ledger, op ledger.Op, lines *bufio.Reader, at *node) {
	text, err := lines.ReadBytes('\n')
	if err != nil {
		return
	}
	a, err := load.Parse(text)
	switch {
	case err != nil:
		l.Violate(ledger.Protocol, "at %s: %.200q", at.name, text)
	case a.Index != 0:
		if !o.over.Load() {
			l.Violate("minority", "%s, cut off from most, has confirmed %v", at.name, op)
		}
		l.Confirmed(op, a.Index)
	case a.Error == "no quorum":
		o.refused.Add(1)
		l.Refused(op)
	case a.Error != "unknown outcome" && a.Error != "shutting down":
		l.Violate(ledger.Protocol, "at %s, cut off: %.200q", at.name, text)
	}
}
