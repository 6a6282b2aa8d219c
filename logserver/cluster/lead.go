package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// What only the leader can do, any node can be asked for: it asks the leader, and waits
// while there is none.
const (
	leaderTime = 15 * time.Second // for all of it
	toLeader   = "leader/"        // in front of the method's name when the leader is asked

	codeMoved    = "moved" // the node that was asked as the leader isn't
	codeNoLeader = "no leader"
	codeRemoved  = "removed" // the node is none of the cluster any more
)

var errNoLeader = &peer.Error{Code: codeNoLeader, Text: "no node leads at present: more than half of the voting nodes must be up and reach each other"}

// atLeader is something that the leader does.
type atLeader[In, Out any] func(ctx context.Context, log *logserver.Log, in In) (Out, error)

// lead has something done by the leader, here or where it is.
func lead[In, Out any](ctx context.Context, n *Node, name string, in In, do atLeader[In, Out]) (out Out, err error) {
	log := n.log.Load()
	if log == nil {
		return out, &peer.Error{Code: peer.CodeNotJoined, Text: "this node looks for a cluster itself"}
	}
	ctx, cancel := context.WithTimeout(ctx, leaderTime)
	defer cancel()
	for {
		s, _ := log.Standing()
		switch s.Leader {
		case s.Number:
			out, err = do(ctx, log, in)
		case 0:
			err = errNoLeader
		default:
			err = n.callMember(ctx, s.Leader, toLeader+name, in, &out)
		}
		passing := errors.Is(err, order.ErrNotServing) || peer.Code(err) == codeNoLeader || peer.Code(err) == codeMoved ||
			errors.Is(err, peer.ErrNotSent) // who led is gone: another will
		if err == nil || !passing {
			return out, err
		}
		if pause(ctx) != nil {
			return out, errNoLeader
		}
	}
}

// leading answers another node's lead.
func leading[In, Out any](n *Node, do atLeader[In, Out]) peer.Method {
	return method(func(ctx context.Context, _ peer.Caller, in In) (out Out, err error) {
		log := n.log.Load()
		if log == nil {
			return out, &peer.Error{Code: codeMoved, Text: "this node has no log yet"}
		}
		if s, _ := log.Standing(); s.Leader != s.Number {
			return out, &peer.Error{Code: codeMoved, Text: "this node doesn't lead"}
		}
		if out, err = do(ctx, log, in); errors.Is(err, order.ErrNotServing) {
			err = &peer.Error{Code: codeMoved, Text: err.Error()}
		}
		return out, err
	})
}

// callMember calls a method of a member.
func (n *Node) callMember(ctx context.Context, id uint64, name string, in, out any) error {
	n.mu.Lock()
	address := n.others[id].Address
	if at, ok := n.moved[id]; ok {
		address = at
	}
	n.mu.Unlock()
	if address == "" {
		return errNoLeader // it isn't known here yet
	}
	return n.call(ctx, address, name, in, out)
}

// pause waits until it is time to look again.
func pause(ctx context.Context) error {
	select {
	case <-time.After(100 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
