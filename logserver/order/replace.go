package order

import (
	"fmt"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
)

// Replace puts a newcomer in a member's place, one that is dead or Faulty: it gets its Seat, and its vote. If
// the member only copies, or another node has caught up and can take the vote, the member is
// removed with that change; else it stays until the newcomer has caught up, and is then removed
// with the change that gives that the vote, by whoever leads. In between the member keeps its vote, if only in name: two
// voters of two would survive no more than two of three. The newcomer's number and what is
// said about it are as with Join, and so are errors.
func (c *Core) Replace(old, id uint64, about []byte) error {
	m := &c.state.members
	if !m.Has(old) {
		return fmt.Errorf("%w: %d is no member", ErrMembers, old)
	}
	if other := c.Replacing(old); other != 0 {
		return fmt.Errorf("%w: %d is about to take the place of %d; replace that one instead", ErrMembers, other, old)
	}
	if err := c.newcomer(id, about); err != nil {
		return err
	}
	f := fact{id: id, replaces: old, about: about}
	if k := c.state.known(old); k != nil && c.Replacing(k.replaces) == old {
		f.replaces = k.replaces // old itself was to replace another
	}
	list := []*pb.ConfChangeSingle{change(pb.ConfChangeAddLearnerNode, id)}
	switch {
	case !m.votes(old):
		list = append(list, change(pb.ConfChangeRemoveNode, old))
	default:
		if heir := c.heir(old); heir != 0 {
			list = append(list, change(pb.ConfChangeRemoveNode, old), change(pb.ConfChangeAddNode, heir))
		}
	}
	return c.proposeMembers(f, list...)
}

// Replacing returns the member that takes another one's place when it has caught up; 0: none.
func (c *Core) Replacing(old uint64) uint64 {
	if old == 0 || !c.state.members.Has(old) {
		return 0
	}
	for i := range c.state.facts {
		if k := &c.state.facts[i]; k.replaces == old {
			return k.id
		}
	}
	return 0
}

// heir returns who is to take the vote of a voter that leaves: a node that has caught up and
// isn't to take another's. 0: none.
func (c *Core) heir(id uint64) uint64 {
	voters := slices.DeleteFunc(slices.Clone(c.state.members.Voters), func(v uint64) bool { return v == id })
	if chosen := choose(c.seated(voters), c.seated(c.spare(id)), 1); len(chosen) > 0 {
		return chosen[0]
	}
	return 0
}

// spare returns the learners that have caught up and aren't to take another's vote, without one.
func (c *Core) spare(without uint64) []uint64 {
	return slices.DeleteFunc(c.caughtUp(without), func(id uint64) bool {
		k := c.state.known(id)
		return k != nil && c.Replacing(k.replaces) == id
	})
}

// takeOver removes members whose place another takes that has caught up.
func (c *Core) takeOver() (proposed bool, err error) {
	m := &c.state.members
	for _, id := range c.caughtUp(0) {
		k := c.state.known(id)
		if k == nil || c.Replacing(k.replaces) != id {
			continue
		}
		list := []*pb.ConfChangeSingle{change(pb.ConfChangeRemoveNode, k.replaces)}
		if m.votes(k.replaces) {
			list = append(list, change(pb.ConfChangeAddNode, id))
		}
		return true, c.proposeMembers(fact{}, list...)
	}
	return false, nil
}
