package order

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A node that is too far behind for Raft's entries gets a snapshot from the leader: index,
// term, members and chain, nothing more. What was decided up to there it pulls from any
// member as decided records, with their contents, and writes them as its own; with each
// piece Raft is told that the log begins behind it.
type pull struct {
	goal    *pb.Message // the snapshot; nil: there is none
	from    uint64      // who sent records
	records []byte      // a decided frame that came, to be written next
	at      uint64      // tick of the last question or progress
	asks    uint64
	asked   map[blobstore.Digest]asked
}

// errDiverged means that two nodes have decided the same entry otherwise: none of them
// can go on.
var errDiverged = errors.New("decided otherwise than other nodes")

// snapshot is what the leader sends instead of entries that it hasn't got any more. Its
// data: chain (32 bytes); members; how many of them are seated: uvarint.
func (c *Core) snapshot() *pb.Snapshot {
	s := &c.state
	members := appendMembers(append([]byte(nil), s.chain[:]...), &s.members)
	return &pb.Snapshot{
		Data: appendUvarints(members, uint64(len(s.seated()))),
		Metadata: &pb.SnapshotMetadata{
			Index: new(s.applied), Term: new(s.term), ConfState: s.members.confState(),
		},
	}
}

// restored takes over a snapshot that Raft has taken: its members are Raft's now.
func (c *Core) restored(s *pb.Snapshot) error {
	r := reader{b: s.GetData()}
	r.take(len(c.state.chain))
	c.inRaft = r.members()
	return c.storage.restart(s)
}

func (c *Core) stepSnapshot(m *pb.Message) error {
	s := m.GetSnapshot()
	r := reader{b: s.GetData()}
	var chain blobstore.Digest
	r.into(chain[:])
	r.members()
	r.uvarint()
	if err := r.end("snapshot"); err != nil {
		return fmt.Errorf("%w: %v", ErrMessage, err)
	}
	index := s.GetMetadata().GetIndex()
	if index == c.state.applied && chain != c.state.chain {
		return fmt.Errorf("raft entry %d: %w", index, errDiverged)
	}
	if m.GetTerm() < c.flushed.term || index <= c.state.applied {
		return c.toRaft(m)
	}
	if c.pull.goal == nil {
		c.pull.goal = m
		c.pull.ask(c)
	}
	c.pull.goal = m
	return nil
}

// ask asks a member for what is to be pulled next, if anything is: first who sent the snapshot, then one
// after the other.
func (p *pull) ask(c *Core) {
	s := p.goal.GetSnapshot().GetMetadata()
	if s.GetIndex() <= c.state.applied {
		p.goal, p.records = nil, nil
		return
	}
	to := p.goal.GetFrom()
	if all := s.GetConfState().GetVoters(); p.asks%2 == 1 && len(all) > 0 {
		to = all[int(p.asks/2)%len(all)]
	}
	p.asks++
	p.at = c.ticks
	if to != c.options.Node {
		c.send(to, MessagePull, Pull{c.state.applied + 1, s.GetIndex()}.append(nil))
	}
}

func (p *pull) tick(c *Core) {
	if p.goal == nil {
		p.tickAlone(c)
		return
	}
	patience := uint64(2)
	if p.records != nil {
		patience = 20 // for their content
	}
	if c.ticks-p.at >= patience {
		p.records = nil
		p.ask(c)
	}
}

// tickAlone is for a node that has had no leader for long: it pulls what others have
// decided. Perhaps it doesn't know yet that a change of members has ended, and waits for
// votes that nobody has to give any more. One that is leaving isn't told otherwise.
func (p *pull) tickAlone(c *Core) {
	patience := uint64(leaderless)
	if c.leaving() {
		patience = unheard
	} else if c.lead != 0 {
		p.at, p.records = c.ticks, nil
		return
	}
	if c.ticks-p.at < patience {
		return
	}
	p.at, p.records = c.ticks, nil
	if others := c.others(); len(others) > 0 {
		to := others[int(p.asks)%len(others)]
		p.asks++
		c.send(to, MessagePull, Pull{c.state.applied + 1, maxNumber}.append(nil))
	}
}

// leaderless is for how many ticks a node may be without a leader before it pulls.
const leaderless = 30

// unheard is for how many ticks a node that is leaving may not hear from its leader before it pulls.
const unheard = 3

// leaving tells whether this node will be no member when the change that is under way is done.
func (c *Core) leaving() bool { return c.state.members.leaves(c.options.Node) }
