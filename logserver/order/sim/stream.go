package sim

import (
	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

// turn says what ends a file of the stream and begins the next.
func (n *node) turn() (segment.Turn, bool) {
	if n.core == nil {
		return segment.Turn{}, false
	}
	seal, checkpoint, ok := n.core.Turn(n.disk.store.Durable().Segment)
	return segment.Turn{Seal: seal, Checkpoint: checkpoint, Done: func(p blobstore.Place) {
		if err := n.keepSealed(seal); err != nil {
			n.fatal(err)
		}
		n.core.Turned()
		n.last, n.opening = segment.Position{Segment: p.Segment, Offset: p.Offset}, false
		n.w.report.Turns++
	}}, ok
}

// reserve makes room for what Ready will give, and for content; files turn here.
func (n *node) reserve() {
	n.unstored = n.core.Unstored()
	room := n.unstored
	for _, d := range n.inHand {
		room += len(n.content[d]) + 64
	}
	if err := n.disk.store.Reserve(int64(room), 0); err != nil {
		n.fatal(err)
	}
}

// within checks that Ready gives no more than was announced.
func (n *node) within(r order.Ready) {
	const frame = 64
	size := len(r.Decided) + len(r.State) + 2*frame
	for _, o := range r.Order {
		size += len(o) + frame
	}
	if size > n.unstored+frame { // without a state frame the room for one isn't announced
		n.w.fail("node %d: Ready gives %d bytes, %d were announced", n.id, size, n.unstored)
	}
}

// file notes where the content of a decision lies whose record is, or will be, in a file.
func (n *node) file(d *order.Decision, number uint64) {
	newest := n.disk.store.Durable().Segment
	place, ok := n.places[d.Digest]
	switch {
	case number != newest:
	case ok && d.Kind == order.KindBatch && place.Segment == newest:
		n.core.Filed(place.Offset)
	default:
		n.core.Filed(0)
	}
}

// keepNew keeps the records of a decided frame that are new.
func (n *node) keepNew(decided []byte) error {
	return order.SplitDecided(decided, func(index uint64, record []byte) error {
		if index <= uint64(len(n.records)) {
			return nil
		}
		return n.keep(index, record)
	})
}

// keepSealed keeps the records that only a seal has.
func (n *node) keepSealed(seal []byte) error {
	s, err := order.ReadSeal(seal)
	if err != nil || s.Rest == nil {
		return err
	}
	return n.keepNew(s.Rest)
}

// replayCheckpoint wants a checkpoint frame to be the state that the frames before it make.
func (n *node) replayCheckpoint(payload []byte) error {
	if err := n.core.ReplayCheckpoint(payload); err != nil {
		return err
	}
	if o, err := order.ReadOpening(payload); err != nil || o.Applied != n.core.Applied() {
		return err
	}
	return n.core.Agrees(payload)
}

// verify holds every node's disk against the invariants of a data directory.
func (w *world) verify() {
	for _, id := range w.ids {
		n := w.nodes[id]
		if !n.up || w.failure != nil {
			continue
		}
		if _, err := check.Data(check.Options{Files: n.disk.files.Kill()}); err != nil {
			w.fail("disk of node %d: %w", id, err)
		}
		w.report.Verified++
	}
}
