package cluster

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// waiting is what a node says that has no data.
type waiting struct {
	Node    uuid.UUID `json:"node"`
	Name    string    `json:"name"`
	Expect  int       `json:"expect"`
	Cluster uuid.UUID `json:"cluster"` // zero: it waits for one
	Number  uint64    `json:"number"`
	Address string    `json:"address"`
}

// joined is what a node is told that is taken in.
type joined struct {
	Cluster uuid.UUID        `json:"cluster"`
	Number  uint64           `json:"number"`
	Members map[uint64]About `json:"members"`
}

// found makes the node the first of a new cluster.
func (n *Node) found() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.founding = true
	n.id, n.cluster = uuid.New(), uuid.New()
	n.options.logger().Info().Str("cluster", uuid.UUID(n.cluster).String()).Msg("founding a cluster")
}

// Found tells a node that looks for a cluster to found one.
func (n *Node) Found() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster != [16]byte{} {
		return &peer.Error{Code: "founded", Text: "this node has a cluster"}
	}
	if n.yieldedTo != (uuid.UUID{}) {
		return &peer.Error{Code: "yielded", Text: "this node has left the founding to another, " + n.yieldedTo.String()}
	}
	n.toldToFound = true
	n.again()
	return nil
}

// mayFound tells whether all that are expected leave it to this node to found the cluster.
func (n *Node) mayFound() bool {
	if n.options.Expect < 2 {
		return false
	}
	others := map[uuid.UUID]string{}
	for _, address := range n.options.Peers {
		w, err := n.askWhoWaits(address)
		if err == nil && w.Cluster == (uuid.UUID{}) && w.Node != n.id && w.Expect == n.options.Expect {
			others[w.Node] = address
		}
	}
	if waiting := len(others) + 1; waiting > n.options.Expect {
		n.options.logger().Warn().Msgf("EXPECT is %d, and %d nodes wait to found a cluster together: start all with EXPECT=%d, or have one found it with `ringlog cluster found`", n.options.Expect, waiting, waiting)
	}
	if len(others) != n.options.Expect-1 {
		return false
	}
	n.mu.Lock()
	least := n.yieldedTo == (uuid.UUID{})
	for id := range others {
		least = least && bytes.Compare(n.id[:], id[:]) < 0
	}
	n.founding = n.founding || least
	n.mu.Unlock()
	if !least {
		return false
	}
	for _, address := range others {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err := n.call(ctx, address, "yield", n.id, nil)
		cancel()
		if err != nil {
			n.options.logger().Info().Err(err).Str("peer", address).Msg("can't found the cluster yet")
			return false
		}
	}
	return true
}

func (n *Node) askWhoWaits(address string) (w waiting, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return w, n.call(ctx, address, "waiting", nil, &w)
}

// whoWaits answers "waiting".
func (n *Node) whoWaits(context.Context, peer.Caller, any) (waiting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := waiting{Node: n.id, Name: n.options.Name, Expect: n.options.Expect, Cluster: n.cluster, Address: n.options.Address}
	if n.cluster != [16]byte{} {
		w.Number = number(n.id)
	}
	return w, nil
}

// yield answers "yield": the founding is left to one node, if that is a lesser one and this
// node hasn't begun to found itself.
func (n *Node) yield(_ context.Context, _ peer.Caller, to uuid.UUID) (any, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.cluster != [16]byte{}:
		return nil, &peer.Error{Code: "founded", Text: "this node has a cluster: join it"}
	case n.founding || bytes.Compare(to[:], n.id[:]) >= 0:
		return nil, &peer.Error{Code: "founding", Text: "this node is to found the cluster itself"}
	case n.yieldedTo != (uuid.UUID{}) && n.yieldedTo != to:
		return nil, &peer.Error{Code: "yielded", Text: "this node has left the founding to another: if that is gone for good, restart this one"}
	}
	n.yieldedTo = to
	return nil, nil
}
