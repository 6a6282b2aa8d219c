package crash

import (
	"context"
	"sync"

	"github.com/ringlog/ringlog/integration/ledger"
)

// load is writers and tails, which go on over kills of the server.
type load struct {
	ledger  *ledger.Ledger
	address string

	end       context.CancelFunc // of everything
	endReads  context.CancelFunc // of tails and of what is sent again
	stop      chan struct{}      // tells the writers to end when all is answered
	appending sync.WaitGroup
	reading   sync.WaitGroup
	writers   []*writer
	tails     []*tail
}

// startLoad starts writers, whose clients are numbered from first, and tails.
func startLoad(ctx context.Context, l *ledger.Ledger, address string, first uint32, writers, tails int) *load {
	ctx, end := context.WithCancel(ctx)
	reads, endReads := context.WithCancel(ctx)
	d := &load{ledger: l, address: address, end: end, endReads: endReads, stop: make(chan struct{})}
	for i := range uint32(writers) {
		w := newWriter(l, address, first+i)
		d.writers = append(d.writers, w)
		d.appending.Go(func() { w.run(ctx, d.stop) })
		if w.style != plain {
			d.reading.Go(func() { w.repeat(reads) })
		}
	}
	for i := range tails {
		tail := newTail(l, address, uint64(i))
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
