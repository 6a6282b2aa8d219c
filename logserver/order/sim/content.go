package sim

import (
	"github.com/ringlog/ringlog/blobstore"
)

// ledgerOfContent is what the oracle knows of contents.
type ledgerOfContent struct {
	batches  map[blobstore.Digest][]byte // all that were ever gathered
	least    map[blobstore.Digest]int    // how many nodes must have it before it is acknowledged, if it is placed
	proposed map[blobstore.Digest]bool   // if it is placed
	decided  map[blobstore.Digest]bool
	disks    map[blobstore.Digest]map[uint64]bool // that have flushed it
}

func newLedgerOfContent() ledgerOfContent {
	return ledgerOfContent{
		batches: map[blobstore.Digest][]byte{}, least: map[blobstore.Digest]int{}, proposed: map[blobstore.Digest]bool{},
		decided: map[blobstore.Digest]bool{}, disks: map[blobstore.Digest]map[uint64]bool{},
	}
}

// flushed notes that a node's disk has content.
func (o *oracle) flushed(node uint64, d blobstore.Digest) {
	if !o.w.options.Apart {
		return
	}
	if o.disks[d] == nil {
		o.disks[d] = map[uint64]bool{}
	}
	o.disks[d][node] = true
}

// needs notes how many nodes a batch that is placed must be at.
func (o *oracle) needs(f *flight) {
	if least, ok := o.least[f.digest]; !ok || f.needed < least {
		o.least[f.digest] = f.needed
	}
}

// acknowledgeBatch checks that as many disks have what is acknowledged as its commit level says. Disks that were lost since
// they got it count.
func (o *oracle) acknowledgeBatch(f *flight) {
	if f.ticket == 0 {
		return
	}
	if n := len(o.disks[f.digest]); n < f.needed {
		o.w.fail("batch %.8s is acknowledged and on %d disks, not %d", f.digest, n, f.needed)
	}
}

// has tells whether a node's disk, that is there, has content.
func (n *node) has(d blobstore.Digest) bool {
	_, ok := n.places[d]
	return ok && !n.gone && !n.dead
}

// spared tells whether a node's disk can be done without: others have what was decided of what it has, and what may come
// to be. Which disk is lost is chosen so: that of an only replica may not be.
func (w *world) spared(n *node) bool {
	o, under := &w.oracle, map[blobstore.Digest]bool{}
	if !w.options.Apart {
		return true
	}
	for _, id := range w.ids {
		for _, f := range w.nodes[id].flights {
			under[f.digest] = true
		}
	}
	for d := range n.places {
		if (under[d] || o.proposed[d] || o.decided[d]) && !o.elsewhere(d, n) {
			return false
		}
	}
	return true
}

// emptied tells whether a node that has left isn't needed any more.
func (w *world) emptied(n *node) bool {
	if !n.up || !w.options.Apart {
		return true
	}
	for d := range n.places {
		if w.oracle.decided[d] && !w.oracle.elsewhere(d, n) {
			return false
		}
	}
	return true
}

// elsewhere tells whether content is on another disk than a node's.
func (o *oracle) elsewhere(d blobstore.Digest, but *node) bool {
	for _, id := range o.w.ids {
		if n := o.w.nodes[id]; n != but && !n.leaving && n.has(d) {
			return true
		}
	}
	return false
}

// beyond tells whether content is lost and that isn't against what was promised: one disk was enough for it.
func (o *oracle) beyond(d blobstore.Digest) bool { return o.least[d] == 1 && !o.elsewhere(d, nil) }

// safe tells whether any one disk can be done without.
func (w *world) safe() bool {
	for _, id := range w.ids {
		if !w.spared(w.nodes[id]) {
			return false
		}
	}
	return !w.options.Apart || w.leader() != nil && w.leader().core.Settings().Replicas > 1
}

// shelved checks, once all is healed, that each batch is on the disks of all its owners.
func (o *oracle) shelved() {
	if !o.w.options.Apart {
		return
	}
	for _, id := range o.w.ids {
		n := o.w.nodes[id]
		if n.core.Faulty() != nil {
			continue
		}
		for _, b := range n.batches {
			if d := b.want.Digest; n.owns(d) && !n.has(d) && !o.beyond(d) {
				o.w.fail("node %d owns batch %.8s and hasn't got it", n.id, d)
			}
		}
	}
}
