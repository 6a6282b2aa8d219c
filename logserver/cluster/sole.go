package cluster

import (
	"fmt"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// codeUnsettled: it can be done when content has come to where it belongs.
const codeUnsettled = "unsettled"

// mayPart returns why a member can't be removed: nobody asks one that was removed for content, so
// what it alone holds would be lost with it. One that is down can always be removed. placed names
// who owns content now: see logserver.Pulse.
func mayPart(members []Member, id uint64, replicas int, placed string) error {
	for i := range members {
		if m := &members[i]; m.Number == id && !m.Connected {
			return nil
		}
	}
	if replicas == 1 && len(members) > 1 {
		return &peer.Error{Code: peer.CodeRefused, Text: "with 1 replica it holds what no other node has: `ringlog cluster set replicas 2`, " +
			"wait until `ringlog cluster status` shows REPAIR 0 for all, and remove it then; if its content is lost anyway, stop it first"}
	}
	for i := range members {
		m := &members[i]
		if m.Number == id || !m.Connected || m.Pulse != nil && m.Pulse.Placed == placed && m.Pulse.Settled == placed {
			continue
		}
		return &peer.Error{Code: codeUnsettled, Text: fmt.Sprintf("since members or settings changed, content is still to come to %s, maybe from the one to be removed: "+
			"wait until `ringlog cluster status` shows REPAIR 0 for all, and remove it then; if its content is lost anyway, stop it first", m.Name)}
	}
	return nil
}
