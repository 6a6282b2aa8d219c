package crash

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ringlog/ringlog/integration/ledger"
)

// load is writers and tails, which go on over kills of the server.
type load struct {
	ledger  *ledger.Ledger
	address string

	end       context.CancelFunc // of everything
	endReads  context.CancelFunc // of tails and of what is sent again
	stop      chan struct{}      // tells the writers to end when all is answered
	last      chan struct{}      // tells the writers not to connect again
	appending sync.WaitGroup
	repeating sync.WaitGroup
	reading   sync.WaitGroup
	writers   []*writer
	tails     []*tail
	power     atomic.Uint64 // counts each going off and coming back: odd while it is off
}

// startLoad starts writers, whose clients are numbered from first, and tails.
func startLoad(ctx context.Context, l *ledger.Ledger, address string, first uint32, writers, tails int) *load {
	ctx, end := context.WithCancel(ctx)
	reads, endReads := context.WithCancel(ctx)
	d := &load{ledger: l, address: address, end: end, endReads: endReads, stop: make(chan struct{}),
		last: make(chan struct{})}
	for i := range uint32(writers) {
		w := newWriter(l, address, first+i)
		d.writers = append(d.writers, w)
		d.appending.Go(func() { w.run(ctx, d.stop, d.last) })
		if w.style != plain {
			d.repeating.Go(func() { w.repeat(reads, d.last) })
		}
	}
	for i := range tails {
		tail := newTail(l, address, uint64(i), &d.power)
		d.tails = append(d.tails, tail)
		d.reading.Go(func() { tail.run(reads) })
	}
	return d
}

// finish ends the load when all is answered.
func (d *load) finish() {
	close(d.stop)
	d.appending.Wait()
	d.cut()
}

// lastConnections tells the writers that the connections they have are their last ones.
func (d *load) lastConnections() { close(d.last) }

// hungUp waits until the writers have read all that the server sent before it closed their last
// connections; what has no answer then is given up.
func (d *load) hungUp() {
	d.appending.Wait()
	d.repeating.Wait()
	d.cut()
	for _, w := range d.writers {
		w.tally.abandoned += int(w.next - w.low)
	}
}

// settle waits until everything that was sent so far is answered.
func (d *load) settle() {
	for _, w := range d.writers {
		w.settle()
	}
}

// cut ends the load at once, whatever is answered.
func (d *load) cut() {
	d.endReads()
	d.end()
	d.appending.Wait()
	d.repeating.Wait()
	d.reading.Wait()
}

// tally is what the load came to, after its end.
func (d *load) tally() tally {
	var all tally
	for _, w := range d.writers {
		all.add(w.tally)
	}
	return all
}
