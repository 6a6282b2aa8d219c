package logserver

import (
	"errors"

	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/protocol"
)

// fetchedRow names the row whose content a room has from another node.
type fetchedRow struct {
	log   uint32
	first uint64
}

// loadAway has the content of a row given by another node, and what follows it fetched ahead,
// up to the entry to.
func (c *cursor) loadAway(row *index.Row, to uint64) error {
	l := c.log
	away, ok, err := l.index.Away(row.Log, row.First)
	if err != nil {
		return err
	}
	if !ok { // it has come meanwhile
		rows, err := l.index.Range(row.Log, row.First, nil, 1)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Place.IsAway() {
			return errNoRow
		}
		row.Place = rows[0].Place
		return c.loadHere(row, true)
	}
	if l.member == nil {
		return errElsewhere
	}
	c.fetchAhead(to)
	payload, err := l.member.fetcher.get(row, &away)
	if err != nil {
		return err
	}
	return c.room.take(row, payload)
}

// take makes content that was fetched what is loaded.
func (r *room) take(row *index.Row, payload []byte) error {
	r.partly = false
	if err := r.manifest.Parse(payload); err != nil {
		return err
	}
	if r.manifest.Len() < int(row.Ordinal+row.Count) {
		return errNoRow
	}
	return nil
}

// fetchAhead has content fetched that will be read next, none of it beyond the entry to.
func (c *cursor) fetchAhead(to uint64) {
	r, f := c.room, c.log.member.fetcher
	ahead := f.ahead()
	for i := 1; i < len(r.left) && i <= ahead && r.left[i].First <= to; i++ {
		row := &r.left[i]
		if !row.Place.IsAway() || row.Log == r.asked.log && row.First <= r.asked.first {
			continue
		}
		away, ok, err := c.log.index.Away(row.Log, row.First)
		if err != nil {
			return // who reads it is told
		}
		if ok {
			f.begin(row, &away)
		}
		r.asked = fetchedRow{row.Log, row.First}
	}
}

// unavailable tells whoever it may concern why an entry can't be read.
func (c *cursor) unavailable(err error) {
	l := c.log
	text := "an entry is damaged; `ringlog verify` tells what else is"
	if errors.Is(err, errElsewhere) {
		l.metrics.trouble(troubleAway)
		text = "an entry can't be read: see `ringlog cluster status` for who can't be reached"
	} else {
		l.metrics.trouble(troubleDamage)
	}
	l.refusals.Error(l.options.Logger, err, text)
	l.metrics.refuse(protocol.ErrorEntryUnavailable, 1)
	c.lost++
}
