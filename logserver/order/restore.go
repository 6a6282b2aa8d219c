package order

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

// restore is what is gathered before Start.
type restore struct {
	hard    hardState   // as in the newest state frame
	newest  uint64      // highest term that was seen anywhere
	entries []*pb.Entry // beyond the last decided, ascending; without a gap, see sparse
	// sparse: frames that a checkpoint has may come again, the older ones of them not: those
	// that cancel what seems to follow nothing are still to come.
	sparse  bool
	loading *loading // rows of a checkpoint are awaited
	loss    loss
}

// ReplayOrder takes an order frame's payload. Frames come in the order in which they
// were flushed; a frame cancels all before it with its Raft index or a higher one.
func (c *Core) ReplayOrder(payload []byte) error {
	if err := c.loaded(); err != nil {
		return err
	}
	e, err := decodeOrder(payload)
	if err != nil {
		return err
	}
	s := &c.restore
	s.newest = max(s.newest, e.GetTerm())
	s.entries = s.entries[:c.countBefore(e.GetIndex())]
	s.loss.goesOn(e.GetIndex())
	last := c.state.applied
	if n := len(s.entries); n > 0 {
		last = s.entries[n-1].GetIndex()
	}
	switch {
	case e.GetIndex() <= c.state.applied:
		return nil // a checkpoint has it
	case e.GetIndex() != last+1 && !s.loss.any && !s.sparse:
		return fmt.Errorf("order frame of Raft entry %d follows %d", e.GetIndex(), last)
	}
	s.entries = append(s.entries, e)
	return nil
}

// countBefore returns how many of the entries beyond the last decided have a lower index.
func (c *Core) countBefore(index uint64) int {
	n := len(c.restore.entries)
	for n > 0 && c.restore.entries[n-1].GetIndex() >= index {
		n--
	}
	return n
}

// ReplayState takes a state frame's payload. It may be older than the checkpoint.
func (c *Core) ReplayState(payload []byte) error {
	if err := c.loaded(); err != nil {
		return err
	}
	s, err := decodeState(payload)
	if err != nil {
		return err
	}
	c.restore.hard.raise(s)
	c.restore.loss.voted = false
	return nil
}

// raise makes s what it says together with newer: terms only rise, and within a term
// the vote stays and the commit rises.
func (s *hardState) raise(newer hardState) {
	switch {
	case newer.term > s.term:
		s.term, s.vote = newer.term, newer.vote
	case newer.term == s.term && newer.vote != 0:
		s.vote = newer.vote
	}
	s.commit = max(s.commit, newer.commit)
}

// ReplayDecided takes a decided frame's payload. Records that the checkpoint has are
// skipped; fn is called with the decision of each other one. Its error ends the replay.
func (c *Core) ReplayDecided(payload []byte, fn func(*Decision) error) error {
	if err := c.loaded(); err != nil {
		return err
	}
	return records(payload, func(data []byte, chain blobstore.Digest) error {
		rec := &c.record
		if err := rec.decode(data); err != nil {
			return err
		}
		if index := rec.index; index > c.state.applied+1 {
			if err := c.catchUp(index-1, fn); err != nil {
				return err
			}
			c.restore.loss.open = false
			if c.misses(index) {
				return nil
			}
			if err := rec.decode(data); err != nil {
				return err
			}
		}
		if rec.index <= c.state.applied {
			if rec.index == c.state.applied && chain != c.state.chain {
				return fmt.Errorf("decided record of Raft entry %d: not the one that the state was made from", rec.index)
			}
			return nil
		}
		if err := c.replay(rec, data, chain); err != nil {
			return fmt.Errorf("decided record of Raft entry %d: %w", rec.index, err)
		}
		if fn == nil {
			return nil
		}
		return fn(c.show(rec))
	})
}

// replay installs a record, and lets go of the entry that it is about.
func (c *Core) replay(rec *record, data []byte, chain blobstore.Digest) error {
	c.scratch = append(append(c.scratch[:0], c.state.chain[:]...), data...)
	if sha256.Sum256(c.scratch) != chain {
		return errors.New("broken chain")
	}
	s := &c.restore
	if len(s.entries) > 0 && s.entries[0].GetIndex() == rec.index && s.entries[0].GetTerm() != rec.term && !c.several() {
		return fmt.Errorf("decided in term %d, ordered in term %d", rec.term, s.entries[0].GetTerm())
	}
	c.before = c.state.chain
	if err := c.state.install(rec, chain); err != nil {
		return err
	}
	c.letGo()
	s.loss.open, c.written = false, c.state.applied
	return nil
}

// letGo lets go of the entries that are decided. If the last of them was decided in another
// term than it was ordered in, it was of a leader who didn't bring it to an end, and so is
// all that follows it; the decision was pulled.
func (c *Core) letGo() {
	s := &c.restore
	n := c.countBefore(c.state.applied + 1)
	if n > 0 && s.entries[n-1].GetIndex() == c.state.applied && s.entries[n-1].GetTerm() != c.state.term {
		if n = len(s.entries); s.loss.since > c.state.applied {
			s.loss.since = 0 // or a lost frame had brought the right one, and what follows is good
		}
	}
	clear(s.entries[:n])
	s.entries = s.entries[n:]
}

// several tells whether other nodes have, or ever had, a say in what is ordered here.
func (c *Core) several() bool {
	return len(c.state.members.Voters) > 1 || c.state.members.Version > 0
}

// gap returns the Raft index of an entry that isn't there though one behind it is; 0: none.
func (c *Core) gap() uint64 {
	next := c.state.applied + 1
	for _, e := range c.restore.entries {
		if e.GetIndex() != next {
			return next
		}
		next++
	}
	return 0
}
