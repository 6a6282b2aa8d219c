package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// waitsFor is why a node that looks for a cluster serves nobody, and what to do.
const waitsFor = "this node has no data and looks for a cluster: none of its PEERS has taken it in yet (its log says why). " +
	"Start one of them, or name a member by `ringlog cluster join`; only if there is no cluster yet, `ringlog cluster found`"

// becomeMember gives a node without data its cluster and its number: it founds one, or is
// taken into one.
func (n *Node) becomeMember() (joins bool, err error) {
	o := &n.options
	if len(o.Peers) == 0 && o.Expect < 2 {
		n.found()
		return false, nil
	}
	o.logger().Info().Strs("peers", o.Peers).Int("expect", o.Expect).
		Msg("no data here: looking for a cluster to join")
	retry := time.NewTicker(o.Retry)
	defer retry.Stop()
	defer o.Waiting("")
	for said := time.Now(); ; {
		o.Waiting(waitsFor)
		taken, founded, last := n.seek()
		if taken || founded {
			return taken, nil
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			o.logger().Warn().Err(last).Strs("peers", o.Peers).
				Msg("still looking for a cluster: none of PEERS has one that takes this node in; the error says why the last one did not. Only if there is no cluster yet: set EXPECT to the number of nodes, or `ringlog cluster found`")
		}
		select {
		case <-retry.C:
		case <-n.asked:
		case <-o.Interrupt:
			return false, ErrInterrupted
		}
	}
}

// seek tries once to become a member.
func (n *Node) seek() (taken, founded bool, last error) {
	n.seeking <- struct{}{}
	defer func() { <-n.seeking }()
	if n.hasCluster() { // it was told whom to join
		return true, false, nil
	}
	if taken, last = n.askToJoin(); taken {
		return true, false, nil
	}
	if n.isToldToFound() || n.mayFound() {
		n.found()
		return false, true, nil
	}
	return false, false, last
}

func (n *Node) hasCluster() bool { return n.clusterID() != uuid.UUID{} }

func (n *Node) isToldToFound() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.toldToFound
}

// again has a node that looks for a cluster look at once.
func (n *Node) again() {
	select {
	case n.asked <- struct{}{}:
	default:
	}
}

// askToJoin asks one peer after the other to be taken in.
func (n *Node) askToJoin() (taken bool, last error) {
	for _, address := range n.options.Peers {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		last = n.joinAt(ctx, address)
		cancel()
		if last == nil {
			return true, nil
		}
	}
	return false, last
}

// joinAt asks the node at an address to be taken into its cluster.
func (n *Node) joinAt(ctx context.Context, address string) error {
	var j joined
	if err := n.call(ctx, address, "join", n.options.about(n.id), &j); err != nil {
		return err
	}
	if j.Number == 0 {
		return fmt.Errorf("%s gave no number", address)
	}
	n.mu.Lock()
	n.cluster, n.id = j.Cluster, withNumber(n.id, j.Number)
	delete(j.Members, j.Number)
	n.others = j.Members
	n.mu.Unlock()
	n.connect()
	n.options.logger().Info().Str("cluster", j.Cluster.String()).Uint64("number", j.Number).Msg("taken into a cluster")
	return nil
}

// Join has a node that has no data, and still looks for a cluster, join that of the node at an
// address, which need not be one of its Peers. A node that has a cluster refuses.
func (n *Node) Join(ctx context.Context, address string) error {
	select {
	case n.seeking <- struct{}{}:
		defer func() { <-n.seeking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if n.hasCluster() {
		return n.joinsNoOther(address)
	}
	if err := n.joinAt(ctx, address); err != nil {
		return &peer.Error{Code: peer.CodeRefused, Text: fmt.Sprintf("the node at %s doesn't take this one in: %v", address, err)}
	}
	n.again()
	return nil
}

// joinsNoOther is what a node answers that has a cluster and is told to join one.
func (n *Node) joinsNoOther(address string) error {
	own := n.clusterID()
	if w, err := n.askWhoWaits(address); err == nil && w.Cluster == own {
		return &peer.Error{Code: peer.CodeRefused, Text: fmt.Sprintf("this node and the one at %s are in the same cluster already, %s: nothing is to be done", address, own)}
	}
	return &peer.Error{Code: peer.CodeRefused, Text: fmt.Sprintf("this node belongs to cluster %s already. To have it join another: if that one has other members, "+
		"`ringlog cluster leave`; stop it; move its BLOBS and DB away (what only it has is not in the other cluster; `ringlog export` prints it); start it with PEERS=%s", own, address)}
}
