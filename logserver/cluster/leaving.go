package cluster

import (
	"fmt"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
)

// codeUnsettled: it can be done when content has come to where it belongs.
const codeUnsettled = "unsettled"

// mayGo returns why a member can't be removed now: what it holds might be on no other node. Of one
// that is down nothing more is lost.
func (n *Node) mayGo(s *logserver.Standing, id uint64) error {
	st := n.Status()
	if m := memberOf(&st, id); m == nil || !m.Connected || len(st.Members) < 2 {
		return nil
	}
	if s.Settings.Replicas == 1 {
		return &peer.Error{Code: peer.CodeRefused, Text: "with replicas 1 this node's content is nowhere else: `ringlog cluster set replicas 2` first; when nothing is to come any more (REPAIR in `ringlog cluster status`), remove it, and set replicas 1 again"}
	}
	placed := n.log.Load().Pulse().Placed
	for i := range st.Members {
		m := &st.Members[i]
		if m.Number == id || !m.Connected || m.Pulse != nil && m.Pulse.Placed == placed && m.Pulse.Settled == placed {
			continue
		}
		return &peer.Error{Code: codeUnsettled, Text: fmt.Sprintf("content is still to come to node %d (%s) since members or settings changed, and might be nowhere else: try again when REPAIR in `ringlog cluster status` is 0; a node that is gone for good can be removed when it is stopped", m.Number, m.Name)}
	}
	return nil
}

func memberOf(st *Status, id uint64) *Member {
	for i := range st.Members {
		if st.Members[i].Number == id {
			return &st.Members[i]
		}
	}
	return nil
}
