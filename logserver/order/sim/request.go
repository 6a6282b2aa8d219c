package sim

import (
	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// request is what a client asks of a node, once; what it wants is told apart by op.
type request struct {
	op     *op
	answer func(a answer)
}

// answer is what a node says.
type answer struct {
	refused bool // nothing was, or will be, appended
	outcome order.Outcome
	head    uint64
}

// ask gives a node a request.
func (n *node) ask(q *request) {
	if !n.up || n.frozen {
		return
	}
	if q.op.kind == opHead {
		n.askHead(q)
		return
	}
	n.gather = append(n.gather, q)
	n.pump()
}

func (n *node) askHead(q *request) {
	if n.w.options.Spoil == SpoilReads {
		n.tellHead(q)
		return
	}
	ticket, err := n.core.Read()
	if err != nil {
		n.fatal(err)
		return
	}
	n.reads[ticket] = q
	n.pump()
	n.answerReads()
}

func (n *node) answerReads() {
	for _, ticket := range n.core.ReadsDone() {
		n.tellHead(n.reads[ticket])
		delete(n.reads, ticket)
	}
}

func (n *node) tellHead(q *request) {
	_, head, _ := n.core.Log([]byte(q.op.log))
	q.answer(answer{head: head})
}

// propose makes what was gathered one batch.
func (n *node) propose() {
	if len(n.gather) == 0 {
		return
	}
	var p order.Proposal
	var b blobstore.Batch
	p.Reset()
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
		p.Add(&a)
		for _, e := range q.op.entries {
			b.Add([]byte(e), blobstore.Sum([]byte(e)), key)
			key = nil
		}
	}
	gathered := n.gather
	n.gather = nil
	d := b.Digest()
	payload := append(append([]byte(nil), b.Manifest()...), b.Content()...)
	_, had := n.content[d]
	if !had {
		n.content[d] = payload // before it is proposed: what is proposed must be here
	}
	if err := n.core.Propose(&p, d, n.clock()); err != nil {
		if !had {
			delete(n.content, d)
		}
		for _, q := range gathered {
			q.answer(answer{refused: true})
		}
		return
	}
	n.w.report.Proposals++
	n.waiting = append(n.waiting, gathered)
	if !had {
		n.inHand = append(n.inHand, d)
	}
	for _, id := range n.core.Members().All() {
		if id != n.id {
			n.w.send(order.Message{From: n.id, To: id, Kind: order.MessagePut, Payload: payload})
		}
	}
	if n.w.options.Spoil == SpoilTwice && n.w.chance(20) {
		_ = n.core.Propose(&p, d, n.clock()) // as a node would that forgot it had proposed
		n.waiting = append(n.waiting, nil)
	}
}

// answer tells everybody in a batch what became of it.
func (n *node) answer(list []*request, d *order.Decision) {
	at, left := -1, uint32(0)
	for _, q := range list {
		if left == 0 {
			at++
			left = d.Outcomes[at].Appends
		}
		o := d.Outcomes[at]
		o.First += uint64(o.Appends-left) * uint64(o.Entries)
		left--
		q.answer(answer{outcome: o})
	}
}

// answerEarly is SpoilAnswers: what is only flushed here is confirmed.
func (n *node) answerEarly() {
	for _, list := range n.waiting {
		for _, q := range list {
			_, head, _ := n.core.Log([]byte(q.op.log))
			q.answer(answer{outcome: order.Outcome{Status: order.Appended, First: head + 1}})
		}
	}
}

// orders returns the digests of the batches that order and decided frames name.
func orders(frames []segment.Frame, fn func(d blobstore.Digest)) {
	for i := range frames {
		if p := frames[i].Payload[0]; frames[i].Kind == segment.KindOrder {
			if d, ok := order.Digest(p); ok {
				fn(d)
			}
		}
	}
}
