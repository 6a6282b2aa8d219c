package cluster

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// takeIn answers "join": the caller is made a member, unless it is one already, and is told
// its number and who the others are.
func (n *Node) takeIn(ctx context.Context, caller peer.Caller, about About) (joined, error) {
	if n.options.Certificates != nil && caller.Name != about.Name {
		return joined{}, &peer.Error{Code: peer.CodeRefused, Text: "the certificate is of node " + caller.Name + ", not of " + about.Name}
	}
	return lead(ctx, n, "join", about, n.admitNew)
}

// admitNew makes a node a member. It is for the leader.
func (n *Node) admitNew(ctx context.Context, log *logserver.Log, about About) (joined, error) {
	for {
		s, _ := log.Standing()
		members, err := aboutAll(&s)
		if err != nil {
			return joined{}, err
		}
		if id, ok := numberOf(members, about.Node); ok {
			return joined{n.clusterID(), id, members}, nil
		}
		old, taken := named(members, about.Name)
		if taken && !n.mayReplace(about.Name) {
			return joined{}, &peer.Error{Code: peer.CodeRefused, Text: "there is a node " + about.Name + " in the cluster: give this one another NODE; or, if it has lost its data, `ringlog cluster replace " + about.Name + "` first"}
		}
		id, err := log.NextNumber(ctx)
		if err != nil {
			return joined{}, err
		}
		numbered := about
		numbered.Node = withNumber(about.Node, id)
		if taken {
			err = log.Replace(ctx, old, id, numbered.encode())
		} else {
			err = log.Admit(ctx, id, numbered.encode())
		}
		if err != nil && !errors.Is(err, order.ErrMembers) {
			return joined{}, err // it may be the leader no more
		}
		if err := pause(ctx); err != nil {
			return joined{}, err
		}
	}
}

func (n *Node) clusterID() uuid.UUID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cluster
}

func aboutAll(s *logserver.Standing) (map[uint64]About, error) {
	all := map[uint64]About{}
	for id, b := range s.About {
		a, err := decodeAbout(b)
		if err != nil {
			return nil, err
		}
		all[id] = a
	}
	return all, nil
}

// numberOf returns the number of a node that is a member.
func numberOf(members map[uint64]About, node uuid.UUID) (uint64, bool) {
	for id, a := range members {
		if sameNode(a.Node, node) {
			return id, true
		}
	}
	return 0, false
}

// named returns the number of the member with a name.
func named(members map[uint64]About, name string) (uint64, bool) {
	for id, a := range members {
		if a.Name == name {
			return id, true
		}
	}
	return 0, false
}
