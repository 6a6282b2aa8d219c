package crash

import (
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
	"os"
	"testing"
)

// series is runs one after the other, and what they came to together.
type series struct {
	t     testing.TB
	part  proof.Part
	first uint64 // seed
	runs  uint64 // begun
	tried int

	sent, confirmed, refused, resumed int
	tally                             load.Tally
}

func newSeries(t testing.TB, p proof.Part) *series {
	return &series{t: t, part: p, first: proof.Seed(t)}
}

// seed is that of the next run.
func (s *series) seed() uint64 {
	s.runs++
	return s.first + s.runs - 1
}

// add notes a run after its end, and gives up its data.
func (s *series) add(r *run) {
	s.addLoad(r.load)
	s.addLedger(r)
}

func (s *series) addLoad(d *load.Load) {
	s.tally.Add(d.Tally())
	s.resumed += d.Resumed()
}

func (s *series) addLedger(r *run) {
	sent, confirmed, refused := r.ledger.Counts()
	s.sent += sent
	s.confirmed += confirmed
	s.refused += refused
	os.RemoveAll(r.server.Dir)
}

// report notes the part, and holds that the load did what it should.
func (s *series) report() {
	if s.tally.Resent == 0 || s.refused == 0 || s.sent > s.confirmed+s.refused+s.tally.Abandoned {
		s.t.Errorf("the load did not do what it should: %+v", *s)
	}
	proof.Report(s.t, s.part, s.tried, "%d entries acknowledged, %d sent again, %d refused, tails resumed %d times",
		s.confirmed, s.tally.Resent, s.refused, s.resumed)
}
