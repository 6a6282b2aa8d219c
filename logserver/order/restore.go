package order

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"go.etcd.io/raft/v3"
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

// Start ends restoring and starts Raft. A voter that is alone campaigns at once. An
// error is fatal: what was restored can't be.
func (c *Core) Start() error {
	if c.failed != nil {
		return c.failed
	}
	if c.node != nil {
		return c.fatal(errors.New("started twice"))
	}
	if err := c.start(); err != nil {
		return c.fatal(fmt.Errorf("start: %w", err))
	}
	return nil
}

func (c *Core) start() (err error) {
	if c.partial {
		return errors.New("keys and outcomes are missing")
	}
	if err := checkAbout(c.options.About); err != nil {
		return err
	}
	if err := c.loaded(); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	members, err := c.founded()
	if err != nil {
		return err
	}
	c.flushed, err = c.restoredState()
	if err != nil {
		return err
	}
	defer caught(&err)
	if c.storage, err = newStorage(c.state.applied, c.state.term, members, c.options.Retain, c.snapshot); err != nil {
		return err
	}
	if err := c.storage.append(c.restore.entries); err != nil {
		return err
	}
	hard := c.flushed
	if err := c.storage.SetHardState(&pb.HardState{
		Term: new(hard.term), Vote: new(hard.vote), Commit: new(hard.commit),
	}); err != nil {
		return err
	}
	incarnation := c.remembered()
	c.restore = restore{}
	c.inRaft = members.clone()
	c.lead = 0
	if c.node, err = raft.NewRawNode(raftConfig(c.options.Node, c.state.applied, c.storage)); err != nil {
		return err
	}
	c.probation.begin(c, incarnation)
	if !c.takesPart() || len(members.Voters) != 1 || members.Joint() || !members.votes(c.options.Node) {
		return nil
	}
	return c.node.Campaign()
}

// ErrRemoved is wrapped by Start's error for a node that is no member of the cluster: it
// was removed, or these are another node's data. See also Options.Join.
var ErrRemoved = errors.New("this node is not a member of the cluster")

// founded returns who the members are: as agreed on, or this node alone when it founds.
func (c *Core) founded() (*Members, error) {
	m := &c.state.members
	switch {
	case c.options.Node < 1 || c.options.Node > maxNode:
		return nil, fmt.Errorf("node number %d", c.options.Node)
	case c.options.Join:
	case c.state.settings.Configuration == 0:
		return &Members{Voters: []uint64{c.options.Node}}, nil
	case !m.Has(c.options.Node):
		return nil, fmt.Errorf("%w: it is node %d, the members are %d", ErrRemoved, c.options.Node, m.All())
	}
	return m, nil
}

// remembered returns the last incarnation of this node that it has stored.
func (c *Core) remembered() uint64 {
	n := c.state.stand(c.options.Node).incarnation
	for _, e := range c.restore.entries {
		if e.GetType() == pb.EntryNormal && len(e.GetData()) > 0 && c.envelope.decode(e.GetData()) == nil &&
			c.envelope.kind == KindIncarnation && c.envelope.node == c.options.Node {
			n = max(n, c.envelope.incarnation)
		}
	}
	return n
}

// restoredState returns the hard state that goes with the newest of all that was
// restored: a checkpoint or entries may be ahead of the last state frame, or behind.
func (c *Core) restoredState() (hardState, error) {
	h := c.restore.hard
	h.raise(hardState{term: max(c.state.term, c.restore.newest), commit: c.state.applied})
	if next := c.gap(); next != 0 {
		return h, fmt.Errorf("raft entry %d is missing, ones behind it are there", next)
	}
	term := c.state.term
	for _, e := range c.restore.entries {
		if e.GetTerm() < term {
			return h, fmt.Errorf("raft entry %d has term %d after %d", e.GetIndex(), e.GetTerm(), term)
		}
		term = e.GetTerm()
	}
	if last := c.state.applied + uint64(len(c.restore.entries)); h.commit > last {
		return h, fmt.Errorf("raft entries up to %d are committed, %d is the last that is there", h.commit, last)
	}
	return h, nil
}
