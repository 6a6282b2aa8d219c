package client

import (
	"context"
	"fmt"
	"sync"
)

// Pending is an append that AppendAsync has begun. Any number of goroutines
// may wait for it.
type Pending struct {
	request *request // while it is in the window; guarded by Client.mu

	onDone OnDone
	signal chan struct{} // has room for one; for Append, which uses a Pending again

	mu      sync.Mutex // guards the following
	done    chan struct{}
	settled bool
	index   uint64
	err     error
}

// Done returns a channel that is closed when the outcome is known.
func (p *Pending) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = make(chan struct{})
		if p.settled {
			close(p.done)
		}
	}
	return p.done
}

// Result waits for the outcome: the entry's index, or the error that package
// client's documentation explains.
func (p *Pending) Result() (index uint64, err error) {
	p.mu.Lock()
	settled := p.settled
	p.mu.Unlock()
	if !settled {
		<-p.Done()
	}
	return p.index, p.err // never written again
}

// Wait is Result for as long as ctx lasts. When ctx ends first, its error is
// returned, the append goes on, and Wait may be called again.
func (p *Pending) Wait(ctx context.Context) (index uint64, err error) {
	select {
	case <-p.Done():
		return p.Result()
	case <-ctx.Done():
		return 0, fmt.Errorf("the append goes on: %w", context.Cause(ctx))
	}
}

// settle makes the outcome known, once. The client's lock is not held.
func (p *Pending) settle(index uint64, err error) {
	p.mu.Lock()
	p.settled, p.index, p.err = true, index, err
	done := p.done
	p.mu.Unlock()
	if done != nil {
		close(done)
	}
	if p.onDone != nil {
		p.onDone(index, err)
	}
	if p.signal != nil {
		p.signal <- struct{}{} // the last use of p here: Append has it now
	}
}

// newSignalled returns a Pending with a signal, for one append.
func (c *Client) newSignalled() *Pending {
	if p, ok := c.recycled.Get().(*Pending); ok {
		return p
	}
	return &Pending{signal: make(chan struct{}, 1)}
}

// recycle lets another append use p, whose signal was taken.
func (c *Client) recycle(p *Pending) {
	p.request, p.onDone, p.settled, p.index, p.err = nil, nil, false, 0, nil
	c.recycled.Put(p)
}
