package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// grow adds a new node, which joins.
func (w *world) grow() {
	if len(w.ids) >= w.most {
		return
	}
	w.newest++
	w.add(w.newest, true)
	w.join(w.newest)
}

// leave has a node removed by whoever leads, until it is no member any more, and ends it.
func (w *world) leave(id uint64) {
	n := w.nodes[id]
	if n.leaving && n.gone {
		return
	}
	n.leaving = true
	l := w.leader()
	if l != nil && !l.core.Members().Has(id) && !l.core.Members().Joint() && !l.core.PendingDecided() && w.emptied(n) {
		w.report.Left++
		w.say("node %d has left", id)
		w.remove(n)
		return
	}
	if l != nil {
		_ = l.core.Leave(id) // it is tried again
		l.pump()
	}
	w.after(300*time.Millisecond, func() { w.leave(id) })
}

// remove ends a node for good.
func (w *world) remove(n *node) {
	n.up, n.gone = false, true
	n.disk.store = nil
	w.ids = slices.DeleteFunc(w.ids, func(id uint64) bool { return id == n.id })
	if w.lost == n.id {
		w.lost = 0
	}
}

// shrink removes some node, if there are enough.
func (w *world) shrink() {
	var stay []*node
	for _, id := range w.ids {
		if n := w.nodes[id]; !n.leaving {
			stay = append(stay, n)
		}
	}
	if len(stay) > 2 {
		if n := stay[w.r.IntN(len(stay))]; w.spared(n) {
			w.leave(n.id)
		}
	}
}

// lose destroys a node's disk; the node is removed, and another takes its place. There is
// one such loss at a time: more than that isn't promised to be survived.
func (w *world) lose() {
	l := w.leader()
	if w.lost != 0 || l == nil {
		return
	}
	m := l.core.Members()
	if m.Joint() || len(m.Voters) < 3 || w.leaving() {
		return
	}
	n := w.nodes[m.Voters[w.r.IntN(len(m.Voters))]]
	if n.gone || n.leaving || !w.spared(n) {
		return
	}
	w.say("node %d loses its disk", n.id)
	w.report.Lost++
	w.lost = n.id
	n.up, n.dead = false, true
	if w.chance(2) {
		w.replace(n.id, 0)
		return
	}
	w.leave(n.id)
	w.grow()
}

// replace has a node replaced by another, in one change, by whoever leads, until that is done.
func (w *world) replace(old, id uint64) {
	if id == 0 || w.nodes[id].leaving { // the one that should have come is itself removed
		w.newest++
		id = w.newest
		w.add(id, true)
	}
	n := w.nodes[old]
	if n.leaving = true; n.gone {
		return
	}
	if l := w.leader(); l != nil {
		switch m := l.core.Members(); {
		case !m.Has(old) && !m.Joint() && !l.core.PendingDecided():
			w.say("node %d is replaced by %d", old, id)
			w.report.Replaced++
			w.join(id) // unless it is there already
			w.remove(n)
			return
		case m.Has(old) && !m.Has(id):
			place := old
			if other := l.core.Replacing(old); other != 0 { // it was removed, but had been let in
				place = other
			}
			_ = l.core.Replace(place, id, w.about(id)) // it is tried again
			l.pump()
		}
	}
	w.after(300*time.Millisecond, func() { w.replace(old, id) })
}

// leaving tells whether some node is on its way out.
func (w *world) leaving() bool {
	for _, id := range w.ids {
		if w.nodes[id].leaving {
			return true
		}
	}
	return false
}

// backToOne removes all nodes but one, one after the other, and then makes the cluster
// three again. At each step everybody must be served.
func (w *world) backToOne() {
	for len(w.ids) > 1 && w.failure == nil {
		w.leave(w.ids[w.r.IntN(len(w.ids))])
		w.until("a node to leave", func() bool { return !w.leaving() })
	}
	w.serve("alone")
	for len(w.ids) < 3 && w.failure == nil {
		w.grow()
	}
	w.until("three to vote", func() bool {
		l := w.leader()
		return l != nil && len(l.core.Members().Voters) == 3 && !l.core.Members().Joint()
	})
	w.serve("three again")
}

// until lets time pass until something is so.
func (w *world) until(what string, so func() bool) {
	w.run(w.now+time.Minute, so)
	if w.failure == nil && !so() {
		w.fail("waited for %s: %s", what, w.standing())
	}
}

// zone is the zone of a node: there are three.
func zone(about []byte) string {
	i := bytes.IndexAny(about, "0123456789")
	if i < 0 {
		return ""
	}
	return string('a' + about[i]%3)
}

// about is what is said about a node by who has it join.
func (w *world) about(id uint64) []byte { return fmt.Appendf(nil, "newcomer %d", id) }

// about is what a node says about itself.
func (n *node) about() []byte { return fmt.Appendf(nil, "node %d, start %d", n.id, n.start) }
