package order

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"
)

func unmarshalChange(data []byte) (*pb.ConfChangeV2, error) {
	cc := new(pb.ConfChangeV2)
	if err := proto.Unmarshal(data, cc); err != nil {
		return nil, fmt.Errorf("change of members: %w", errMalformed)
	}
	return cc, nil
}

// Join makes a node a member that copies; when it has caught up, and there are enough for
// the next odd number of voters, it votes. Its number must never have been a node's
// before: see NextNumber. about is what is to be known about it until it starts; empty: nothing.
// ErrNotServing: this node doesn't lead; ErrMembers: not now, or never. Without
// an error the change was proposed: Members tells when it is made, and About whether it was
// this one and not another with the same number.
func (c *Core) Join(id uint64, about []byte) error {
	if err := c.newcomer(id, about); err != nil {
		return err
	}
	f := fact{id: id, about: about}
	if len(about) == 0 {
		f.id = 0
	}
	return c.proposeMembers(f, change(pb.ConfChangeAddLearnerNode, id))
}

// newcomer reports what keeps a node from becoming a member.
func (c *Core) newcomer(id uint64, about []byte) error {
	m := &c.state.members
	switch {
	case id < 1 || id > maxNode || c.state.stand(id).incarnation > 0:
		return fmt.Errorf("%w: %d is no number for a new node", ErrMembers, id)
	case m.Has(id):
		return fmt.Errorf("%w: %d is a member", ErrMembers, id)
	}
	return checkAbout(about)
}

// Leave removes a node from the cluster. Another takes its vote if one has caught up; if
// not, one more voter is made a node that copies, so that their number stays odd. A leader for
// which nobody takes the vote hands over first, and says ErrNotServing: whoever leads then is to be
// asked. Errors are as with Join. The last voter can't leave. Who leaves is to go on running until
// the change has been made and is written: until Members hasn't got it and PendingDecided is
// false. Else those who stay might need its vote to know that it has left.
func (c *Core) Leave(id uint64) error {
	m := &c.state.members
	if !m.Has(id) {
		return fmt.Errorf("%w: %d is no member", ErrMembers, id)
	}
	list := []*pb.ConfChangeSingle{change(pb.ConfChangeRemoveNode, id)}
	if slices.Contains(m.Voters, id) {
		if heir := c.heir(id); heir != 0 {
			list = append(list, change(pb.ConfChangeAddNode, heir))
		} else if id == c.options.Node && len(m.Voters) > 1 {
			// Who is left with a vote, maybe alone, must be there for certain: it is who leads.
			return cmp.Or(c.HandOver(), ErrNotServing)
		} else if v := c.dispensable(id); v != 0 {
			list = append(list, change(pb.ConfChangeAddLearnerNode, v))
		}
	}
	return c.proposeMembers(fact{}, list...)
}

// dispensable returns a voter that can best do without its vote when id leaves, 0 if
// there is none: one that hasn't been heard of lately, else one of the zone with the most, and
// not the leader.
func (c *Core) dispensable(id uint64) (best uint64) {
	if !c.leading {
		return 0
	}
	zones, zone := make(map[string]int), make(map[uint64]string)
	for _, v := range c.seated(c.state.members.Voters) {
		if zone[v.id] = v.zone; v.id != id {
			zones[v.zone]++
		}
	}
	silent := false
	c.progress(func(v uint64, p *tracker.Progress) {
		if v == id || v == c.options.Node || p.IsLearner || silent {
			return
		}
		if best == 0 || !p.RecentActive || zones[zone[v]] > zones[zone[best]] {
			best, silent = v, !p.RecentActive
		}
	})
	return best
}

// proposeMembers proposes changes to be made together, and what is said about a newcomer.
func (c *Core) proposeMembers(f fact, list ...*pb.ConfChangeSingle) error {
	switch {
	case c.failed != nil:
		return c.failed
	case !c.leads() || !c.takesPart():
		return ErrNotServing
	}
	cc := &pb.ConfChangeV2{Changes: list}
	if len(list) > 1 {
		cc.Transition = pb.ConfChangeTransitionJointExplicit.Enum()
	}
	if _, err := c.state.members.change(cc); err != nil {
		return err
	}
	return c.proposeChange(cc, &f)
}

// proposeChange proposes a change as it is; apply refuses what is wrong with it.
func (c *Core) proposeChange(cc *pb.ConfChangeV2, f *fact) (err error) {
	h := *c.header(0)
	h.configuration = c.state.members.Version
	cc.Context = appendStatement(nil, KindMember, &h, f)
	defer func() {
		if err != nil && !errors.Is(err, ErrNotServing) {
			err = c.fatal(err)
		}
	}()
	defer caught(&err)
	err = c.node.ProposeConfChange(cc)
	if errors.Is(err, raft.ErrProposalDropped) {
		return ErrNotServing
	}
	return err
}

// HandOver asks Raft to make another voter the leader, of those who stay the one that has
// come farthest. It is for an orderly stop.
func (c *Core) HandOver() error {
	return c.handOverTo(func(uint64, *tracker.Progress) bool { return true })
}

// handOverTo is HandOver to one that is fit.
func (c *Core) handOverTo(fit func(id uint64, p *tracker.Progress) bool) (err error) {
	if !c.leading || c.failed != nil {
		return nil
	}
	to, match := uint64(0), uint64(0)
	c.progress(func(id uint64, p *tracker.Progress) {
		if id != c.options.Node && p.RecentActive && p.Match >= match && slices.Contains(c.inRaft.Voters, id) && fit(id, p) {
			to, match = id, p.Match
		}
	})
	if to == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			err = c.fatal(err)
		}
	}()
	defer caught(&err)
	c.node.TransferLeader(to)
	return nil
}

// progress calls fn with how far each member is, in the order of their numbers.
func (c *Core) progress(fn func(id uint64, p *tracker.Progress)) {
	all := make(map[uint64]tracker.Progress)
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) { all[id] = p })
	for _, id := range c.inRaft.All() {
		if p, ok := all[id]; ok {
			fn(id, &p)
		}
	}
}

// closeEnough is how many entries a node may be behind that has caught up.
const closeEnough = 64

// caughtUp returns the learners that have caught up, without one.
func (c *Core) caughtUp(without uint64) (list []uint64) {
	if !c.leading {
		return nil
	}
	c.progress(func(id uint64, p *tracker.Progress) {
		if p.IsLearner && p.RecentActive && id != without && p.Match > 0 && p.Match+closeEnough >= c.state.applied {
			list = append(list, id)
		}
	})
	return list
}

// manage is what the leader does about members by itself: it ends changes that are under
// way, and gives those a vote that have caught up, when that makes the next odd number.
func (c *Core) manage() error {
	m := &c.state.members
	if !c.leads() || c.ticks%retryTicks != 0 {
		return nil
	}
	if m.Joint() && !slices.Contains(m.Voters, c.options.Node) {
		// A leader that doesn't stay must not end the change: those who do might never learn
		// that it is ended, nor win against the entries that only those have who leave.
		return c.HandOver()
	}
	if m.Joint() {
		return c.dropped(c.proposeChange(new(pb.ConfChangeV2), &fact{}))
	}
	if len(m.Learners) == 0 {
		return nil
	}
	err := c.promote()
	if errors.Is(err, ErrMembers) {
		return nil
	}
	return c.dropped(err)
}

// promote gives votes to nodes that have caught up: to one that takes another's place; to as
// many as make the next odd number; or to one whose zone has fewer voters than another zone,
// which gives one up.
func (c *Core) promote() error {
	if proposed, err := c.takeOver(); proposed {
		return err
	}
	m := &c.state.members
	voters, ready := c.seated(m.Voters), c.seated(c.spare(0))
	n := min(len(voters)+len(ready), maxVoters)
	n -= 1 - n%2
	var list []*pb.ConfChangeSingle
	if out, in, ok := spread(voters, ready, c.options.Node); n > len(voters) {
		for _, id := range choose(voters, ready, n-len(voters)) {
			list = append(list, change(pb.ConfChangeAddNode, id))
		}
	} else if ok {
		list = append(list, change(pb.ConfChangeAddNode, in), change(pb.ConfChangeAddLearnerNode, out))
	} else {
		return nil
	}
	return c.proposeMembers(fact{}, list...)
}
