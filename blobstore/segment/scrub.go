package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/ringlog/ringlog/blobstore"
)

// A Scrub reads all that is durable from the beginning, batch by batch, past whatever is
// damaged. One goroutine at a time; the store may be appended to meanwhile.
type Scrub struct {
	store   *Store
	w       *walker // nil: between two files
	next    uint64  // number of the file to read next
	file    segment // that w reads
	givenUp uint64
}

// NewScrub returns a Scrub at the beginning of the stream.
func (s *Store) NewScrub() *Scrub { return s.ScrubFrom(1) }

// ScrubFrom returns a Scrub at the beginning of a file.
func (s *Store) ScrubFrom(number uint64) *Scrub { return &Scrub{store: s, next: number} }

// At returns how far the Scrub has come.
func (c *Scrub) At() Position {
	if c.w == nil {
		return Position{c.next, fileHeader}
	}
	return c.w.Position
}

// GivenUp returns how many pieces were met that a repair has marked as lost.
func (c *Scrub) GivenUp() uint64 { return c.givenUp }

// Next reads the next batch and returns how many bytes it has read. fn is called with the
// frames that are as they were written, lost with all else that is not marked as lost. At
// the durable end it returns io.EOF; any other error ends the Scrub.
func (c *Scrub) Next(fn func(at Position, kind Kind, payload []byte) error, lost func(Lost) error) (n int64, err error) {
	if c.w == nil {
		var ok bool
		if c.file, ok = c.store.find(c.next); !ok {
			return 0, io.EOF
		}
		c.w = newWalker(nil, c.file.salt, c.file.head.start(), c.file.end.Offset)
		c.w.tolerant = true
		c.next++
	}
	h, err := c.store.handles.acquire(c.file.head.number)
	if err != nil {
		return 0, err
	}
	defer c.store.handles.release(h)
	c.w.window.file = h
	from := c.w.Offset
	err = c.w.next()
	bad := (*flaw)(nil)
	switch {
	case err == nil:
		err = c.show(fn, lost)
	case errors.Is(err, io.EOF):
		err = c.end(lost)
	case errors.As(err, &bad):
		err = c.skip(bad, lost)
	default:
		err = fmt.Errorf("read %s: %w", fileName(c.file.head.number), err)
	}
	if c.w == nil {
		return 0, err
	}
	return c.w.Offset - from, err
}

func (c *Scrub) show(fn func(Position, Kind, []byte) error, lost func(Lost) error) error {
	for i := range c.w.frames {
		f := &c.w.frames[i]
		var err error
		switch {
		case f.lost():
			c.givenUp++
		case f.flaw != nil:
			p := blobstore.Place{Segment: c.w.Segment, Offset: f.at, Length: uint32(f.length)}
			err = lost(Lost{f.kind, p, false, &DamageError{fileName(c.w.Segment), f.at, f.flaw.detail}})
		case f.understood():
			err = fn(Position{c.w.Segment, f.at}, f.kind, f.payload)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end leaves a file that was read to its end. What was durable when its reading began is
// all that is read of the last one.
func (c *Scrub) end(lost func(Lost) error) error {
	err := checkEnd(c.w, &c.file, c.w.loose)
	at := c.w.Position
	c.w = nil
	if bad := (*DamageError)(nil); errors.As(err, &bad) {
		return lost(Lost{Kind: KindGap, Place: blobstore.Place{Segment: at.Segment, Offset: at.Offset}, Damage: bad})
	}
	return err
}

// skip goes on at the next frame behind a flaw.
func (c *Scrub) skip(bad *flaw, lost func(Lost) error) error {
	w, end := c.w, c.w.window.end
	at, _, err := search(w.window.file, w.salt, max(w.batch, 1)-1, bad.offset+frameAlign, end)
	if err != nil {
		return fmt.Errorf("read %s: %w", fileName(w.Segment), err)
	}
	to := end
	if at > 0 {
		to = at
	}
	p := blobstore.Place{Segment: w.Segment, Offset: bad.offset, Length: uint32(max(0, to-bad.offset-frameHeader))}
	w.Offset, w.adrift, w.ragged, w.loose = to, true, true, true
	return lost(Lost{KindGap, p, false, &DamageError{fileName(w.Segment), bad.offset, bad.detail}})
}
