package order

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// mayLeaveEarly tells whether a message says nothing about what this node has stored but
// its term and vote: if those are as they were, it may leave before the flush.
func mayLeaveEarly(kind pb.MessageType) bool {
	switch kind {
	case pb.MsgAppResp, pb.MsgVote, pb.MsgPreVote, pb.MsgVoteResp, pb.MsgPreVoteResp:
		return false
	}
	return true
}

// collect takes over what is not to be flushed of what Raft gave: who leads, messages,
// read indices.
func (c *Core) collect() error {
	if s := c.ready.SoftState; s != nil {
		c.leading, c.lead = s.RaftState == raft.StateLeader, s.Lead
	}
	s := c.readyState()
	steady := s.term == c.flushed.term && s.vote == c.flushed.vote
	for _, m := range c.ready.Messages {
		c.holdBack(m)
		out, err := c.encodeRaft(m)
		if err != nil {
			return err
		}
		if steady && mayLeaveEarly(m.GetType()) {
			c.outbox = append(c.outbox, out)
		} else {
			c.after = append(c.after, out)
		}
		if m.GetType() == pb.MsgSnap {
			// Whether it arrives isn't known; with the next heartbeat's answer there will be
			// another, if it is still needed.
			c.node.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
		}
	}
	for i := range c.ready.ReadStates {
		c.confirmed(&c.ready.ReadStates[i])
	}
	return nil
}

// holdBack tells a node that is leaving as committed only what is written here. Else that
// node may know, and be stopped, that it is none any more while nobody who stays does: after
// a power cut they would wait for its vote. Raft drops it when the change is decided here, so it
// pulls the end of the change: see tickAlone.
func (c *Core) holdBack(m *pb.Message) {
	if c.state.members.leaves(m.GetTo()) && m.GetCommit() > c.written {
		m.Commit = new(c.written)
	}
}

func (c *Core) encodeRaft(m *pb.Message) (Message, error) {
	payload, err := proto.Marshal(m)
	return Message{c.options.Node, m.GetTo(), MessageRaft, payload}, err
}

// flushedAll lets those messages go that had to wait for a flush.
func (c *Core) flushedAll() {
	c.outbox = append(c.outbox, c.after...)
	c.after = c.after[:0]
}

func (c *Core) stepRaft(m *Message) error {
	r := new(pb.Message)
	if err := proto.Unmarshal(m.Payload, r); err != nil {
		return fmt.Errorf("%w: %v", ErrMessage, err)
	}
	passedOn := r.GetType() == pb.MsgReadIndex // by a follower
	if r.GetFrom() != m.From && !passedOn || r.GetTo() != m.To || raft.IsLocalMsg(r.GetType()) || r.GetType() == pb.MsgProp {
		return fmt.Errorf("%w: a %v of Raft's", ErrMessage, r.GetType())
	}
	if c.probation.meet(c, m.From); !c.takesPart() {
		return nil
	}
	if c.hold(r); !c.takesPart() {
		return nil
	}
	c.witness(r)
	if c.leaving() && m.From == c.lead && c.pull.goal == nil {
		c.pull.at = c.ticks // who leads still speaks to this node
	}
	switch r.GetType() {
	case pb.MsgApp:
		return c.receive(r)
	case pb.MsgSnap:
		return c.stepSnapshot(r)
	}
	return c.toRaft(r)
}

// toRaft gives Raft a message.
func (c *Core) toRaft(m *pb.Message) (err error) {
	defer caught(&err)
	err = c.node.Step(m)
	if errors.Is(err, raft.ErrStepPeerNotFound) || errors.Is(err, raft.ErrProposalDropped) {
		return nil
	}
	return err
}
