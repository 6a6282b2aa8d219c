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

// answer tells everybody in a batch what became of it.
func (n *node) answer(f *flight, d *order.Decision) {
	n.w.oracle.acknowledgeBatch(f)
	at, left := -1, uint32(0)
	for _, q := range f.list {
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
	for _, f := range n.waiting {
		for _, q := range f.list {
			_, head, _ := n.core.Log([]byte(q.op.log))
			q.answer(answer{outcome: order.Outcome{Status: order.Appended, First: head + 1}})
		}
	}
}

// orders calls fn with the digests of the batches whose content goes together with order frames.
func orders(frames []segment.Frame, fn func(d blobstore.Digest)) {
	for i := range frames {
		if p := frames[i].Payload[0]; frames[i].Kind == segment.KindOrder {
			if d, ok := order.Together(p); ok {
				fn(d)
			}
		}
	}
}
