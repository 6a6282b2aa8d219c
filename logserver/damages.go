package logserver

import (
	"errors"
	"io"
	"sync"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// damages is what content it is that is damaged on this node: by position, the digest that
// was decided, and where in the logs it begins.
type damages struct {
	scanning sync.Mutex // held by who reads records to find out

	mu    sync.Mutex // guards the following
	named map[segment.Position]damagedContent
}

// damagedContent is content that other nodes are asked for.
type damagedContent struct {
	place blobstore.Place
	row   index.Row
	away  blobstore.Away
}

// identifyWithin is how many bytes of the stream are read to find the record of damaged
// content, from the beginning of its segment on.
const identifyWithin = 1 << 30

func (d *damages) find(p blobstore.Place) (c damagedContent, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok = d.named[positionOf(p)]
	return c, ok
}

func (d *damages) note(c damagedContent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.named == nil {
		d.named = make(map[segment.Position]damagedContent)
	}
	d.named[positionOf(c.place)] = c
}

// forget forgets content that is as it was.
func (d *damages) forget(p blobstore.Place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.named, positionOf(p))
}

func positionOf(p blobstore.Place) segment.Position {
	return segment.Position{Segment: p.Segment, Offset: p.Offset}
}

// identify finds out which content it is that is damaged at a place. What is decided about it is
// recorded behind it; of other damaged content that is met on the way the same is found out.
func (l *Log) identify(p blobstore.Place) (damagedContent, bool) {
	d := &l.damages
	if c, ok := d.find(p); ok {
		return c, true
	}
	d.scanning.Lock()
	defer d.scanning.Unlock()
	if c, ok := d.find(p); ok {
		return c, true
	}
	search := identification{log: l, wanted: map[segment.Position]blobstore.Place{positionOf(p): p}}
	scrub := l.store.ScrubFrom(p.Segment)
	for read := int64(0); read < identifyWithin && len(search.wanted) > 0; {
		n, err := scrub.Next(search.frame, search.lost)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damagedContent{}, false
		}
		if _, ok := d.find(p); ok && scrub.At().Segment > p.Segment {
			break
		}
		read += n
	}
	return d.find(p)
}

// identification is one search.
type identification struct {
	log    *Log
	wanted map[segment.Position]blobstore.Place
}

func (s *identification) lost(lost segment.Lost) error {
	if lost.Kind == segment.KindContent || lost.Kind == segment.KindGap {
		s.wanted[positionOf(lost.Place)] = lost.Place
	}
	return nil
}

func (s *identification) frame(_ segment.Position, kind segment.Kind, payload []byte) error {
	return decidedIn(kind, payload, func(decided []byte) error {
		return order.Runs(decided, s.record)
	})
}

// record looks whether a record is about something that is wanted.
func (s *identification) record(d blobstore.Digest, runs []order.Run) {
	if len(runs) == 0 || len(s.wanted) == 0 {
		return
	}
	rows, err := s.log.index.Range(runs[0].Log, runs[0].First, nil, 1)
	if err != nil || len(rows) == 0 || rows[0].First != runs[0].First {
		return
	}
	at := positionOf(rows[0].Place)
	if _, ok := s.wanted[at]; ok {
		delete(s.wanted, at)
		s.log.damages.note(damagedContent{place: rows[0].Place, row: rows[0], away: blobstore.Away{Digest: d}})
	}
}

// loadDamaged has the content of a row given by another node, as it is damaged here; cause says
// how. It is also put right here.
func (c *cursor) loadDamaged(row *index.Row, cause error) error {
	l := c.log
	if !l.member.hasOthers() {
		return cause
	}
	d, ok := l.identify(row.Place)
	if !ok {
		return cause
	}
	payload, err := l.member.fetcher.get(row, &d.away)
	if err != nil {
		return errors.Join(cause, err)
	}
	l.metrics.trouble(troubleDamage)
	l.refusals.Error(l.options.Logger, cause, "content is damaged on this node; it was read from another one, and is put right here")
	l.member.mover.repair(d.place)
	return c.room.take(row, payload)
}
