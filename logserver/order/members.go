package order

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/confchange"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// Members are the nodes of the cluster, as agreed on. All lists are ascending.
type Members struct {
	Version  uint64   // of changes, from 0
	Voters   []uint64 // 1, 3, 5 or 7
	Outgoing []uint64 // while a change is under way: who voted before, and still does
	Learners []uint64 // who copy and don't vote
	Next     []uint64 // of Outgoing, who are learners when the change is done
}

// ErrMembers is wrapped by the error for a change of members that can't be made. Nothing
// was changed.
var ErrMembers = errors.New("no such change of members")

// Has tells whether a node is a member, in whatever role.
func (m Members) Has(id uint64) bool {
	return slices.Contains(m.Voters, id) || slices.Contains(m.Outgoing, id) || slices.Contains(m.Learners, id)
}

// votes tells whether a node votes.
func (m *Members) votes(id uint64) bool {
	return slices.Contains(m.Voters, id) || slices.Contains(m.Outgoing, id)
}

// Joint tells whether a change is under way.
func (m Members) Joint() bool { return len(m.Outgoing) > 0 }

// leaves tells whether a node votes until the change that is under way is done, and is no member then.
func (m *Members) leaves(id uint64) bool {
	return slices.Contains(m.Outgoing, id) && !slices.Contains(m.Voters, id) && !slices.Contains(m.Learners, id) && !slices.Contains(m.Next, id)
}

// All returns every member's number, ascending.
func (m Members) All() []uint64 {
	list := slices.Concat(m.Voters, m.Outgoing, m.Learners)
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *Members) clone() Members {
	return Members{m.Version, slices.Clone(m.Voters), slices.Clone(m.Outgoing), slices.Clone(m.Learners), slices.Clone(m.Next)}
}

func (m *Members) confState() *pb.ConfState {
	return &pb.ConfState{Voters: m.Voters, VotersOutgoing: m.Outgoing, Learners: m.Learners, LearnersNext: m.Next, AutoLeave: new(false)}
}

// maxVoters is how many voters there may be.
const maxVoters = 7

// change returns what the members are after a change. It is decided on a copy, so that
// what Raft wouldn't survive is refused before Raft sees it.
func (m *Members) change(cc *pb.ConfChangeV2) (Members, error) {
	t := tracker.MakeProgressTracker(1, 0)
	if len(m.Voters) > 0 {
		cfg, progress, err := confchange.Restore(confchange.Changer{Tracker: t, LastIndex: 1}, m.confState())
		if err != nil {
			return *m, err
		}
		t.Config, t.Progress = cfg, progress
	}
	changer := confchange.Changer{Tracker: t, LastIndex: 1}
	var cfg tracker.Config
	var err error
	if _, joint := cc.EnterJoint(); cc.LeaveJoint() {
		cfg, _, err = changer.LeaveJoint()
	} else if joint {
		cfg, _, err = changer.EnterJoint(false, cc.GetChanges()...)
	} else {
		cfg, _, err = changer.Simple(cc.GetChanges()...)
	}
	if err != nil {
		return *m, fmt.Errorf("%w: %v", ErrMembers, err)
	}
	t.Config = cfg
	cs := t.ConfState()
	next := Members{m.Version + 1, cs.GetVoters(), cs.GetVotersOutgoing(), cs.GetLearners(), cs.GetLearnersNext()}
	for _, list := range [][]uint64{next.Voters, next.Outgoing, next.Learners, next.Next} {
		slices.Sort(list)
	}
	if n := len(next.Voters); n%2 == 0 || n > maxVoters {
		return *m, fmt.Errorf("%w: %d voters", ErrMembers, n)
	}
	return next, nil
}

func appendMembers(dst []byte, m *Members) []byte {
	dst = appendUvarints(dst, m.Version)
	for _, list := range [][]uint64{m.Voters, m.Outgoing, m.Learners, m.Next} {
		dst = appendList(dst, list)
	}
	return dst
}

func (r *reader) members() (m Members) {
	m.Version = r.between(0, maxNumber)
	for _, list := range []*[]uint64{&m.Voters, &m.Outgoing, &m.Learners, &m.Next} {
		*list = r.list(nil)
		if !slices.IsSorted(*list) {
			r.fail()
		}
	}
	return m
}

// Members returns who is in the cluster, as far as it is decided here.
func (c *Core) Members() Members { return c.state.members.clone() }

// Leader returns who leads, as far as this node knows; 0: nobody.
func (c *Core) Leader() uint64 { return c.lead }

// others returns the members but this node.
func (c *Core) others() []uint64 {
	all := c.state.members.All()
	return slices.DeleteFunc(all, func(id uint64) bool { return id == c.options.Node })
}

// applyMembers decides about a change of members.
func (c *Core) applyMembers(rec *record, e *pb.Entry) error {
	cc, err := c.decodeChange(e)
	if err != nil {
		return err
	}
	rec.kind = KindMember
	rec.header = c.envelope.header
	rec.holders = append([]uint64(nil), c.envelope.holders...)
	next, err := c.state.members.change(cc)
	rec.skipped = err != nil || rec.configuration != c.state.members.Version
	if !rec.skipped {
		rec.members, rec.fact = next, c.envelope.fact
	}
	return nil
}

// decodeChange reads a change and, into c.envelope, who proposed it.
func (c *Core) decodeChange(e *pb.Entry) (*pb.ConfChangeV2, error) {
	cc, err := unmarshalChange(e.GetData())
	if err != nil {
		return nil, err
	}
	if err := c.envelope.decode(cc.GetContext()); err != nil {
		return nil, err
	}
	if c.envelope.kind != KindMember {
		return nil, unknown("kind of change", uint64(c.envelope.kind))
	}
	return cc, nil
}

// tellRaft makes Raft's members those that a committed entry makes them. Raft may be
// behind what is decided, so it is decided anew, from the members that Raft has.
func (c *Core) tellRaft(e *pb.Entry) error {
	if c.node == nil { // a replay that decides anew what is lost
		return nil
	}
	if e.GetType() == pb.EntryConfChangeV2 {
		return c.tellRaftOfChange(e)
	}
	if len(c.inRaft.Voters) > 0 || len(e.GetData()) == 0 {
		return nil
	}
	if err := c.envelope.decode(e.GetData()); err != nil {
		return err
	}
	if c.envelope.kind == KindSettings {
		return c.tellRaftOfFounders(c.envelope.settings.Voters)
	}
	return nil
}

func (c *Core) tellRaftOfChange(e *pb.Entry) (err error) {
	cc, err := c.decodeChange(e)
	if err != nil {
		return err
	}
	if c.envelope.configuration != c.inRaft.Version {
		return nil
	}
	next, err := c.inRaft.change(cc)
	if err != nil {
		return nil // a recorded no-op
	}
	defer caught(&err)
	c.node.ApplyConfChange(cc)
	c.inRaft = next
	return nil
}

// tellRaftOfFounders gives Raft its first members, on a node that began without any.
func (c *Core) tellRaftOfFounders(voters []uint64) (err error) {
	cc := new(pb.ConfChangeV2)
	for _, id := range voters {
		cc.Changes = append(cc.Changes, change(pb.ConfChangeAddNode, id))
	}
	defer caught(&err)
	c.node.ApplyConfChange(cc)
	c.inRaft = Members{Voters: slices.Clone(voters)}
	return nil
}

func change(kind pb.ConfChangeType, id uint64) *pb.ConfChangeSingle {
	return &pb.ConfChangeSingle{Type: kind.Enum(), NodeId: new(id)}
}
