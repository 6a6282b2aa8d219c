package cluster

import (
	"context"
	"net"
	"time"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// watch is what was last seen of the cluster, to notice changes.
type watch struct {
	seen Status
	fns  []func(before, now Status)
}

// Watch has fn called when the state, the leader, the members, or this node's successor or
// predecessor on the ring have changed, one call after the other. It must return soon.
func (n *Node) Watch(fn func(before, now Status)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watch.fns = append(n.watch.fns, fn)
}

// keepHouse looks after links and members from time to time.
func (n *Node) keepHouse() {
	tick := time.NewTicker(n.options.Housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.closing:
			return
		}
		st := n.Status()
		n.notice(st)
		n.tellPulse(&st)
		if st.State == Joined {
			continue
		}
		n.findMoved(&st)
	}
}

// notice tells of changes.
func (n *Node) notice(now Status) {
	n.mu.Lock()
	before := n.watch.seen
	fns := n.watch.fns
	changed := before.State != now.State || before.Leader != now.Leader || before.Successor != now.Successor ||
		before.Predecessor != now.Predecessor || len(before.Members) != len(now.Members)
	for i := range min(len(before.Members), len(now.Members)) {
		a, b := &before.Members[i], &now.Members[i]
		changed = changed || a.Number != b.Number || a.Role != b.Role || a.Address != b.Address || a.Connected != b.Connected
	}
	n.watch.seen = now
	n.mu.Unlock()
	if !changed {
		return
	}
	n.options.logger().Info().Str("state", string(now.State)).Uint64("leader", now.Leader).Int("members", len(now.Members)).Msg("the cluster has changed")
	for _, fn := range fns {
		fn(before, now)
	}
}

// findMoved asks well-known peers who they are, when members can't be reached where they
// were: all may have moved at once.
func (n *Node) findMoved(st *Status) {
	away := map[uint64]string{}
	for _, m := range st.Members {
		if !m.Connected {
			away[m.Number] = m.Address
		}
	}
	if len(st.Members) > 1 && len(away) == 0 {
		return
	}
	for _, address := range n.options.Peers {
		w, err := n.askWhoWaits(address)
		if peer.Code(err) == peer.CodeRefused {
			if _, ok := n.refusals.may(address+" "+err.Error(), time.Now()); ok {
				n.options.logger().Warn().Err(err).Str("address", address).Msg("one of PEERS refuses this node")
			}
		}
		if err != nil || w.Cluster != n.clusterID() || w.Number == st.Number {
			continue
		}
		if len(st.Members) == 0 { // this node knows nobody yet
			if taken, _ := n.askToJoin(); taken {
				return
			}
		}
		if at, ok := away[w.Number]; ok && at != address {
			n.mu.Lock()
			n.moved[w.Number] = address
			n.mu.Unlock()
			n.connect()
		}
	}
}

// hooks are the links' hooks: they tell the log, then the embedding program.
func (n *Node) hooks() peer.Hooks {
	log, own := n.options.logger(), n.options.Hooks
	tell := func(what string, then func(peer.Event)) func(peer.Event) {
		return func(e peer.Event) {
			line := log.Debug()
			if what == "disconnected" || what == "initialized" {
				line = log.Info()
			}
			line.Uint64("node", e.Peer).Str("name", e.Name).Str("address", e.Address).Err(e.Err).Msg("link " + what)
			if then != nil {
				then(e)
			}
		}
	}
	return peer.Hooks{
		Connect:     tell("connected", own.Connect),
		Initialized: tell("initialized", own.Initialized),
		Acknowledge: own.Acknowledge,
		Disconnect:  tell("disconnected", own.Disconnect),
		Backoff:     tell("waits", own.Backoff),
		Reconnect:   tell("tries again", own.Reconnect),
		Refused: func(address string, err error) {
			host, _, _ := net.SplitHostPort(address)
			if leftOut, ok := n.refusals.may(host+" "+err.Error(), time.Now()); ok {
				log.Warn().Err(err).Str("address", address).Int("left_out", leftOut).Msg("a connection on the peer port was refused")
			}
			if own.Refused != nil {
				own.Refused(address, err)
			}
		},
	}
}

// Action is something that an embedding program lets other nodes call by name.
type Action func(ctx context.Context, from About, payload []byte) ([]byte, error)

type acting struct {
	Name    string `json:"name"`
	Payload []byte `json:"payload"`
}

// Act has a member carry out one of its actions. An error that has a peer.Code is its
// answer.
func (n *Node) Act(ctx context.Context, id uint64, name string, payload []byte) (result []byte, err error) {
	err = n.callMember(ctx, id, "act", acting{name, payload}, &result)
	return result, err
}

func (n *Node) act(ctx context.Context, caller peer.Caller, a acting) ([]byte, error) {
	action, ok := n.options.Actions[a.Name]
	if !ok {
		return nil, &peer.Error{Code: peer.CodeUnknown, Text: "this node has no action " + a.Name}
	}
	n.mu.Lock()
	from := n.others[caller.Number]
	n.mu.Unlock()
	if !caller.Member {
		return nil, &peer.Error{Code: peer.CodeRefused, Text: "actions are for members of the cluster"}
	}
	return action(ctx, from, a.Payload)
}
