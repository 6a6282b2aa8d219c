package sim

import (
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// pump does what there is to do: proposes, flushes, applies, answers.
func (n *node) pump() {
	for n.up && !n.busy && n.w.failure == nil {
		n.propose()
		if n.w.chance(2) && !n.early() {
			return
		}
		n.reserve()
		checkpoint := n.checkpointFrame()
		r, ok := n.core.Ready()
		n.post()
		n.answerReads()
		if err := n.core.Err(); err != nil {
			n.fatal(err)
			return
		}
		if !ok && checkpoint == nil && len(n.holds) == 0 {
			n.rest(r)
			return
		}
		if !n.flush(r, checkpoint) {
			return
		}
	}
}

// early applies what need not wait for a flush.
func (n *node) early() (ok bool) {
	if err := n.core.Early(n.decided); err != nil {
		n.fatal(err)
		return false
	}
	n.placement()
	return n.w.failure == nil
}

// checkpointFrame returns what the file begins with that this start has begun, until it is
// written; nil: nothing.
func (n *node) checkpointFrame() []byte {
	if !n.opening {
		return nil
	}
	checkpoint, _ := n.core.Opening()
	return checkpoint
}

// rest has decisions flushed that nothing else takes along, in a while.
func (n *node) rest(r order.Ready) {
	if (r.Decided != nil || len(n.inHand) > 0) && !n.idle {
		n.idle = true
		n.w.after(n.w.between(5*time.Millisecond, 50*time.Millisecond), n.alive(func() {
			if n.idle = false; !n.busy && !n.frozen {
				n.propose()
				n.reserve()
				checkpoint := n.checkpointFrame()
				r, _ := n.core.Ready()
				n.post()
				if n.flush(r, checkpoint) {
					n.pump()
				}
			}
		}))
	}
}

// flush begins to store what r has. It tells whether that was nothing, and is done.
func (n *node) flush(r order.Ready, checkpoint []byte) (done bool) {
	n.within(r)
	frames := n.frames(r, checkpoint)
	if len(frames) == 0 {
		n.advance(r.Decided)
		return n.w.failure == nil
	}
	n.busy = true
	n.disk.flush = frames
	if n.w.options.Spoil == SpoilAnswers {
		n.answerEarly()
	}
	least, most := 100*time.Microsecond, 2*time.Millisecond
	if n.w.chance(200) {
		most = time.Second
	}
	n.w.after(n.w.between(least, most), n.alive(func() { n.stored(r.Decided) }))
	return false
}

func (n *node) frames(r order.Ready, checkpoint []byte) (frames []segment.Frame) {
	add := func(kind segment.Kind, payload []byte) {
		p := append([]byte(nil), payload...)
		frames = append(frames, segment.Frame{Kind: kind, Payload: [2][]byte{p}})
	}
	for _, d := range n.inHand { // in front: pulled records may name it
		add(segment.KindContent, n.content[d])
	}
	n.inHand = nil
	if r.Decided != nil {
		add(segment.KindDecided, r.Decided)
	}
	if checkpoint != nil {
		add(segment.KindCheckpoint, checkpoint)
		n.opening = false
	}
	if r.State != nil && n.w.options.Spoil != SpoilVotes {
		add(segment.KindState, r.State)
	}
	for _, o := range r.Order {
		add(segment.KindOrder, o)
	}
	n.w.oracle.stored(n, frames)
	return frames
}

// stored ends a flush.
func (n *node) stored(decided []byte) {
	if n.frozen {
		n.w.after(time.Millisecond, n.alive(func() { n.stored(decided) }))
		return
	}
	frames := n.disk.flush
	n.disk.flush = nil
	places, err := n.disk.store.Append(frames)
	if err != nil {
		n.fatal(err)
		return
	}
	if err := n.noted(frames, places); err != nil {
		n.fatal(err)
		return
	}
	n.w.report.Flushes++
	n.busy = false
	n.advance(decided)
	if n.w.failure == nil {
		n.pump()
	}
}

// noted notes where frames lie.
func (n *node) noted(frames []segment.Frame, places []blobstore.Place) error {
	var m blobstore.Manifest
	for i, p := range places {
		at := segment.Position{Segment: p.Segment, Offset: p.Offset}
		switch frames[i].Kind {
		case segment.KindDecided:
			n.last = segment.Position{Segment: places[0].Segment, Offset: places[0].Offset} // of the batch
		case segment.KindContent:
			if err := m.Parse(frames[i].Payload[0]); err != nil {
				return err
			}
			n.places[m.BatchDigest()] = at
			n.flushedContent(m.BatchDigest())
		}
	}
	return nil
}

func (n *node) advance(decided []byte) {
	if decided != nil {
		if err := order.SplitDecided(decided, n.keep); err != nil {
			n.fatal(err)
			return
		}
	}
	if err := n.core.Flushed(); err != nil {
		n.fatal(err)
		return
	}
	n.checkpoint()
	if err := n.core.Advance(n.decided); err != nil {
		n.fatal(err)
		return
	}
	n.checkpoint()
	n.placement()
	n.post()
	n.answerReads()
}

// keep keeps a record that is durable.
func (n *node) keep(index uint64, record []byte) error {
	if index != uint64(len(n.records))+1 {
		return fmt.Errorf("record of Raft entry %d behind %d", index, len(n.records))
	}
	n.records = append(n.records, append([]byte(nil), record...))
	n.flushed = len(n.records)
	return nil
}

func (n *node) post() {
	for _, m := range n.core.Messages() {
		n.w.send(m)
	}
}
