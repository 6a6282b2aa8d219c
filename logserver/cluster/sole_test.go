package cluster

import (
	"testing"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// A member that may hold what no other has isn't removed while it is up.
func TestAMemberThatAloneHoldsContentStays(t *testing.T) {
	behind, settled := &logserver.Pulse{Placed: "b", Settled: "a"}, &logserver.Pulse{Placed: "b", Settled: "b"}
	for _, c := range []struct {
		name       string
		up         bool
		replicas   int
		own, other *logserver.Pulse
		stays      bool
	}{
		{"one replica", true, 1, nil, nil, true},
		{"one replica, and it is down", false, 1, nil, nil, false},
		{"another hasn't got everything yet", true, 2, nil, behind, true},
		{"the same, and it is down", false, 2, nil, behind, false},
		{"it itself hasn't got everything", true, 2, behind, settled, false},
		{"another doesn't know of the last change", true, 2, settled, &logserver.Pulse{Placed: "a", Settled: "a"}, true},
	} {
		members := []Member{{Number: 1, Connected: true, Self: true, Pulse: c.other}, {Number: 2, Connected: c.up, Pulse: c.own}}
		err := mayPart(members, 2, c.replicas, "b")
		if (err != nil) != c.stays {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A voter whose learner is down takes appends, unless all are to have flushed them.
func TestStrengthOfAVoterWithoutItsLearner(t *testing.T) {
	members := []Member{{Number: 1, Role: roleVoter, Connected: true}, {Number: 2}}
	if s := strengthOf(members, &order.Placement{Replicas: 2, Commit: order.CommitQuorum}); s.Tolerates != 0 {
		t.Errorf("quorum: %+v", s)
	}
	if s := strengthOf(members, &order.Placement{Replicas: 2, Commit: order.CommitAll}); s.Tolerates >= 0 {
		t.Errorf("all: %+v", s)
	}
}
