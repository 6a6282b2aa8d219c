package logserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// write makes durable what the core wants written, and a frame with it (nil: there is
// none), content or checkpoint: decisions before the frame, order behind it, in one batch
// of frames. It returns the frame's place.
func (l *Log) write(frame *segment.Frame) (place blobstore.Place, err error) {
	ready, _ := l.core.Ready()
	return l.flush(ready, frame)
}

// flush makes durable what the core has given, and a frame with it.
func (l *Log) flush(ready order.Ready, frame *segment.Frame) (place blobstore.Place, err error) {
	m := l.member
	if m != nil && len(m.coming) > 0 && ready.Decided != nil && ready.Order == nil && ready.State == nil {
		// Perhaps they are pulled records, which must not come before their content; and in a
		// batch the decided frame is the first, so that a replay can begin with it.
		if err := m.storeContents(); err != nil {
			return place, err
		}
	}
	l.frames = l.frames[:0]
	add := func(kind segment.Kind, payload []byte) {
		l.frames = append(l.frames, segment.Frame{Kind: kind, Payload: [2][]byte{payload}})
	}
	if ready.Decided != nil {
		add(segment.KindDecided, ready.Decided)
	}
	at := len(l.frames)
	if frame != nil {
		l.frames = append(l.frames, *frame)
	}
	before := len(l.frames)
	if m != nil {
		l.frames = m.contents(l.frames)
	}
	if ready.State != nil {
		add(segment.KindState, ready.State)
	}
	for _, entry := range ready.Order {
		add(segment.KindOrder, entry)
	}
	if len(l.frames) == 0 {
		return place, nil
	}
	places, err := l.append()
	if err != nil {
		return place, err
	}
	if ready.Decided != nil {
		l.witness.saw(places[0], ready.Decided)
	}
	if frame != nil {
		place = places[at]
	}
	if m != nil {
		m.stored(places[before:], ready.Order)
	}
	return place, nil
}

// append makes l.frames durable, as one batch.
func (l *Log) append() ([]blobstore.Place, error) {
	began := time.Now()
	l.stall.begin()
	places, err := l.store.Append(l.frames)
	l.stall.end()
	l.metrics.flush.Observe(time.Since(began).Seconds())
	if err == nil {
		err = l.Err() // what was given up in the meantime is not confirmed
	}
	if err != nil {
		return nil, fmt.Errorf("write: %w", err)
	}
	return places, nil
}

// settle flushes the decisions that were not yet written: at a checkpoint,
// when idle, at stop. On a full disk it leaves that for later. The caller is the
// committer.
func (l *Log) settle() error {
	for l.core.PendingDecided() || l.headless {
		switch err := l.writeDecided(); {
		case segment.Passing(err), errors.Is(err, errNotNow):
			return nil // they stay in memory until there is space
		case err != nil:
			return err
		}
		if err := l.advance(l.unasked); err != nil {
			return err
		}
	}
	return nil
}

// unasked takes a decision that comes while nothing is committed here.
func (l *Log) unasked(d *order.Decision) {
	if l.member != nil {
		l.member.decided(d)
	}
}

// errNotNow says that there is nothing yet that a checkpoint could be of.
var errNotNow = errors.New("no checkpoint can be made yet")

// writeDecided makes decisions durable, and the checkpoint of a segment that has none.
// Where that takes a new segment, the seal and the checkpoint of the turn do it.
func (l *Log) writeDecided() error {
	size := l.unstored()
	var frame *segment.Frame
	if l.headless {
		checkpoint, ok := l.core.Opening()
		if !ok && l.member != nil {
			return errNotNow // this node isn't in the cluster yet
		}
		if !ok {
			return errors.New("a checkpoint is due while something is not decided")
		}
		frame = &segment.Frame{Kind: segment.KindCheckpoint, Payload: [2][]byte{checkpoint}}
		size += int64(len(checkpoint))
	}
	if err := l.store.Reserve(size, 0); err != nil {
		return err
	}
	if l.headless || l.core.PendingDecided() {
		if _, err := l.write(frame); err != nil {
			return err
		}
	}
	l.headless = false
	return nil
}

// unstored returns how many bytes the next flush takes, at most.
func (l *Log) unstored() int64 {
	size := int64(l.core.Unstored()) + perBatch
	if l.member != nil {
		size += l.member.size
	}
	return size
}

// turn says what ends the newest segment and begins the next: a seal with what was
// decided in the one, and a checkpoint of all that was decided so far.
func (l *Log) turn() (segment.Turn, bool) {
	seal, checkpoint, ok := l.core.Turn(l.store.Durable().Segment)
	return segment.Turn{Seal: seal, Checkpoint: checkpoint, Done: func(place blobstore.Place) {
		l.core.Turned()
		l.witness.sealed(place, seal)
		l.headless = false
		select {
		case l.ended <- struct{}{}:
		default: // it is known already
		}
	}}, ok
}
