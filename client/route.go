package client

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/ringlog/ringlog/protocol"
)

// patience is how long, where there are several addresses, the first attempts
// at one may take until the server answers; further rounds have more.
const patience = 3 * time.Second

// route is how one use of connections goes from address to address: in rounds,
// each address once, without a pause; then a pause, longer each time. It is
// owned by the goroutine that uses it.
type route struct {
	c     *Client
	use   Use
	delay *backoff.ExponentialBackOff

	addr     string          // where the connection is, or is tried
	tried    map[string]bool // in this round
	rounds   int             // without a connection of use
	denied   error           // a server did not let the client in, in this round
	attempts int
}

func (c *Client) newRoute(use Use) *route {
	return &route{c: c, use: use, delay: c.opts.backOff(), tried: make(map[string]bool)}
}

// connect tries the next address.
func (r *route) connect(ctx context.Context) (*link, error) {
	addr, ok := r.c.addresses.next(r.tried)
	if !ok {
		clear(r.tried)
	}
	r.addr = addr
	if r.attempts++; r.attempts > 1 {
		tell(r.c.opts.hooks.Reconnect, r.event())
	}
	return r.c.connect(ctx, r)
}

// works takes in that the server has answered.
func (r *route) works() {
	r.c.addresses.works(r.addr)
	tell(r.c.opts.hooks.Connect, r.event())
}

// current takes in that a read has reached the head.
func (r *route) current(log Log) {
	e := r.event()
	if e.Log = string(log); e.Log == "" {
		e.Log = protocol.MainLog
	}
	tell(r.c.opts.hooks.Current, e)
}

func (r *route) event() Event { return Event{Use: r.use, Address: r.addr} }

// limit is how long the server may take to give its first sign of life.
func (r *route) limit() time.Duration {
	if r.c.addresses.len() == 1 {
		return r.c.opts.timeout
	}
	return min(r.c.opts.timeout, patience<<min(r.rounds, 10))
}

// headLine is the message that asks for a sign of life, and for the members, behind its opening bracket.
func (r *route) headLine() string {
	if r.c.opts.onlyThese {
		return `"head":true}` + "\n"
	}
	return `"head":true,"members":true}` + "\n"
}

// learn takes in the members that the server told of, and returns how many
// addresses are known then.
func (r *route) learn(members []string) int {
	if !r.c.opts.onlyThese {
		r.c.addresses.learn(members)
	}
	return r.c.addresses.len()
}

// detour is what follows from the end of a connection or an attempt.
type detour struct {
	wait  time.Duration // before the next attempt
	round bool          // it was the round's last: no address was left to try
	err   error         // why; that one did not let the client in, if that was any server's of the round
}

// expires tells whether what Keep limits may end now: if it is no time at all,
// then not before every address was tried.
func (d *detour) expires(o *options) bool { return d.round || o.keepFor > 0 }

// leave takes in that the connection or the attempt at one has failed, and
// tells how to go on. A connection of use has the pauses begin short again.
func (r *route) leave(err error, useful bool) detour {
	r.tried[r.addr] = true
	r.c.addresses.fails(r.addr)
	e := r.event()
	e.Err = err
	tell(r.c.opts.hooks.Disconnect, e)
	if useful {
		r.delay.Reset()
		r.rounds, r.denied = 0, nil
	}
	if unwelcome(err) {
		r.denied = err
	}
	if _, ok := r.c.addresses.next(r.tried); ok {
		return detour{err: err}
	}
	d := detour{wait: r.delay.NextBackOff(), round: true, err: err}
	if r.denied != nil {
		d.err = r.denied
	}
	clear(r.tried)
	r.rounds++
	r.denied = nil
	e.Delay = d.wait
	tell(r.c.opts.hooks.Backoff, e)
	return d
}
