package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringlog/ringlog/logserver/order"
)

// client appends and asks, one operation after the other. What it isn't sure of it sends
// again, to any node, unless the operation is one that mustn't be sent twice.
type client struct {
	w    *world
	name string
	n    int // operations begun
	seq  uint64
	done bool // the run's end waits for no more
}

type opKind int

const (
	opNumbered opKind = iota // an append with producer and seq
	opKeyed
	opPlain // an append that is sent once
	opHead
)

// op is an operation. It is over when its outcome is known, or, of a plain append, when
// nothing was heard.
type op struct {
	client  *client
	kind    opKind
	log     string
	entries []string
	seq     uint64
	asked   time.Duration
	ended   time.Duration
	floor   uint64 // what was acknowledged in the log when it was asked
	tries   int
	over    bool
}

func (c *client) begin() {
	w := c.w
	c.n++
	o := &op{client: c, log: "main", asked: w.now}
	if w.chance(4) {
		o.log = "other"
	}
	switch k := w.r.IntN(10); {
	case k < 5:
		c.seq++
		o.kind, o.seq = opNumbered, c.seq
	case k < 7:
		o.kind = opKeyed
	case k < 8:
		o.kind = opPlain
	default:
		o.kind = opHead
	}
	if o.kind != opHead {
		for i := range 1 + w.r.IntN(3) {
			e := fmt.Sprintf("%s-%d-%d", c.name, c.n, i)
			if w.chance(3) {
				e += strings.Repeat("x", w.r.IntN(4000))
			}
			o.entries = append(o.entries, e)
		}
	}
	o.floor = w.oracle.acked[o.log]
	w.oracle.begin(o)
	c.try(o)
}

// try sends the operation to a node, and waits.
func (c *client) try(o *op) {
	w := c.w
	o.tries++
	try := o.tries
	to := w.nodes[w.ids[w.r.IntN(len(w.ids))]]
	answered := false
	q := &request{op: o, answer: func(a answer) {
		w.after(w.between(20*time.Microsecond, 400*time.Microsecond), func() {
			if !answered && (w.calm || !w.chance(50)) { // else the answer is lost
				answered = true
				c.answered(o, try, a)
			}
		})
	}}
	w.after(w.between(20*time.Microsecond, 400*time.Microsecond), func() { to.ask(q) })
	if !w.calm && w.chance(10) && (o.kind == opNumbered || o.kind == opKeyed) { // sent again, for no reason
		w.after(w.between(0, 50*time.Millisecond), func() { w.nodes[w.ids[w.r.IntN(len(w.ids))]].ask(q) })
	}
	w.after(w.between(300*time.Millisecond, 3*time.Second), func() {
		if !o.over && o.tries == try {
			c.unheard(o)
		}
	})
}

// unheard goes on when nothing was heard of an operation.
func (c *client) unheard(o *op) {
	switch o.kind {
	case opNumbered, opKeyed:
		c.try(o)
	default:
		o.over = true
		c.next()
	}
}

func (c *client) answered(o *op, try int, a answer) {
	if o.over {
		return
	}
	w := c.w
	switch {
	case a.refused && o.kind == opPlain:
		o.over = true
		w.oracle.refuse(o)
		c.next()
		return
	case a.refused:
		if o.tries == try {
			w.after(w.between(10*time.Millisecond, 100*time.Millisecond), func() {
				if !o.over && o.tries == try {
					c.try(o)
				}
			})
		}
		return
	}
	o.over, o.ended = true, w.now
	if o.kind == opHead {
		w.oracle.toldHead(o, a.head)
		c.next()
		return
	}
	if a.outcome.Status != order.Appended || a.outcome.Forgotten {
		w.fail("append %v got status %d, forgotten %v", o.entries, a.outcome.Status, a.outcome.Forgotten)
		return
	}
	w.oracle.acknowledge(o, a.outcome.First)
	c.next()
}

// next begins the next operation in a while.
func (c *client) next() {
	w := c.w
	if w.calm && c.n > w.oracle.calmFrom[c]+3 {
		c.done = true
		return
	}
	w.after(w.between(0, 2*w.options.Think), c.begin)
}
