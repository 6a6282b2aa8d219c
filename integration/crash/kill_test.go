package crash

import (
	"testing"
	"time"
)

// round is how many faults one log lives through; then all of it is checked, and another one begun.
const round = 50

// TestKill: nothing acknowledged is lost, doubled, reordered or altered, and nothing refused is there,
// however often the server is killed, also while it starts.
func TestKill(t *testing.T) {
	s := newSeries(t, kills)
	var r *run
	for i := range kills.Tries(t) {
		if r == nil {
			// Small segments: every few kills fall into the making of a file.
			r = newRun(t, s.seed(), map[string]string{"SEGMENT": "16MiB"})
			r.must(r.server.TryStart())
			r.begin(writers, tails)
		}
		r.pause(50*time.Millisecond, 800*time.Millisecond)
		r.must(r.kill())
		s.tried++
		if r.random.IntN(4) == 0 {
			r.server.Launch()
			r.pause(0, 60*time.Millisecond)
			r.server.Kill()
			s.tried++
		}
		r.must(r.restart())
		if i%round == 0 {
			r.must(r.finish())
			s.add(r)
			r = nil
		}
	}
	if r != nil {
		r.must(r.finish())
		s.add(r)
	}
	s.report()
}
