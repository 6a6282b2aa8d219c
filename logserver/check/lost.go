package check

import (
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// Lost is entries of a log whose bytes can't be had any more.
type Lost struct {
	Log         string
	First, Last uint64
	Place       blobstore.Place // of what is lost
}

func (l Lost) String() string {
	if l.First == l.Last {
		return fmt.Sprintf("log %q, entry %d", l.Log, l.First)
	}
	return fmt.Sprintf("log %q, entries %d to %d", l.Log, l.First, l.Last)
}

// maxLost bounds how many ranges a report has.
const maxLost = 10_000

// losses is what has been met of frames that are marked as lost.
type losses struct {
	any      bool
	jumped   bool            // decisions are lost, and a checkpoint told what they came to
	last     blobstore.Place // the last one that may have held content
	nameless blobstore.Place // content whose digest is not known yet; what orders it tells it
	named    map[blobstore.Digest]blobstore.Place
}

// name gives lost content its digest, from what orders it.
func (s *losses) name(ordered []byte) {
	if s.nameless == (blobstore.Place{}) {
		return
	}
	if d, ok := order.Digest(ordered); ok {
		s.named[d] = s.nameless
	}
	s.nameless = blobstore.Place{}
}

// find returns where content was that is lost.
func (s *losses) find(d blobstore.Digest) (blobstore.Place, bool) {
	if p, ok := s.named[d]; ok {
		delete(s.named, d)
		return p, true
	}
	return s.last, s.last != (blobstore.Place{})
}

// lost takes note of a frame that can't be read. Unless a repair has marked it, that ends
// the check.
func (c *checker) lost(l segment.Lost) error {
	if !l.Marked {
		return l.Damage
	}
	c.comeTo(segment.Position{Segment: l.Place.Segment, Offset: l.Place.Offset})
	c.report.Marks++
	c.losses.any = true
	if l.Kind == segment.KindContent || l.Kind == segment.KindGap {
		c.losses.last = l.Place
	}
	c.losses.nameless = blobstore.Place{}
	if l.Kind == segment.KindContent {
		c.losses.nameless = l.Place
	}
	return c.core.ReplayLost(l.Kind == segment.KindOrder || l.Kind == segment.KindGap, l.Kind == segment.KindState || l.Kind == segment.KindGap)
}

// lostBatch notes the entries of a batch whose content is lost.
func (c *checker) lostBatch(d *order.Decision, place blobstore.Place) error {
	left := d.Entries
	for i := range d.Runs {
		r := &d.Runs[i]
		c.gone(Lost{r.Name, r.First, r.First + uint64(r.Count) - 1, place})
		if err := c.run(d, r, anywhere); err != nil {
			return err
		}
		left -= r.Count
	}
	c.report.Refused += uint64(left)
	return nil
}

// lostRange notes entries of which nothing is known but that there were some.
func (c *checker) lostRange(r order.Range) error {
	p, ok := c.logs[r.Log]
	if !ok {
		p = new(progress)
		c.logs[r.Log] = p
	}
	if r.First != p.head+1 {
		return c.fail("log %q goes on at %d behind %d", r.Name, r.First, p.head)
	}
	p.head, p.time = r.Last, c.core.Time()
	c.losses.jumped = true
	c.report.Entries += r.Last - r.First + 1
	c.gone(Lost{r.Name, r.First, r.Last, c.losses.last})
	if c.index != nil {
		c.index.heads[r.Log] = r.Last
	}
	return nil
}

func (c *checker) gone(l Lost) {
	c.report.Gone += l.Last - l.First + 1
	for i := len(c.report.Lost) - 1; i >= max(0, len(c.report.Lost)-16); i-- {
		if was := &c.report.Lost[i]; was.Log == l.Log && was.Last+1 == l.First && was.Place == l.Place {
			was.Last = l.Last
			return
		}
	}
	if len(c.report.Lost) < maxLost {
		c.report.Lost = append(c.report.Lost, l)
	}
}
