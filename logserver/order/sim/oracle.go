package sim

import (
	"fmt"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// oracle knows what was promised to whom.
type oracle struct {
	w        *world
	chains   map[uint64]blobstore.Digest // by Raft index
	acked    map[string]uint64           // by log: the highest index that was acknowledged
	heads    map[string]uint64           // by log: the highest that any node has decided
	ops      []*op
	index    map[*op]uint64 // of the first entry, as acknowledged
	refused  map[*op]bool
	heard    map[*op]uint64 // heads
	calmFrom map[*client]int
	joined   uint64 // greatest number of a node that has joined
	ledgerOfContent
}

func newOracle(w *world) oracle {
	return oracle{
		w: w, chains: map[uint64]blobstore.Digest{}, acked: map[string]uint64{}, heads: map[string]uint64{},
		index: map[*op]uint64{}, refused: map[*op]bool{}, heard: map[*op]uint64{}, calmFrom: map[*client]int{},
		ledgerOfContent: newLedgerOfContent(),
	}
}

func (o *oracle) begin(p *op) { o.ops = append(o.ops, p) }

func (o *oracle) refuse(p *op) { o.refused[p] = true }

// chain checks that all nodes decide alike.
func (o *oracle) chain(n *node, d *order.Decision) {
	if chain, ok := o.chains[d.Index]; ok && chain != d.Chain {
		o.w.fail("node %d decided Raft entry %d otherwise", n.id, d.Index)
	}
	o.chains[d.Index] = d.Chain
}

func (o *oracle) head(log string, head uint64) { o.heads[log] = max(o.heads[log], head) }

// stored checks that no order frame is stored before the content that goes together with it.
func (o *oracle) stored(n *node, frames []segment.Frame) {
	orders(frames, func(d blobstore.Digest) {
		if _, ok := n.content[d]; !ok {
			o.w.fail("node %d stores the order of batch %.8s without its content", n.id, d)
		}
	})
}

func (o *oracle) acknowledge(p *op, index uint64) {
	if index <= p.floor {
		o.w.fail("append %v was given index %d, but %d was acknowledged before it was sent", p.entries, index, p.floor)
	}
	o.index[p] = index
	o.acked[p.log] = max(o.acked[p.log], index+uint64(len(p.entries))-1)
	o.w.report.Acknowledged++
}

func (o *oracle) toldHead(p *op, head uint64) {
	if head < p.floor {
		o.w.fail("head of %s was told as %d, but %d was acknowledged before", p.log, head, p.floor)
	}
	if head > o.heads[p.log] {
		o.w.fail("head of %s was told as %d, there are %d", p.log, head, o.heads[p.log])
	}
	o.heard[p] = head
	o.w.report.Heads++
}

// settled tells whether all nodes that are up have come equally far, and know it.
func (o *oracle) settled() bool {
	applied := uint64(0)
	for _, id := range o.w.ids {
		n := o.w.nodes[id]
		switch {
		case n.gone:
		case !n.up:
			return false
		case applied == 0:
			applied = n.core.Applied()
		case n.core.Applied() != applied:
			return false
		}
		if !n.gone && n.core.Faulty() == nil && string(n.core.About(n.id)) != string(n.about()) {
			return false // its start is not ordered yet
		}
		if !n.gone && n.core.Faulty() == nil && !n.settled() {
			return false
		}
	}
	return applied > 0
}

// final checks everything once all is healed.
func (o *oracle) final() error {
	var first *node
	for _, id := range o.w.ids {
		n := o.w.nodes[id]
		if n.gone {
			continue
		}
		if first == nil {
			first = n
		}
		if err := o.facts(first, n); err != nil {
			return err
		}
		for log, entries := range first.logs {
			if !slices.Equal(entries, n.logs[log]) {
				return fmt.Errorf("nodes %d and %d differ in log %d", first.id, n.id, log)
			}
		}
		if len(first.logs) != len(n.logs) {
			return fmt.Errorf("nodes %d and %d differ in their logs", first.id, n.id)
		}
	}
	return o.ledger(first)
}

// facts compares what is known about nodes.
func (o *oracle) facts(first, n *node) error {
	if about := string(first.core.About(n.id)); about != string(n.about()) && n.core.Faulty() == nil {
		return fmt.Errorf("about node %d is known %q", n.id, about)
	}
	for _, id := range o.w.ids {
		if !slices.Equal(first.core.About(id), n.core.About(id)) {
			return fmt.Errorf("nodes %d and %d differ in what they know about %d", first.id, n.id, id)
		}
	}
	if next := n.core.NextNumber(); next != first.core.NextNumber() || next <= o.joined {
		return fmt.Errorf("node %d gives number %d next, node %d %d; %d has joined", n.id, next, first.id, first.core.NextNumber(), o.joined)
	}
	return nil
}

// ledger compares what was promised with what a node has.
func (o *oracle) ledger(n *node) error {
	at := map[string]uint64{}
	for _, log := range []string{"main", "other"} {
		id, _, ok := n.core.Log([]byte(log))
		if !ok {
			continue
		}
		for i, e := range n.logs[id] {
			if at[e] != 0 {
				return fmt.Errorf("%s is there twice, at %d and %d of %s", e, at[e], i+1, log)
			}
			at[e] = uint64(i) + 1
		}
	}
	for _, p := range o.ops {
		index, acknowledged := o.index[p]
		for i, e := range p.entries {
			switch {
			case acknowledged && at[e] != index+uint64(i):
				return fmt.Errorf("%s was acknowledged at %d of %s and is at %d", e, index+uint64(i), p.log, at[e])
			case o.refused[p] && at[e] != 0:
				return fmt.Errorf("%s was refused and is at %d of %s", e, at[e], p.log)
			}
		}
	}
	return nil
}
