package sim

import (
	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/logserver/order"
)

// flight is a batch that a node has gathered, until it is decided.
type flight struct {
	list     []*request
	proposal order.Proposal
	digest   blobstore.Digest
	payload  []byte
	ticket   placed.Ticket // 0: content and order go together
	needed   int           // nodes that must have it before it is acknowledged
}

// propose makes what was gathered one batch, and hands over the batches that may be.
func (n *node) propose() {
	if len(n.gather) > 0 {
		f := n.gathered()
		if n.apart {
			n.place(f)
		} else {
			n.flights = append(n.flights, f)
		}
	}
	for len(n.flights) > 0 {
		if f := n.flights[0]; f.ticket == 0 {
			n.handOver(f)
		} else if !n.handOverPlaced(f) {
			break
		}
		n.flights = n.flights[1:]
	}
	n.sendHolds()
	for _, t := range n.placer.Over() {
		delete(n.kept, t)
	}
}

// gathered makes what was gathered one batch.
func (n *node) gathered() *flight {
	f := new(flight)
	var b blobstore.Batch
	f.proposal.Reset()
	for _, q := range n.gather {
		a := order.Append{Log: []byte(q.op.log), Entries: len(q.op.entries)}
		var key []byte
		switch q.op.kind {
		case opNumbered:
			a.Producer, a.Seq = []byte(q.op.client.name), q.op.seq
		case opKeyed:
			key = []byte(q.op.entries[0])
			a.Key, a.KeyDigest = key, blobstore.Sum([]byte(q.op.entries[0]))
		}
		f.proposal.Add(&a)
		for _, e := range q.op.entries {
			b.Add([]byte(e), blobstore.Sum([]byte(e)), key)
			key = nil
		}
	}
	f.list, n.gather = n.gather, nil
	f.digest = b.Digest()
	f.payload = append(append([]byte(nil), b.Manifest()...), b.Content()...)
	n.w.oracle.batches[f.digest] = f.payload
	return f
}

func (n *node) refuse(f *flight) {
	for _, q := range f.list {
		q.answer(answer{refused: true})
	}
}

// handOver proposes a batch whose content goes to all, together with its order.
func (n *node) handOver(f *flight) {
	_, had := n.content[f.digest]
	if !had {
		n.content[f.digest] = f.payload // before it is proposed: what is proposed must be here
	}
	if err := n.core.Propose(&f.proposal, f.digest, n.clock()); err != nil {
		if !had {
			delete(n.content, f.digest)
		}
		n.refuse(f)
		return
	}
	n.w.report.Proposals++
	n.waiting = append(n.waiting, f)
	if !had {
		n.inHand = append(n.inHand, f.digest)
	}
	for _, id := range n.core.Members().All() {
		if id != n.id {
			n.w.send(order.Message{From: n.id, To: id, Kind: order.MessagePut, Payload: f.payload})
		}
	}
	n.again(f)
}

// again is SpoilTwice: a node that forgot that it had proposed.
func (n *node) again(f *flight) {
	if n.w.options.Spoil == SpoilTwice && n.w.chance(20) {
		_ = n.core.Propose(&f.proposal, f.digest, n.clock())
		n.waiting = append(n.waiting, new(flight))
	}
}

// place begins to place a batch.
func (n *node) place(f *flight) {
	err := order.ErrNotServing
	if n.core.Serving() {
		f.needed = n.needed
		f.ticket, err = n.placer.Begin(f.digest, len(f.payload))
	}
	if err != nil {
		n.refuse(f)
		return
	}
	n.kept[f.ticket] = f
	n.flights = append(n.flights, f)
	n.w.oracle.needs(f)
	n.sendHolds()
}

// handOverPlaced proposes a batch, or refuses it, as soon as it is known whether enough nodes hold it.
func (n *node) handOverPlaced(f *flight) (done bool) {
	holders, err := n.placer.Holders(f.ticket)
	if n.w.options.Spoil == SpoilHolders && err == nil {
		holders = n.ring.Owners(nil, f.digest)
	}
	if err == nil && len(holders) == 0 {
		return false
	}
	if err != nil {
		n.w.report.TooFew++
	} else {
		f.needed = n.needed // now
		n.w.oracle.needs(f)
		f.proposal.Place(holders)
		err = n.core.Propose(&f.proposal, f.digest, n.clock())
	}
	if err != nil {
		n.placer.End(f.ticket)
		n.refuse(f)
		return true
	}
	n.placer.Proposed(f.ticket)
	n.w.oracle.proposed[f.digest] = true
	n.w.report.Proposals++
	n.w.report.Placed++
	n.waiting = append(n.waiting, f)
	n.again(f)
	return true
}

// sendHolds sends contents to whom they are to be at.
func (n *node) sendHolds() {
	for _, p := range n.placer.Send() {
		payload := n.kept[p.Ticket].payload
		if p.To == n.id {
			n.hold(n.id, payload)
		} else {
			n.w.send(order.Message{From: n.id, To: p.To, Kind: order.MessageHold, Payload: payload})
		}
	}
}

// hold takes content that somebody wants to be flushed, and to be told of that.
func (n *node) hold(from uint64, payload []byte) {
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		n.fatal(err)
		return
	}
	d := m.BatchDigest()
	if _, stored := n.places[d]; stored || n.w.options.Spoil == SpoilHeld {
		n.sayHeld(from, d)
	}
	if _, stored := n.places[d]; !stored {
		n.holds[d] = append(n.holds[d], from)
		n.put(payload)
	}
}

func (n *node) sayHeld(to uint64, d blobstore.Digest) {
	if to == n.id {
		n.placer.Held(n.id, d)
		return
	}
	n.w.send(order.Message{From: n.id, To: to, Kind: order.MessageHeld, Payload: order.AppendHeld(nil, d)})
}

// flushedContent tells who waits for it that content is flushed.
func (n *node) flushedContent(d blobstore.Digest) {
	n.w.oracle.flushed(n.id, d)
	for _, from := range n.holds[d] {
		n.sayHeld(from, d)
	}
	delete(n.holds, d)
}
