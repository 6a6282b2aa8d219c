package crash

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/proof"
	"github.com/ringlog/ringlog/integration/server"
)

// diskSize is that of a disk for power cuts: sparse, and more than a round writes.
const diskSize = 8 << 30

// journals are the ways to mount a disk whose power is cut: what reaches it by itself, and when.
var journals = []string{
	"commit=5,data=ordered", "commit=1,data=ordered", "commit=1000,data=ordered",
	"commit=1,data=writeback", "commit=5,data=writeback", "commit=1000,data=writeback",
}

// cutsADisk is how many power cuts one disk lives through.
const cutsADisk = 5

// TestPowerCut: nothing acknowledged is lost, doubled, reordered or altered when the power is cut.
func TestPowerCut(t *testing.T) {
	if err := canMount(); err != nil {
		proof.Unproven(t, cuts, err.Error())
	}
	s := newSeries(t, cuts)
	var r *run
	var d *disk
	finish := func() {
		r.must(r.finish())
		r.must(d.unmount())
		s.add(r)
		r = nil
	}
	for i := range cuts.Tries(t) {
		if r == nil {
			options := journals[int(s.runs)%len(journals)]
			r, d = onDisk(t, s.seed(), diskSize, options, map[string]string{"SEGMENT": "16MiB"})
			r.must(r.server.TryStart())
			r.begin(writers, tails)
		}
		r.pause(50*time.Millisecond, 800*time.Millisecond)
		if err := r.powerCut(d); err != nil {
			t.Fatalf("SEED=%d, %s: %v", r.ledger.Seed, d.options, err)
		}
		s.tried++
		if i%cutsADisk == 0 {
			finish()
		}
	}
	if r != nil {
		finish()
	}
	s.report()
}

// powerCut cuts the power and checks what the server has after it came back.
func (r *run) powerCut(d *disk) error {
	r.load.Power.Add(1)
	if err := d.cut(); err != nil {
		return err
	}
	// The server finds its disk gone, and may have ended by itself.
	r.server.Kill()
	r.load.Power.Add(1)
	if err := d.remount(); err != nil {
		return err
	}
	return r.restart()
}

// TestPowerCutFindsALyingBuild sees the power cut fail.
func TestPowerCutFindsALyingBuild(t *testing.T) {
	if err := canMount(); err != nil {
		proof.Unproven(t, cuts, err.Error())
	}
	r, d := onDisk(t, proof.Seed(t), diskSize, "commit=1000", map[string]string{"SEGMENT": "16MiB"})
	r.server.Bin = server.Lying(t)
	r.must(r.server.TryStart())
	r.begin(writers, tails)
	r.pause(50*time.Millisecond, 800*time.Millisecond)
	found := r.powerCut(d)
	if found == nil {
		t.Fatal("a build that flushes nothing was not caught")
	}
	if errors.Is(found, server.ErrHangs) {
		t.Fatal(found)
	}
	r.load.Cut()
	proof.Note(cuts.Promises, "1 power cut of a build without flushes", fmt.Sprintf("caught: %.60s", found), fmt.Sprint(r.ledger.Seed))
	t.Logf("caught: %v", found)
}
