package sim

import (
	"slices"
	"time"
)

// Operation is one that a client made, for those who look at histories as a whole.
type Operation struct {
	Client       int
	Log          string
	Append       int           // entries; 0: the head was asked for
	Asked, Ended time.Duration // Ended of one whose answer was never heard is the run's end
	Value        uint64        // an append's first index, or the head
}

// history returns the operations that have an outcome. Appends that nothing was heard of
// are looked up in what a node has: those that are not there have none.
func (w *world) history() (list []Operation) {
	at := map[string]uint64{}
	n := w.nodes[w.ids[0]]
	for _, entries := range n.logs {
		for i, e := range entries {
			at[e] = uint64(i) + 1
		}
	}
	for _, p := range w.oracle.ops {
		o := Operation{Client: slices.Index(w.clients, p.client), Log: p.log, Append: len(p.entries), Asked: p.asked, Ended: p.ended}
		index, acknowledged := w.oracle.index[p]
		head, told := w.oracle.heard[p]
		switch {
		case acknowledged:
			o.Value = index
		case told:
			o.Value = head
		case o.Append > 0 && at[p.entries[0]] > 0:
			o.Value, o.Ended = at[p.entries[0]], w.now
		default:
			continue
		}
		list = append(list, o)
	}
	return list
}
