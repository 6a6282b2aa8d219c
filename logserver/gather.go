package logserver

import (
	"runtime"
	"sync"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/order"
)

// An appender waits for the fate of appends that it submitted. It is told in
// the order of submission, exactly once for each, with no lock of the Log held.
type appender interface {
	// resolve tells the fate of the next o.Appends appends. It must not block.
	resolve(o *order.Outcome)
	// fail tells that the next n appends will not be decided here.
	fail(n int, reason string)
	// flush sends what resolve and fail have made ready. It must not block.
	flush()
}

// entry is one entry of an append: its text, compacted, and its digest.
type entry struct {
	text   []byte
	digest blobstore.Digest
}

// submission is an append on its way into a batch.
type submission struct {
	order.Append
	entries []entry
	size    int // bytes of its entries
}

// batch is what is committed together: contents, proposal, and who waits.
type batch struct {
	content  blobstore.Batch
	proposal order.Proposal
	waiters  []waiter
}

// waiter stands for consecutive appends of one appender.
type waiter struct {
	appender appender
	appends  int
}

func (b *batch) reset() {
	b.content.Reset()
	b.proposal.Reset()
	clear(b.waiters)
	b.waiters = b.waiters[:0]
}

func (b *batch) empty() bool { return len(b.waiters) == 0 }

// fits tells whether size more bytes may join: a batch is gathered up to limit
// but holds at least one whole append.
func (b *batch) fits(size, limit int) bool {
	return b.empty() || b.content.Size()+perEntry*b.content.Len()+size <= limit
}

// perEntry is about what an entry takes beside its bytes.
const perEntry = 40

func (b *batch) add(who appender, s *submission) {
	key := s.Key
	for i := range s.entries {
		b.content.Add(s.entries[i].text, s.entries[i].digest, key)
		key = nil // the key is the whole append's and stays with its first entry
	}
	b.proposal.Add(&s.Append)
	if n := len(b.waiters); n > 0 && b.waiters[n-1].appender == who {
		b.waiters[n-1].appends++
		return
	}
	b.waiters = append(b.waiters, waiter{who, 1})
}

// gatherer collects appends into the batch that will be committed next.
type gatherer struct {
	mu     sync.Mutex // guards the following
	room   *sync.Cond // the open batch was taken, nobody commits any more, or closed was set
	open   *batch     // being gathered
	spares []*batch   // empty, to be used again
	busy   bool       // somebody commits; set by whoever takes that upon itself
	ended  bool       // nobody commits any more but Close
	crowd  int        // how many lately shared a batch
	closed string     // why nothing is taken any more, as an error of the wire
}

func newGatherer() *gatherer {
	g := &gatherer{open: new(batch)}
	g.room = sync.NewCond(&g.mu)
	return g
}

// take returns the batch gathered so far and opens the other one.
// The caller holds g.mu and is the one that commits.
func (g *gatherer) take() *batch {
	b := g.open
	g.crowd = max(len(b.waiters), g.crowd/2)
	g.open = nil
	if n := len(g.spares); n > 0 {
		g.open, g.spares = g.spares[n-1], g.spares[:n-1]
	} else {
		g.open = new(batch)
	}
	g.room.Broadcast()
	return b
}

// submit puts the appends of who, in their order, into the batch being
// gathered, and commits it if nobody else does. It blocks while the batch is
// full. The fate of every append is told to who, also when nothing is taken
// any more. The entries' bytes are free again when it returns.
func (l *Log) submit(who appender, list []submission) {
	g := l.gatherer
	g.mu.Lock()
	for i := range list {
		s := &list[i]
		for g.closed == "" && !g.open.fits(s.size, l.options.MaxBatch) {
			if !g.busy {
				g.busy = true
				l.commitOpen()
				continue
			}
			g.room.Wait()
		}
		if g.closed != "" {
			for g.busy && !g.ended { // who may have appends under way is told of those first
				g.room.Wait()
			}
			reason := g.closed
			g.mu.Unlock()
			l.metrics.refuse(reason, len(list)-i)
			who.fail(len(list)-i, reason)
			who.flush()
			return
		}
		g.open.add(who, s)
	}
	switch {
	case l.member != nil:
		l.member.poke()
	case !g.busy && !g.open.empty():
		g.busy = true
		if len(list) > inline {
			l.more <- struct{}{}
		} else {
			l.letOthersJoin()
			l.commitOpen()
		}
	}
	g.mu.Unlock()
}

// letOthersJoin lets the connections that have lines to handle put their appends into
// the open batch, where several lately did. Nothing is waited for, but even to look
// costs a fifth of an append where there is only one. (With 64 connections of one
// append each: 7 % more appends a second.) The caller has set g.busy and holds g.mu.
func (l *Log) letOthersJoin() {
	if l.gatherer.crowd < 2 {
		return
	}
	l.gatherer.mu.Unlock()
	runtime.Gosched()
	l.gatherer.mu.Lock()
}

// inline is how many appends of one read a connection commits itself. With more of
// them it is better to let the Log's goroutine do so, and to parse and hash what
// comes next meanwhile.
const inline = 16

// commitOpen commits the open batch; the caller has set g.busy, holds g.mu, and
// holds it again afterwards. If more has gathered meanwhile, the Log's own
// goroutine goes on with it, so that no connection serves the others for ever.
func (l *Log) commitOpen() {
	g := l.gatherer
	b := g.take()
	g.mu.Unlock()
	l.commit(b)
	g.mu.Lock()
	l.committed(b)
	if g.open.empty() {
		g.busy = false
		g.room.Broadcast()
		return
	}
	l.more <- struct{}{} // capacity 1, and only the busy one sends
}

// maxSpares is how many batches are kept for use.
const maxSpares = 4

// committed gives the batch's memory back for the next. The caller holds g.mu.
func (l *Log) committed(b *batch) {
	b.reset()
	if g := l.gatherer; len(g.spares) < maxSpares {
		g.spares = append(g.spares, b)
	}
}
