package sim

import (
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// oldCopy puts an earlier copy of its disk back under a node, while all others are up and
// can be reached. The node must find out that it has forgotten something, and not vote;
// it is replaced. restarts: the node has started once more since the copy, and so have
// all the others since then, so that they remember only what is on their disks.
func (w *world) oldCopy(restarts bool) {
	n := w.nodes[w.ids[w.r.IntN(len(w.ids))]]
	if l := w.leader(); w.leaving() || l == nil || l.core.Members().Joint() || len(l.core.Members().Voters) < 3 {
		return // a voter that is alone can't be replaced
	}
	w.say("node %d is copied", n.id)
	files, db := n.disk.files.Kill(), n.db
	w.serve("after a copy was made")
	if restarts {
		for _, id := range append([]uint64{n.id}, w.ids...) {
			w.stop(w.nodes[id], false)
			w.until("everybody to be up", w.allUp)
			w.serve("after a restart")
		}
	}
	w.run(w.now+300*time.Millisecond, nil)
	if w.failure != nil {
		return
	}
	applied := n.core.Applied()
	w.stop(n, true)
	n.disk.files, n.db, n.old = synced(files), db, true
	w.report.Copies++
	w.say("node %d gets its old copy, had come to %d", n.id, applied)
	w.until("the node to start", func() bool { return n.up })
	w.run(w.now+3*time.Second, nil)
	if w.failure != nil {
		return
	}
	if n.core.Faulty() == nil {
		w.fail("node %d takes part with an old copy of its disk", n.id)
		return
	}
	w.report.Faulty++
	w.say("node %d: %v", n.id, n.core.Faulty())
	if w.chance(2) {
		w.replace(n.id, 0)
	} else {
		w.grow()
		w.leave(n.id)
	}
	w.until("the node to be replaced", func() bool { return n.gone })
	w.serve("after an old copy")
}

func (w *world) allUp() bool {
	for _, id := range w.ids {
		if !w.nodes[id].up {
			return false
		}
	}
	return true
}

// synced makes all that a directory shows durable, as in a copy of it that was made.
func synced(m *fs.Mem) *fs.Mem {
	_ = m.SyncDir()
	names, _ := m.List()
	for _, name := range names {
		if f, err := m.Open(name); err == nil {
			_ = f.Sync()
			_ = f.Close()
		}
	}
	return m
}
