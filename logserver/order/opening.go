package order

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// An Opening is what a checkpoint frame says of all that was decided before it. The
// frame's payload is a Checkpoint's State; the rows that go with that are not in the
// segments.
type Opening struct {
	Applied, Term uint64 // Raft index and term of the last record before
	Chain         blobstore.Digest
	Time          int64 // of the last accepted entry, Unix nanoseconds
	Settings      Settings
	Logs          []LogHead // log number n is Logs[n-1]
}

// LogHead is how far a log had come.
type LogHead struct {
	Name string
	Head uint64
}

// ReadOpening reads a checkpoint frame's payload.
func ReadOpening(payload []byte) (o Opening, err error) {
	var s state
	if _, _, err := s.decode(payload); err != nil {
		return o, err
	}
	o = Opening{Applied: s.applied, Term: s.term, Chain: s.chain, Time: s.time, Settings: s.settings}
	for i := range s.logs {
		o.Logs = append(o.Logs, LogHead{s.logs[i].name, s.logs[i].head})
	}
	return o, nil
}

// Opening returns the payload of a checkpoint frame, which goes right behind the decided
// frame, if there is one, that the next Ready gives, and is flushed with it even if that is not
// ok. It describes what is decided; what is
// ordered beyond that lies in the frames before it, and is none of it. It refuses, ok false,
// until the cluster is founded.
func (c *Core) Opening() (checkpoint []byte, ok bool) {
	checkpoint, ok = c.describe()
	c.opened = ok
	return checkpoint, ok
}

// describe returns a checkpoint frame's payload. Its hard state is what is flushed.
func (c *Core) describe() (checkpoint []byte, ok bool) {
	if !c.describable() {
		return nil, false
	}
	checkpoint = c.state.append(make([]byte, 0, c.opening+c.opening/8), c.flushed)
	c.opening = len(checkpoint)
	return checkpoint, true
}

// describable tells whether there is a state to be described: the Core runs, and the founding
// is decided.
func (c *Core) describable() bool {
	return c.failed == nil && c.node != nil && c.state.settings.Configuration > 0
}

// LoadOpening takes a checkpoint frame's payload in place of all frames before it, so
// that a file can be looked at alone: its decided frames can be replayed. Such a Core
// can't be started, since it doesn't know earlier keys and outcomes.
func (c *Core) LoadOpening(payload []byte) error {
	if err := c.LoadCheckpoint(payload); err != nil {
		return err
	}
	s, l := &c.state, c.restore.loading
	s.keys.rows.first, s.outcomes.runs.first = l.keys, l.runs
	c.restore.loading, c.partial = nil, true
	return nil
}

// ReplayCheckpoint takes a checkpoint frame's payload. It must be what the frames before
// it come to; of Raft's hard state it may know more than they do.
func (c *Core) ReplayCheckpoint(payload []byte) error {
	if err := c.loaded(); err != nil {
		return err
	}
	const what = "checkpoint"
	r := summed(payload)
	if _, err := r.checkpointVersion(); err != nil {
		return err
	}
	applied, term := r.between(1, maxNumber), r.between(1, maxNumber)
	hard := hardState{r.between(0, maxNumber), r.between(0, maxNode), r.between(0, maxNumber)}
	var chain blobstore.Digest
	r.into(chain[:])
	s := &c.state
	switch {
	case r.bad:
		return fmt.Errorf("%s: %w", what, errMalformed)
	case applied > s.applied:
		return fmt.Errorf("checkpoint at Raft entry %d: what was decided from %d on is missing before it", applied, s.applied+1)
	case applied == s.applied && (chain != s.chain || term != s.term):
		return fmt.Errorf("checkpoint at Raft entry %d: not of what was decided before it", applied)
	}
	c.restore.hard.raise(hard)
	c.restore.loss.voted = false
	return nil
}

// Agrees reports whether a checkpoint frame's payload is the state as it is now, to the
// last byte but for Raft's hard state. It is a thorough ReplayCheckpoint.
func (c *Core) Agrees(payload []byte) error {
	var s state
	hard, _, err := s.decode(payload)
	if err != nil {
		return err
	}
	if c.scratch = c.state.append(c.scratch[:0], hard); !bytes.Equal(c.scratch, payload) {
		return fmt.Errorf("checkpoint at Raft entry %d is not the state that the records before it make", s.applied)
	}
	return nil
}

// ReplaySeal takes a seal's payload: like ReplayDecided the records that no decided frame
// has. What it repeats must end where they do.
func (c *Core) ReplaySeal(payload []byte, fn func(*Decision) error) error {
	s, err := ReadSeal(payload)
	if err != nil {
		return err
	}
	if s.Rest != nil {
		err = c.ReplayDecided(s.Rest, fn)
	} else {
		err = c.loaded()
	}
	if err != nil || s.Count == 0 {
		return err
	}
	if last := s.First + s.Count - 1; last > c.state.applied || last == c.state.applied && s.After != c.state.chain {
		return errors.New("seal: it doesn't end where what was decided before it does")
	}
	return nil
}
