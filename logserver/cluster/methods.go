package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// methods are what other nodes, and the command line, may call.
func (n *Node) methods() map[string]peer.Method {
	return map[string]peer.Method{
		"waiting": method(n.whoWaits),
		"yield":   method(n.yield),
		"enter": method(func(ctx context.Context, _ peer.Caller, address string) (any, error) {
			return nil, n.Join(ctx, address)
		}),
		"found":  method(func(context.Context, peer.Caller, any) (any, error) { return nil, n.Found() }),
		"status": method(func(context.Context, peer.Caller, any) (Status, error) { return n.Status(), nil }),
		"owner":  method(func(_ context.Context, _ peer.Caller, value string) ([]Member, error) { return n.Owners(value) }),
		"act":    method(n.act),
		"newest": method(func(ctx context.Context, _ peer.Caller, _ any) (any, error) { return nil, n.newest(ctx) }),

		"join":    method(n.takeIn),
		"leave":   method(func(ctx context.Context, _ peer.Caller, _ any) (Strength, error) { return n.Leave(ctx) }),
		"remove":  method(func(ctx context.Context, _ peer.Caller, who string) (Strength, error) { return n.Remove(ctx, who) }),
		"replace": method(func(ctx context.Context, _ peer.Caller, who string) (string, error) { return n.Replace(ctx, who) }),
		"lead":    method(func(ctx context.Context, _ peer.Caller, _ any) (any, error) { return nil, n.MoveLeader(ctx) }),

		"set": method(func(ctx context.Context, _ peer.Caller, s setting) (any, error) {
			return nil, n.Set(ctx, s.Name, s.Value)
		}),

		toLeader + "set":     leading(n, n.set),
		toLeader + "join":    leading(n, n.admitNew),
		toLeader + "remove":  leading(n, n.remove),
		toLeader + "replace": leading(n, n.replace),
		toLeader + "lead":    leading(n, n.handOver),
	}
}

// errLeft says that this node is nobody's member any more.
var errLeft = &peer.Error{Code: codeRemoved, Text: "this node was removed from its cluster: ask another one; stop this one, or give it an empty BLOBS and start it to join anew"}

// Leave has this node leave the cluster. It serves what it has until it is closed, and is
// nobody's member any more. It returns what those who stay can bear.
func (n *Node) Leave(ctx context.Context) (rest Strength, err error) {
	log := n.log.Load()
	if log == nil {
		return rest, &peer.Error{Code: peer.CodeNotJoined, Text: "this node is in no cluster"}
	}
	s, _ := log.Standing()
	if s.Removed {
		return rest, errLeft
	}
	return n.Remove(ctx, strconv.FormatUint(s.Number, 10))
}

// Remove has a member removed, by name or number, whether it is up or not. It returns what those
// who stay can bear.
func (n *Node) Remove(ctx context.Context, who string) (rest Strength, err error) {
	return lead(ctx, n, "remove", who, n.remove)
}

// Replace allows a member, by name or number, to be replaced: the next node without data that
// joins under its name within an hour gets its place on the ring, and its vote. It returns
// the name.
func (n *Node) Replace(ctx context.Context, who string) (name string, err error) {
	return lead(ctx, n, "replace", who, n.replace)
}

// MoveLeader has another node lead.
func (n *Node) MoveLeader(ctx context.Context) error {
	_, err := lead(ctx, n, "lead", nil, n.handOver)
	return err
}

// newest returns when this node has stored everything that was acknowledged anywhere before.
func (n *Node) newest(ctx context.Context) error {
	log := n.log.Load()
	if log == nil {
		return &peer.Error{Code: peer.CodeNotJoined, Text: "this node is in no cluster"}
	}
	return log.Newest(ctx)
}

func (n *Node) handOver(ctx context.Context, log *logserver.Log, _ any) (any, error) {
	s, _ := log.Standing()
	if len(s.Members.Voters) < 2 {
		return nil, &peer.Error{Code: peer.CodeRefused, Text: "there is no other voting node that could lead"}
	}
	return nil, log.HandOver(ctx)
}

// remove removes a member. It is for the leader.
func (n *Node) remove(ctx context.Context, log *logserver.Log, who string) (rest Strength, err error) {
	for {
		s, _ := log.Standing()
		id, err := find(&s, who)
		if err != nil {
			return rest, err
		}
		if !s.Members.Has(id) {
			return n.Status().Strength, nil
		}
		if voters := s.Members.Voters; len(voters) == 1 && voters[0] == id {
			return rest, &peer.Error{Code: peer.CodeRefused, Text: "the last voting node can't be removed: add another first, or stop it"}
		}
		if err := mayPart(n.Status().Members, id, s.Settings.Replicas, log.Pulse().Placed); err != nil {
			if peer.Code(err) != codeUnsettled || pause(ctx) != nil {
				return rest, err
			}
			continue
		}
		err = log.Dismiss(ctx, id)
		if err != nil && !errors.Is(err, order.ErrMembers) {
			return rest, err
		}
		for range 10 { // until the change is made
			if pause(ctx) != nil {
				return rest, &peer.Error{Code: codeNoLeader, Text: fmt.Sprintf("node %d is not removed yet: %v; look at `ringlog cluster status`", id, err)}
			}
			if s, _ := log.Standing(); !s.Members.Has(id) {
				return n.Status().Strength, nil
			}
		}
	}
}

// replaceTime is how long a node may be replaced after that was allowed.
const replaceTime = time.Hour

// replace allows that a member is replaced. It is for the leader, which forgets it when it
// leads no more.
func (n *Node) replace(_ context.Context, log *logserver.Log, who string) (string, error) {
	s, _ := log.Standing()
	id, err := find(&s, who)
	if err != nil {
		return "", err
	}
	members, err := aboutAll(&s)
	if err != nil {
		return "", err
	}
	name := members[id].Name
	if name == "" || id == s.Number {
		return "", &peer.Error{Code: peer.CodeRefused, Text: "node " + who + " can't be replaced: it leads, or is no member"}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replaceable[name] = time.Now().Add(replaceTime)
	return name, nil
}

// mayReplace tells whether a node that joins under a name may take that one's place.
func (n *Node) mayReplace(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.replaceable[name])
}

// find returns the number of a member by its name or number.
func find(s *logserver.Standing, who string) (uint64, error) {
	members, err := aboutAll(s)
	if err != nil {
		return 0, err
	}
	for id, a := range members {
		if a.Name == who {
			return id, nil
		}
	}
	if id, err := strconv.ParseUint(who, 10, 64); err == nil && members[id].Node != (uuid.UUID{}) {
		return id, nil
	}
	return 0, &peer.Error{Code: peer.CodeRefused, Text: "no member is named " + who + ": `ringlog cluster status` lists them"}
}
