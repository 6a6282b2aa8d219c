package check

import (
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// elsewhere is what has been met of content that is on other nodes only, or came late.
type elsewhere struct {
	runs   map[uint32][]awayRun                   // by log, ascending: entries whose content has not been met
	first  error                                  // what is wrong with the first of them on a node that is alone
	late   *order.Late                            // of the late frame just met: the next frame is its content
	met    map[segment.Position]blobstore.Digest  // content that came late
	claims map[blobstore.Place][]blobstore.Digest // where the index says that content is that has not been met
}

// awayRun is a run of entries; of none, when their content was met after all.
type awayRun struct {
	first uint64
	count uint32
}

func newElsewhere() elsewhere {
	return elsewhere{
		runs: make(map[uint32][]awayRun), met: make(map[segment.Position]blobstore.Digest),
		claims: make(map[blobstore.Place][]blobstore.Digest),
	}
}

// awayBatch notes the entries of a batch whose content no frame before it holds.
func (c *checker) awayBatch(d *order.Decision) error {
	if c.away.first == nil {
		c.away.first = c.fail("raft index %d orders %s, which no frame before it holds", d.Index, d.Digest)
	}
	left := d.Entries
	for i := range d.Runs {
		r := &d.Runs[i]
		c.away.runs[r.Log] = append(c.away.runs[r.Log], awayRun{r.First, r.Count})
		c.report.Away += uint64(r.Count)
		if err := c.run(d, r, blobstore.Place{}); err != nil {
			return err
		}
		left -= r.Count
	}
	c.report.Refused += uint64(left)
	return nil
}

// lateFrame notes whose content comes next.
func (c *checker) lateFrame(payload []byte) error {
	late, err := order.ReadLate(payload)
	if err != nil {
		return err
	}
	c.away.late = &late
	return nil
}

// lateContent notes content that came late; not late: it is another's.
func (c *checker) lateContent(d blobstore.Digest, at blobstore.Place) (late bool, err error) {
	e := &c.away
	c.meet(d, at)
	if e.late == nil {
		return false, nil
	}
	was := *e.late
	e.late = nil
	if was.Digest != d {
		return false, c.fail("the content is %s, where the frame before says %s", d, was.Digest)
	}
	known := false
	for _, r := range was.Runs {
		known = c.arrived(r) || known
	}
	if known {
		e.met[segment.Position{Segment: at.Segment, Offset: at.Offset}] = d
	}
	return known, nil // or else what it was decided to be comes behind it
}

// meet settles what the index says to be at a place. That it is not is found in the end.
func (c *checker) meet(d blobstore.Digest, at blobstore.Place) {
	for _, claimed := range []blobstore.Place{at, {Segment: at.Segment, Offset: at.Offset, Length: at.Length}} {
		left := slices.DeleteFunc(c.away.claims[claimed], func(claim blobstore.Digest) bool { return claim == d })
		if len(left) == 0 {
			delete(c.away.claims, claimed)
		}
	}
}

// arrived notes that the content of a run was met. It tells whether there is such a run.
func (c *checker) arrived(r order.LateRun) bool {
	p := c.logs[r.Log]
	if p == nil || r.First > p.head {
		return false
	}
	runs := c.away.runs[r.Log]
	i, ok := slices.BinarySearchFunc(runs, r.First, func(a awayRun, first uint64) int {
		if a.first < first {
			return -1
		}
		return int(min(a.first-first, 1))
	})
	if ok {
		c.report.Away -= uint64(runs[i].count)
		runs[i].count = 0
	}
	return true
}

// isElsewhere tells whether what the index says of a run differs only in where its content is, and that may be:
// the content is away for the index, came late, to another place, or was stored twice.
func (c *checker) isElsewhere(d *order.Decision, row, want index.Row) bool {
	place := row.Place
	row.Place = want.Place
	switch {
	case row != want:
		return false
	case place.IsAway(), c.away.met[segment.Position{Segment: place.Segment, Offset: place.Offset}] == d.Digest:
		return true
	}
	if !c.behind(place) {
		return c.holds(place, d.Digest)
	}
	c.away.claims[place] = append(c.away.claims[place], d.Digest)
	return true
}

// holds tells whether a batch lies at a place: one that was stored twice may be read from either.
func (c *checker) holds(p blobstore.Place, d blobstore.Digest) bool {
	payload, err := c.store.Read(p, nil)
	var m blobstore.Manifest
	return err == nil && m.Parse(payload) == nil && m.BatchDigest() == d && int(p.Content) == m.ContentAt()
}

// behind tells whether a place lies behind what has been checked.
func (c *checker) behind(p blobstore.Place) bool {
	return p.Segment > c.at.Segment || p.Segment == c.at.Segment && p.Offset > c.at.Offset
}

// endAway says what is wrong with content that has not been met.
func (c *checker) endAway() error {
	if c.away.first != nil && c.report.Away > 0 && len(c.core.Members().All()) < 2 {
		return c.away.first // nobody else has it
	}
	for place, digests := range c.away.claims {
		return c.fail("%w says that %s is in segment %d at offset %d, where it isn't", ErrIndex, digests[0], place.Segment, place.Offset)
	}
	return nil
}
