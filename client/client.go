package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Client appends to and reads the logs of one server, or of a cluster's members. Its methods may be
// called by any number of goroutines.
type Client struct {
	opts      options
	addresses *addresses

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wake   chan struct{} // has room for one: the sender is to look again
	done   chan struct{} // closed when run has returned

	recycled sync.Pool // of Pendings with a signal

	mu         sync.Mutex // guards the following; given back by unlock
	started    bool       // run runs: with the first append
	closed     bool
	window     *window
	blocked    deque[*admission] // appends that wait for room, in their order
	flushes    []flush
	delivering int // calls of unlock that are telling outcomes

	// The appends' connection.
	heard   bool      // something came on it
	greeted bool      // the answer to the question that it begins with has come
	down    bool      // no address gave one, or one that brought anything, when last tried
	since   time.Time // nothing has come since, and a connection broke then
	lastErr error     // of the last connection or attempt
	resume  time.Time // nothing is sent before
	pingDue bool
	leaving bool // nothing more is sent on this connection
	idle    bool // the sender waits for wake

	admitted []*admission // to be told by unlock
}

// admission is an append that waits for room.
type admission struct {
	request *request // nil: admitted, refused, or withdrawn
	pending *Pending
	err     error         // of a refusal, before told is closed
	told    chan struct{} // closed when admitted or refused
}

// flush waits for all up to an order.
type flush struct {
	order uint64
	done  chan struct{}
}

// New returns a client of the server at addr ("host:port"), or of the cluster
// that it is a member of. It connects when it is first used: the only error is
// an ErrInvalid, for an address that can't be one or an option out of range.
// Close it when it is no longer used.
func New(addr string, opts ...Option) (*Client, error) {
	o := defaults()
	for _, set := range opts {
		set(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.tls != nil {
		o.dial = o.sealed(o.dial)
	}
	known, err := newAddresses(append([]string{addr}, o.others...))
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts:      o,
		addresses: known,
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		window:    newWindow(retryLimits{refused: o.retryRefused, unsure: o.keepFor}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close ends every call and iteration with ErrClosed, and every append without
// an answer: with an ErrUnknownOutcome too if it was sent (Flush first to avoid
// that). When it returns, every Pending has its outcome and no goroutine of the
// client is left. It may be called again, but not from an OnDone. It returns
// nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	started := c.started
	c.refuseBlocked(ErrClosed)
	c.unlock()
	c.cancel()
	if started {
		<-c.done
	}
	return nil
}

// Flush waits until every append that was accepted before has its outcome and
// its OnDone has returned, or ctx ends.
func (c *Client) Flush(ctx context.Context) error {
	f := flush{done: make(chan struct{})}
	c.mu.Lock()
	f.order = c.window.accepted
	c.flushes = append(c.flushes, f)
	c.unlock()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush: %w", ctx.Err())
	}
}

// submit has an append accepted, waiting for room. If it fails, nothing is
// left of the append.
func (c *Client) submit(ctx context.Context, r *request, p *Pending) error {
	c.mu.Lock()
	a, err := c.admit(r, p)
	c.unlock()
	if a == nil || err != nil {
		return err
	}
	select {
	case <-a.told:
		return a.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	waiting := a.request != nil
	a.request = nil
	c.admitBlocked() // it may have been in others' way
	c.unlock()
	if !waiting {
		<-a.told
		return a.err
	}
	return fmt.Errorf("not appended, while waiting for room: %w", ctx.Err())
}

// admit accepts or refuses an append, or returns what it is to wait for.
func (c *Client) admit(r *request, p *Pending) (*admission, error) {
	if c.closed {
		return nil, ErrClosed
	}
	if !c.started {
		c.started = true
		go c.run()
	}
	if c.blocked.len() == 0 && c.room(r) {
		c.accept(r, p)
		return nil, nil
	}
	if c.down {
		return nil, c.fullError()
	}
	a := &admission{request: r, pending: p, told: make(chan struct{})}
	c.blocked.push(a)
	return a, nil
}

func (c *Client) room(r *request) bool {
	if c.down && c.window.count >= c.opts.keep {
		return false
	}
	return c.window.bytes == 0 || c.window.bytes+r.size() <= c.opts.maxUnanswered
}

func (c *Client) accept(r *request, p *Pending) {
	if !c.since.IsZero() {
		r.kept = time.Now()
	}
	c.window.accept(r, p)
}

func (c *Client) fullError() error {
	return fmt.Errorf("not appended, %d appends are kept already: %w: %w", c.window.count, ErrDisconnected, c.lastErr)
}

// admitBlocked accepts blocked appends while there is room.
func (c *Client) admitBlocked() {
	for c.blocked.len() > 0 {
		a := c.blocked.at(0)
		if a.request != nil {
			if !c.room(a.request) {
				return
			}
			c.accept(a.request, a.pending)
			a.request = nil
			c.admitted = append(c.admitted, a)
		}
		c.blocked.pop()
	}
}

// refuseBlocked refuses all blocked appends.
func (c *Client) refuseBlocked(err error) {
	for c.blocked.len() > 0 {
		if a := c.blocked.pop(); a.request != nil {
			a.request, a.err = nil, err
			c.admitted = append(c.admitted, a)
		}
	}
}

// unlock gives the lock back and then tells everybody what has become of their
// appends in the meantime.
func (c *Client) unlock() {
	told := c.window.takeOutcomes()
	if told != nil {
		c.delivering++
	}
	admitted := c.admitted
	c.admitted = nil
	flushed := c.flushed()
	wake := c.idle && (c.pingDue || c.window.sendable())
	c.idle = c.idle && !wake
	c.mu.Unlock()

	if wake {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	for _, a := range admitted {
		close(a.told)
	}
	for _, f := range flushed {
		close(f.done)
	}
	if told != nil {
		told.deliver()
		c.mu.Lock()
		c.delivering--
		c.unlock()
	}
}

// flushed takes out the flushes that have what they wait for.
func (c *Client) flushed() (due []flush) {
	if len(c.flushes) == 0 || c.delivering > 0 {
		return nil
	}
	settled := c.window.settledTo()
	c.flushes = slices.DeleteFunc(c.flushes, func(f flush) bool {
		if f.order <= settled {
			due = append(due, f)
			return true
		}
		return false
	})
	return due
}
