package order

import (
	"errors"

	"go.etcd.io/raft/v3"
)

// Ready is what must be flushed, as one batch. It is valid until Advance.
type Ready struct {
	Order   [][]byte // payloads of order frames, in their order
	State   []byte   // payload of a state frame; nil: unchanged
	Decided []byte   // payload of a decided frame, for decisions not yet written; nil: none
}

// Ready returns what must be flushed now, if ok; it may be nothing when all that is
// left is to apply what was flushed before this start. Advance must follow. If not ok,
// Decided alone may be there: it need not be flushed now, but should when nothing else
// goes on, and at stop; if it is, Advance follows too.
func (c *Core) Ready() (r Ready, ok bool) {
	if c.failed != nil {
		return r, false
	}
	if err := c.take(); err != nil {
		_ = c.fatal(err) // Err tells it
		return r, false
	}
	if len(c.decided) > 0 {
		r.Decided = c.decided
		c.offered = true
	}
	opened := c.opened
	if c.opened = false; c.taken {
		c.encodeReady(&r)
	} else if opened { // a checkpoint goes behind the records, and doesn't know of pulled ones
	} else if c.rows = c.examine(); len(c.rows) > 0 {
		if len(r.Decided) == 0 {
			r.Decided = []byte{decidedVersion}
		}
		r.Decided = append(r.Decided[:len(r.Decided):len(r.Decided)], c.rows...)
		return r, true
	}
	return r, c.taken && c.failed == nil
}

// frameRoom is more than a frame takes besides its payload.
const frameRoom = 64

// Unstored returns how many bytes the frames take, headers included, that Ready will give if it is called next:
// not less. It is called when nothing that Ready gave is being flushed, so that room can be
// made, and a Turn happen, before what Ready gives has to be written.
func (c *Core) Unstored() int {
	c.offered = false // if it was, it has not been flushed
	if c.failed != nil {
		return 0
	}
	if err := c.take(); err != nil {
		_ = c.fatal(err) // Err tells it
		return 0
	}
	n := len(c.decided) + frameRoom
	switch {
	case c.taken:
		n += maxStateFrame + frameRoom
		for _, e := range c.ready.Entries {
			n += len(e.GetData()) + maxOrderHeader + frameRoom
		}
	case c.pull.records != nil:
		n += len(c.pull.records)
	}
	return n
}

// take gets from Raft what has to be flushed, or applied.
func (c *Core) take() (err error) {
	defer caught(&err)
	for c.node != nil && !c.taken && c.node.HasReady() {
		c.ready = c.node.Ready()
		if err := c.collect(); err != nil {
			return err
		}
		if !c.ready.MustSync && len(c.ready.CommittedEntries) == 0 && raft.IsEmptySnap(c.ready.Snapshot) {
			c.flushedAll()
			c.node.Advance(c.ready)
			continue
		}
		c.taken = true
	}
	return c.askReads()
}

func (c *Core) encodeReady(r *Ready) {
	c.frames, c.frame = c.frames[:0], c.frame[:0]
	size := 0
	for _, e := range c.ready.Entries {
		size += len(e.GetData()) + maxOrderHeader
	}
	if size += maxStateFrame; cap(c.frame) < size {
		c.frame = make([]byte, 0, size) // at once: the frames point into it
	}
	cut := func(grown []byte) []byte {
		p := grown[len(c.frame):len(grown):len(grown)]
		c.frame = grown
		return p
	}
	for _, e := range c.ready.Entries {
		if e.GetIndex() <= c.state.applied {
			continue // its decision was pulled, and is stored
		}
		c.frames = append(c.frames, cut(appendOrder(c.frame, e)))
	}
	r.Order = c.frames
	if s := c.readyState(); s.term != c.flushed.term || s.vote != c.flushed.vote {
		r.State = cut(appendState(c.frame, s))
	}
}

// readyState is the hard state once what is taken is flushed.
func (c *Core) readyState() hardState {
	if s := c.ready.HardState; !raft.IsEmptyHardState(s) {
		return hardState{s.GetTerm(), s.GetVote(), s.GetCommit()}
	}
	return c.flushed
}

// Flushed says that what Ready returned is flushed, as Advance does, but applies nothing
// yet: under load this is the one moment in which all that was decided is written, and
// Checkpoint does not refuse. Advance must follow. An error is fatal.
func (c *Core) Flushed() error {
	if c.failed != nil {
		return c.failed
	}
	if c.offered {
		c.written, c.offered = c.state.applied, false
		c.decided = c.decided[:0]
	}
	if err := c.store(); err != nil {
		return c.fatal(err)
	}
	return nil
}

// Advance says that what Ready returned is flushed. What is committed by that is
// applied, in order; fn is called with each decision, which is valid during the call.
// An error is fatal.
func (c *Core) Advance(fn func(*Decision)) error {
	if err := c.Flushed(); err != nil {
		return err
	}
	if err := c.advance(fn); err != nil {
		return c.fatal(err)
	}
	return nil
}

func (c *Core) advance(fn func(*Decision)) error {
	if c.node == nil {
		return errors.New("advance before start")
	}
	if len(c.rows) > 0 {
		rows := c.rows
		c.rows = nil
		if err := c.installPulled(rows, fn); err != nil {
			return err
		}
		if err := c.take(); err != nil {
			return err
		}
		if c.taken && c.ready.MustSync {
			return nil
		}
	}
	for c.taken {
		if err := c.accept(fn); err != nil {
			return err
		}
		if err := c.introduce(); err != nil {
			return err
		}
		if err := c.take(); err != nil {
			return err
		}
		if c.ready.MustSync {
			break // it must be flushed before anything of it is applied
		}
	}
	c.settleReads()
	return c.storage.compact(c.written)
}

// Early applies what is committed of what was flushed before, and calls fn as Advance does: it need not wait for
// the next flush, which is about what comes behind it. Ready follows, or Unstored. An
// error is fatal. Who never calls it has the same decisions, later.
func (c *Core) Early(fn func(*Decision)) error {
	if c.failed != nil || c.node == nil {
		return c.failed
	}
	if err := c.early(fn); err != nil {
		return c.fatal(err)
	}
	return nil
}

func (c *Core) early(fn func(*Decision)) error {
	if err := c.take(); err != nil {
		return err
	}
	for c.taken && !c.ready.MustSync && raft.IsEmptySnap(c.ready.Snapshot) {
		if err := c.accept(fn); err != nil {
			return err
		}
		if err := c.introduce(); err != nil {
			return err
		}
		if err := c.take(); err != nil {
			return err
		}
	}
	if c.taken && raft.IsEmptySnap(c.ready.Snapshot) {
		if err := c.applyFlushed(fn); err != nil {
			return err
		}
	}
	c.settleReads()
	return nil
}

// applyFlushed applies those of the committed entries that Raft gave which are flushed: they are before those that
// are to be.
func (c *Core) applyFlushed(fn func(*Decision)) error {
	committed, fresh := c.ready.CommittedEntries, c.ready.Entries
	for len(committed) > 0 && (len(fresh) == 0 || committed[0].GetIndex() < fresh[0].GetIndex()) {
		if err := c.apply(committed[0], fn); err != nil {
			return err
		}
		committed = committed[1:]
		c.ready.CommittedEntries = committed
	}
	return nil
}

// store has Raft's storage know what was flushed, if it doesn't yet.
func (c *Core) store() error {
	if !c.taken || c.stored {
		return nil
	}
	if !raft.IsEmptySnap(c.ready.Snapshot) {
		if err := c.restored(c.ready.Snapshot); err != nil {
			return err
		}
	}
	if err := c.storage.append(c.ready.Entries); err != nil {
		return err
	}
	c.flushed = c.readyState()
	c.flushedAll()
	c.stored = true
	return nil
}

// accept gives Raft what was flushed, and applies what is committed.
func (c *Core) accept(fn func(*Decision)) error {
	if err := c.store(); err != nil {
		return err
	}
	committed := c.ready.CommittedEntries
	for _, e := range committed {
		if err := c.apply(e, fn); err != nil {
			return err
		}
	}
	return c.advanceRaft()
}

func (c *Core) advanceRaft() (err error) {
	defer caught(&err)
	c.node.Advance(c.ready)
	c.taken, c.stored, c.ready = false, false, raft.Ready{}
	return nil
}
