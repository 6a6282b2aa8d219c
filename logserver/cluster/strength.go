package cluster

import "github.com/ringlog/ringlog/logserver/order"

// Strength is what a cluster can bear.
type Strength struct {
	Voters int `json:"voters"`
	// Tolerates is how many more nodes may fail, of those that are up as far as is seen from the node
	// that tells it, before appends aren't taken any more; less than 0: they aren't already.
	Tolerates int `json:"tolerates"`
}

// strengthOf counts: of those who vote more than half must be up, of all so many that content
// has as many holders as it needs.
func strengthOf(members []Member, p *order.Placement) (s Strength) {
	voting, up := 0, 0
	for i := range members {
		m := &members[i]
		if m.Connected {
			up++
		}
		if m.Role == roleVoter {
			s.Voters++
			if m.Connected {
				voting++
			}
		}
	}
	s.Tolerates = voting - s.Voters/2 - 1
	if len(members) > p.Replicas || p.Commit == order.CommitAll { // else most of the voters are enough
		s.Tolerates = min(s.Tolerates, up-p.Commit.Needs(min(p.Replicas, len(members))))
	}
	return s
}
