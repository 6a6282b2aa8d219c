package logserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// replayIndexed replays the segments from the index's checkpoint on. When that
// fails, it may be the index that is wrong.
func (l *Log) replayIndexed() error {
	from, err := l.loadCheckpoint()
	if err != nil {
		return err
	}
	return l.replay(from)
}

func (l *Log) newCore() *order.Core {
	o := order.Options{Node: 1, Alone: l.options.Alone, Limits: order.Limits{Keys: l.options.Keys, Logs: l.options.Logs}, Placement: l.founding}
	if m := l.member; m != nil {
		o.Owns = m.owns
		o.Node, o.Join, o.Has, o.About = m.options.Number, m.options.Joins, m.has, m.options.About
		o.Zone = m.options.Zone
		o.Start = uint64(time.Now().UnixNano())
	}
	return order.New(o)
}

// identity is given to new data.
func (l *Log) identity() (id segment.Identity) {
	if m := l.member; m != nil {
		id = m.options.Identity
	}
	return id
}

// loadCheckpoint loads the index's checkpoint into a new core, and returns the
// position from which the segments are to be replayed. An error means that the
// index is of no use.
func (l *Log) loadCheckpoint() (from segment.Position, err error) {
	l.core = l.newCore()
	cp, ok := l.index.Checkpoint()
	if !ok {
		return from, nil
	}
	from = segment.Position{Segment: cp.Replay.Segment, Offset: cp.Replay.Offset}
	if end := l.store.Durable(); from.Segment > end.Segment || from.Segment == end.Segment && from.Offset > end.Offset {
		return from, fmt.Errorf("its checkpoint at %v lies beyond their end", from)
	}
	state, err := l.witness.testify(cp.State, l.store)
	if err != nil {
		return from, err
	}
	ordered, state, err := l.loadLeftover(state)
	if err != nil {
		return from, err
	}
	if err := l.core.LoadCheckpoint(state); err != nil {
		return from, err
	}
	err = errors.Join(l.index.Window("keys", l.core.LoadKey), l.index.Window("outcomes", l.core.LoadOutcome))
	if err != nil {
		return from, err
	}
	return from, l.replayOrdered(ordered)
}

// isolate has it ordered, where Options say so, that this node is the only member.
func (l *Log) isolate() error {
	if !l.options.Alone {
		return nil
	}
	before := l.core.Members().Version
	if err := l.core.Isolate(); err != nil {
		return err
	}
	for l.core.Members().Version == before {
		if _, err := l.write(nil); err != nil {
			return err
		}
		if err := l.advance(func(*order.Decision) {}); err != nil {
			return err
		}
	}
	return nil
}

// ErrOthers is wrapped by Open's error for data of a node that isn't alone, where Options
// have no Member. How many others there are follows.
var ErrOthers = errors.New("this node's data belongs to a cluster with other nodes")

// start begins the order anew: what was ordered and not decided is decided now, and
// written with a checkpoint into the segment that this start has begun.
func (l *Log) start() error {
	if m := l.member; m != nil && m.options.Known != nil && len(l.core.Members().All()) > 1 {
		if err := m.options.Known(l.core.About(m.options.Number)); err != nil {
			return err
		}
	}
	if err := l.core.Start(); err != nil {
		return err
	}
	if l.member != nil {
		return l.startMember()
	}
	if others := len(l.core.Members().All()) - 1; others > 0 {
		return fmt.Errorf("%w: %d", ErrOthers, others)
	}
	for !l.core.Serving() {
		if _, err := l.write(nil); err != nil {
			return err
		}
		if err := l.advance(func(*order.Decision) {}); err != nil {
			return err
		}
	}
	if err := l.isolate(); err != nil {
		return err
	}
	l.headless = true
	if err := l.settle(); err != nil {
		return err
	}
	if err := l.store.Secure(0); !segment.Passing(err) {
		return err
	}
	return nil // it is tried again before anything is appended
}
