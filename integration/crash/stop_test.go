package crash

import (
	"github.com/ringlog/ringlog/integration/load"
	"testing"
	"time"
)

// TestStop: an ordered stop under load exits 0, and everything that it appended was answered.
func TestStop(t *testing.T) {
	s := newSeries(t, stops)
	var r *run
	finish := func() {
		r.must(r.answered())
		s.addLedger(r)
		r = nil
	}
	for i := range stops.Tries(t) {
		if r == nil {
			r = newRun(t, s.seed(), map[string]string{"SEGMENT": "16MiB"})
		}
		r.must(r.server.TryStart())
		// Clients of their own each time: who sends again would hide what was not answered.
		r.load = load.Start(t.Context(), r.ledger, load.At(r.server.Addr), uint32(i*writers), writers, tails)
		t.Cleanup(r.load.Cut)
		r.pause(20*time.Millisecond, 300*time.Millisecond)
		r.load.LastConnections()
		r.must(r.server.TryStop())
		r.load.HungUp()
		s.tried++
		s.addLoad(r.load)
		if i%round == 0 {
			finish()
		}
	}
	if r != nil {
		finish()
	}
	s.report()
}

// answered checks the log of a server that was stopped: all of it, and that nothing in it has no answer.
func (r *run) answered() error {
	if err := r.server.TryStart(); err != nil {
		return err
	}
	if err := r.whole(); err != nil {
		return err
	}
	r.ledger.CheckAnswered()
	if err := r.verdict(); err != nil {
		return err
	}
	return r.server.TryStop()
}
