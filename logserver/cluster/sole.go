package cluster

import (
	"fmt"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/order"
)

// mayPart returns why a member can't be removed yet: nobody asks one that was removed for content, so
// what it alone holds would be lost with it. One that is down can always be removed.
func mayPart(members []Member, id uint64, p *order.Placement) error {
	for i := range members {
		if m := &members[i]; m.Number == id && !m.Connected {
			return nil
		}
	}
	if p.Replicas == 1 && len(members) > 1 {
		return &peer.Error{Code: peer.CodeRefused, Text: "with 1 replica it holds what no other node has: `ringlog cluster set replicas 2`, " +
			"wait until `ringlog cluster status` shows REPAIR 0 for all, and remove it then; if its content is lost anyway, stop it first"}
	}
	for i := range members {
		m := &members[i]
		if m.Number != id && m.Connected && m.Pulse != nil && m.Pulse.Repair > 0 {
			return &peer.Error{Code: peer.CodeRefused, Text: fmt.Sprintf("%d entries are still to come to %s, maybe from the one to be removed: "+
				"wait until `ringlog cluster status` shows REPAIR 0 for all, and remove it then; if its content is lost anyway, stop it first", m.Pulse.Repair, m.Name)}
		}
	}
	return nil
}
