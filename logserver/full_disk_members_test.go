package logserver

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/protocol"
)

// A leader whose disk is full refuses appends and is silent; the others go on, and it catches up
// when there is space.
func TestFullDiskOfTheLeader(t *testing.T) {
	_, logs := three(t)
	s, _ := logs[1].Standing()
	full := logs[s.Leader]
	other := logs[s.Leader%3+1]
	disk := full.files.(*fs.Mem)
	disk.SetSpace(disk.Used())
	r := rand.New(rand.NewPCG(3, 3))
	atFull := newLedger()
	for !slices.Contains(atFull.reasons(), protocol.ErrorDiskFull) {
		atFull.append(full, r, 0)
		until(t, "an answer", atFull.answered)
	}
	atOther := newLedger()
	atOther.life = 1
	until(t, "another node to lead", func() bool { s, _ := other.Standing(); return s.Serving && s.Leader != full.member.options.Number })
	for range 20 {
		atOther.append(other, r, 1)
	}
	until(t, "answers", atOther.answered)
	if reasons := atOther.reasons(); len(reasons) > 0 {
		t.Errorf("the others refused %v", reasons)
	}
	disk.SetSpace(0)
	for _, l := range logs {
		until(t, "everybody to be up to date", func() bool { return l.Newest(context.Background()) == nil })
		mustHold(t, l, atFull.snapshot())
		mustHold(t, l, atOther.snapshot())
	}
	closeAll(t, logs)
}
