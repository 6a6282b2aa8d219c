package web

import (
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// Members are told beside each other: how far each is behind, and its share of what is stored.
func TestMembersAreCompared(t *testing.T) {
	members := []logserver.MemberStatus{
		{Number: 1, Pulse: &logserver.Pulse{Applied: 100, Stored: 300}},
		{Number: 2, Pulse: &logserver.Pulse{Applied: 90, Stored: 100, Full: true, Repair: 7}},
		{Number: 3},
	}
	said := make([]member, 3)
	compare(said, members)
	if *said[0].Lag != 0 || *said[0].Balance != 1.5 || said[0].State != "" {
		t.Errorf("the first: %+v", said[0])
	}
	if *said[1].Lag != 10 || *said[1].Balance != 0.5 || *said[1].Repair != 7 || said[1].State != "disk full" {
		t.Errorf("the second: %+v", said[1])
	}
	if said[2].Lag != nil || said[2].Balance != nil || said[2].State != "silent" {
		t.Errorf("the third: %+v", said[2])
	}
}
