package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
)

// series is trials one after the other, and what they came to together.
type series struct {
	t     *testing.T
	part  proof.Part
	first uint64 // seed
	runs  uint64 // begun
	tried int

	confirmed, refused, resumed int
	tally                       load.Tally
	gaps                        []time.Duration // without service
	served, windows             int             // of 100 ms
}

func newSeries(t *testing.T, p proof.Part) *series {
	return &series{t: t, part: p, first: proof.Seed(t)}
}

// trial prepares the next one.
func (s *series) trial() *trial {
	s.runs++
	return newTrial(s.t, s.first+s.runs-1)
}

// begin founds the next cluster, and puts it under load.
func (s *series) begin() *trial {
	c := s.trial()
	names := []string{"a", "b", "c", "d", "e"}[:proof.Number(s.t, "NODES", 3)]
	c.must(c.found(names...))
	c.begin()
	return c
}

// finish ends a trial; the data of one that went well is given up.
func (s *series) finish(c *trial) *trial {
	c.must(c.finish())
	s.tally.Add(c.load.Tally())
	s.resumed += c.load.Resumed()
	_, confirmed, refused := c.ledger.Counts()
	s.confirmed += confirmed
	s.refused += refused
	c.end()
	return nil
}

// report notes the part.
func (s *series) report() {
	text := ""
	if len(s.gaps) > 0 {
		slices.Sort(s.gaps)
		at := func(p float64) time.Duration {
			return s.gaps[min(len(s.gaps)-1, int(p*float64(len(s.gaps))))].Round(time.Millisecond)
		}
		text = fmt.Sprintf("; append gap, the slowest client of each: p50 %s, p99 %s, max %s", at(0.5), at(0.99), s.gaps[len(s.gaps)-1].Round(time.Millisecond))
	}
	if s.windows > 0 {
		text = fmt.Sprintf("; %d of %d windows of 100 ms served", s.served, s.windows)
	}
	proof.Report(s.t, s.part, s.tried, "%d clusters; %d entries acknowledged, %d sent again, %d refused, tails resumed %d times%s",
		s.runs, s.confirmed, s.tally.Resent, s.refused, s.resumed, text)
}
