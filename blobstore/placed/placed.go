package placed

import (
	"errors"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/ring"
)

// ErrTooFew means that not enough nodes have the content, and none will be waited for any more. Of such a batch nothing
// was ordered.
var ErrTooFew = errors.New("too few nodes hold the content")

// Options say for how long, in ticks, and how much. Zero stands for the default.
type Options struct {
	Patience uint64 // for which a node may be silent before the next takes its replica; 5
	GiveUp   uint64 // after which a batch that too few hold is given up; 50
	Shun     uint64 // for which a node that was silent is sent nothing while there are others; 50
	Age      uint64 // after which no more is done for a batch that was proposed; 300
	Batches  int    // that were proposed and aren't everywhere; 256
	Bytes    int64  // of these; 64 MiB
}

func (o Options) withDefaults() Options {
	or := func(n *uint64, otherwise uint64) {
		if *n == 0 {
			*n = otherwise
		}
	}
	or(&o.Patience, 5)
	or(&o.GiveUp, 50)
	or(&o.Shun, 50)
	or(&o.Age, 300)
	if o.Batches == 0 {
		o.Batches = 256
	}
	if o.Bytes == 0 {
		o.Bytes = 64 << 20
	}
	return o
}

// Ticket stands for a batch that has begun. Tickets ascend.
type Ticket uint64

// Hold is the content of a batch to be sent to a node, which is to hold it.
type Hold struct {
	Ticket Ticket
	Digest blobstore.Digest
	To     uint64
}

// Placer places the batches of one node. One goroutine owns it.
type Placer struct {
	options Options
	ring    *ring.Ring // nil: nothing can be placed
	members int        // of the ring
	needed  int        // nodes that must have a batch before it is proposed
	now     uint64     // ticks
	newest  Ticket
	batches []*batch          // in the order in which they began
	going   int               // of these, proposed ones
	bytes   int64             // of these
	silent  map[uint64]uint64 // since when
	holds   []Hold
	over    []Ticket
}

// New returns a Placer that knows no ring yet.
func New(o Options) *Placer {
	return &Placer{options: o.withDefaults(), needed: 1, silent: make(map[uint64]uint64)}
}

// Use says who owns what from now on, and how many must have a batch before it is proposed: at least one. What is under way
// goes on with the nodes that have it, or may, and are members still.
func (p *Placer) Use(r *ring.Ring, needed int) {
	p.ring, p.members, p.needed = r, 0, max(needed, 1)
	if r != nil {
		p.members = len(r.Members())
	}
	for node := range p.silent {
		if !p.member(node) {
			delete(p.silent, node)
		}
	}
	for _, b := range p.batches {
		p.fill(b)
	}
	p.sweep()
}

func (p *Placer) member(node uint64) bool {
	if p.ring == nil {
		return false
	}
	_, ok := p.ring.Member(node)
	return ok
}

// Begin takes a batch of so many bytes, and returns what stands for it. ErrTooFew: there are fewer
// members than are needed, or none are known yet.
func (p *Placer) Begin(d blobstore.Digest, size int) (Ticket, error) {
	if p.members < p.needed {
		return 0, ErrTooFew
	}
	p.newest++
	b := &batch{ticket: p.newest, digest: d, size: int64(size), began: p.now}
	p.batches = append(p.batches, b)
	p.fill(b)
	return b.ticket, nil
}

// Held says that a node has flushed the content with a digest. It says so once for each Hold: of batches with the same
// content the oldest has it.
func (p *Placer) Held(node uint64, d blobstore.Digest) {
	delete(p.silent, node)
	for _, b := range p.batches {
		if b.digest == d && b.held(node) {
			break
		}
	}
	p.sweep()
}

// Tick says that some time has passed.
func (p *Placer) Tick() {
	p.now++
	for _, b := range p.batches {
		if p.expire(b) {
			p.fill(b)
		}
	}
	p.sweep()
}

// expire notes who was silent for too long, and tells whether anybody was.
func (p *Placer) expire(b *batch) (any bool) {
	for i := range b.asked {
		if a := &b.asked[i]; a.state == waiting && p.now-a.at >= p.options.Patience {
			a.state, any = late, true
			p.silent[a.node] = p.now
		}
	}
	return any
}

// Holders returns the nodes that have a batch once there are enough, ascending; none as long as there aren't.
// ErrTooFew: it is given up. What was begun stays until End or Proposed.
func (p *Placer) Holders(t Ticket) ([]uint64, error) {
	b := p.find(t)
	if b == nil {
		return nil, ErrTooFew
	}
	holders := p.holders(b)
	switch {
	case len(holders) >= p.needed:
		slices.Sort(holders)
		return holders, nil
	case p.now-b.began >= p.options.GiveUp:
		return nil, ErrTooFew
	}
	return nil, nil
}

// End ends a batch that will not be proposed.
func (p *Placer) End(t Ticket) {
	if b := p.find(t); b != nil {
		b.ended = true
		p.sweep()
	}
}

// Proposed says that a batch was proposed: now all are to get it, as far as that can be.
func (p *Placer) Proposed(t Ticket) {
	if b := p.find(t); b != nil && !b.proposed {
		b.proposed = true
		p.going++
		p.bytes += b.size
		p.sweep()
	}
}

// Send returns what is to be sent now, and forgets it.
func (p *Placer) Send() []Hold {
	holds := p.holds
	p.holds = nil
	return holds
}

// Over returns batches whose content isn't needed here any more, and forgets them.
func (p *Placer) Over() []Ticket {
	over := p.over
	p.over = nil
	return over
}

func (p *Placer) find(t Ticket) *batch {
	i, ok := slices.BinarySearchFunc(p.batches, t, func(b *batch, t Ticket) int { return int(int64(b.ticket) - int64(t)) })
	if !ok {
		return nil
	}
	return p.batches[i]
}
