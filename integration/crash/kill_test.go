package crash

import (
	"testing"
	"time"
)

// TestKill: nothing acknowledged is lost, doubled, reordered or altered, and nothing refused is there,
// however often the server is killed, also while it starts.
func TestKill(t *testing.T) {
	// Small segments: every few kills fall into the making of a file.
	r := newRun(t, seed(t), map[string]string{"SEGMENT": "16MiB"})
	r.must(r.server.TryStart())
	r.begin(writers, tails)
	tried := 0
	for range kills.tries(t) {
		r.pause(50*time.Millisecond, 800*time.Millisecond)
		r.must(r.kill())
		tried++
		if r.random.IntN(4) == 0 {
			r.server.Launch()
			r.pause(0, 60*time.Millisecond)
			r.server.Kill()
			tried++
		}
		r.must(r.restart())
	}
	r.must(r.finish())
	r.reportLoad(kills, tried)
}

// reportLoad notes a part that ran under load, after its end, and that the load did what it should.
func (r *run) reportLoad(p part, tried int) {
	sent, confirmed, refused := r.ledger.Counts()
	all, resumed := r.load.tally(), 0
	for _, tail := range r.load.tails {
		resumed += tail.resumed
	}
	if all.resent == 0 || resumed == 0 || refused == 0 || sent > confirmed+refused+all.abandoned {
		r.t.Errorf("the load did not do what it should: %d sent, %d confirmed, %d refused, %+v, tails resumed %d times",
			sent, confirmed, refused, all, resumed)
	}
	report(r.t, p, tried, "%d entries acknowledged, %d sent again, %d refused, tails resumed %d times",
		confirmed, all.resent, refused, resumed)
}
