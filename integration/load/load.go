package load

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ringlog/ringlog/integration/ledger"
)

// Load is writers and tails, which go on over kills of the server.
type Load struct {
	end       context.CancelFunc // of everything
	endReads  context.CancelFunc // of tails and of what is sent again
	stop      chan struct{}      // tells the writers to end when all is answered
	last      chan struct{}      // tells the writers not to connect again
	appending sync.WaitGroup
	repeating sync.WaitGroup
	reading   sync.WaitGroup
	writers   []*writer
	tails     []*tail
	Power     atomic.Uint64 // counts each going off and coming back: odd while it is off
}

// Start starts writers, whose clients are numbered from first, and tails.
func Start(ctx context.Context, l *ledger.Ledger, dial Dialer, first uint32, writers, tails int) *Load {
	ctx, end := context.WithCancel(ctx)
	reads, endReads := context.WithCancel(ctx)
	d := &Load{end: end, endReads: endReads, stop: make(chan struct{}),
		last: make(chan struct{})}
	for i := range uint32(writers) {
		w := newWriter(l, dial, first+i)
		d.writers = append(d.writers, w)
		d.appending.Go(func() { w.run(ctx, d.stop, d.last) })
		if w.style != plain {
			d.repeating.Go(func() { w.repeat(reads, d.last) })
		}
	}
	for i := range tails {
		tail := newTail(l, dial, uint64(i), &d.Power)
		d.tails = append(d.tails, tail)
		d.reading.Go(func() { tail.run(reads) })
	}
	return d
}

// Finish ends the load when all is answered.
func (d *Load) Finish() {
	close(d.stop)
	d.appending.Wait()
	d.Cut()
}

// LastConnections tells the writers that the connections they have are their last ones.
func (d *Load) LastConnections() { close(d.last) }

// HungUp waits until the writers have read all that the server sent before it closed their last
// connections; what has no answer then is given up.
func (d *Load) HungUp() {
	d.appending.Wait()
	d.repeating.Wait()
	d.Cut()
	for _, w := range d.writers {
		w.tally.Abandoned += int(w.next - w.low)
	}
}

// Settle waits until everything that was sent so far is answered.
func (d *Load) Settle() {
	for _, w := range d.writers {
		w.settle()
	}
}

// Cut ends the load at once, whatever is answered.
func (d *Load) Cut() {
	d.endReads()
	d.end()
	d.appending.Wait()
	d.repeating.Wait()
	d.reading.Wait()
}

// Tally is what the load came to, after its end.
func (d *Load) Tally() Tally {
	var all Tally
	for _, w := range d.writers {
		all.Add(w.tally)
	}
	return all
}

// Resumed is how often tails went on where they had broken off, after the end.
func (d *Load) Resumed() (n int) {
	for _, t := range d.tails {
		n += t.resumed
	}
	return n
}

// Refusals is how often a server has refused an append so far that is sent again.
func (d *Load) Refusals() (n int) {
	for _, w := range d.writers {
		w.mu.Lock()
		n += w.tally.Refused
		w.mu.Unlock()
	}
	return n
}
