package placed

import (
	"slices"

	"github.com/ringlog/ringlog/blobstore"
)

// batch is one that has begun.
type batch struct {
	ticket   Ticket
	digest   blobstore.Digest
	size     int64
	began    uint64
	asked    []asked // in their order
	proposed bool
	ended    bool
}

// asked is a node that was sent a batch.
type asked struct {
	node  uint64
	at    uint64
	state state
}

type state uint8

const (
	waiting state = iota
	late          // it was silent for too long; another was asked in its place
	has
)

// held notes that a node has the batch, if it was sent it and that isn't known yet.
func (b *batch) held(node uint64) bool {
	for i := range b.asked {
		if a := &b.asked[i]; a.node == node && a.state != has {
			a.state = has
			return true
		}
	}
	return false
}

// holders returns the members that have a batch.
func (p *Placer) holders(b *batch) (list []uint64) {
	for _, a := range b.asked {
		if a.state == has && p.member(a.node) {
			list = append(list, a.node)
		}
	}
	return list
}

// fill sends a batch to as many nodes as are missing, if there are any: first to those that were not silent lately.
func (p *Placer) fill(b *batch) {
	if p.ring == nil || b.ended {
		return
	}
	var kept, failed []uint64
	for _, a := range b.asked {
		if a.state == late {
			failed = append(failed, a.node)
		} else {
			kept = append(kept, a.node)
		}
	}
	shunned := slices.Clone(failed)
	for node, since := range p.silent {
		if p.now-since < p.options.Shun && !slices.Contains(kept, node) {
			shunned = append(shunned, node)
		}
	}
	next := p.ring.Replace(nil, b.digest, kept, shunned)
	if len(shunned) > len(failed) {
		next = p.ring.Replace(next, b.digest, append(kept, next...), failed)
	}
	for _, node := range next {
		b.asked = append(b.asked, asked{node: node, at: p.now})
		p.holds = append(p.holds, Hold{b.ticket, b.digest, node})
	}
}

// sweep lets batches go that nothing is left to be done for.
func (p *Placer) sweep() {
	kept := p.batches[:0]
	for _, b := range p.batches {
		if !p.done(b) {
			kept = append(kept, b)
			continue
		}
		if b.proposed {
			p.going--
			p.bytes -= b.size
		}
		p.over = append(p.over, b.ticket)
	}
	clear(p.batches[len(kept):])
	p.batches = kept
}

// done tells whether nothing is left to be done for a batch; the older ones were looked at before it.
func (p *Placer) done(b *batch) bool {
	switch {
	case b.ended:
		return true
	case !b.proposed:
		return false
	case p.going > p.options.Batches, p.bytes > p.options.Bytes, p.now-b.began >= p.options.Age:
		return true
	}
	return !slices.ContainsFunc(b.asked, func(a asked) bool { return a.state == waiting })
}
