package logserver

import (
	"fmt"
	"maps"
	"strings"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// pass is one reading of everything.
type pass struct {
	log      *Log
	scrub    *segment.Scrub
	manifest blobstore.Manifest
	nameless *segment.Lost                      // damaged content whose digest is not known yet
	unnamed  map[blobstore.Digest]*segment.Lost // damaged content whose indices are not known yet
}

func (p *pass) frame(at segment.Position, kind segment.Kind, payload []byte) error {
	switch kind {
	case segment.KindContent:
		p.nameless = nil
		p.content(at, payload)
	case segment.KindOrder:
		if d, ok := order.Digest(payload); ok && p.nameless != nil {
			p.unnamed[d] = p.nameless
		}
		p.nameless = nil
	case segment.KindDecided:
		if len(p.unnamed) > 0 {
			return order.Runs(payload, p.name)
		}
	}
	return nil
}

// content checks each entry by its digest.
func (p *pass) content(at segment.Position, payload []byte) {
	m := &p.manifest
	detail := ""
	if err := m.Parse(payload); err != nil {
		detail = err.Error()
	}
	for i := 0; i < m.Len() && detail == ""; i++ {
		if blobstore.Sum(m.Entry(i)) != m.Digest(i) {
			detail = fmt.Sprintf("entry %d of the batch does not hash to its digest", i)
		}
	}
	if detail != "" {
		place := blobstore.Place{Segment: at.Segment, Offset: at.Offset, Length: uint32(len(payload))}
		p.nameless = nil
		_ = p.lost(segment.Lost{Kind: segment.KindContent, Place: place, Damage: &segment.DamageError{
			File: segment.FileName(at.Segment), Offset: at.Offset, Detail: detail}})
	}
}

// lost notes what is damaged. Of content, what comes behind tells whose it is.
func (p *pass) lost(lost segment.Lost) error {
	p.nameless = nil
	if !p.log.scrubbed.found(lost.Place, lost.Damage) {
		return nil
	}
	p.log.metrics.trouble(troubleDamage)
	if m := p.log.member; m != nil && (lost.Kind == segment.KindContent || lost.Kind == segment.KindGap) {
		m.mover.repair(lost.Place)
	}
	if lost.Kind == segment.KindContent {
		p.nameless = &lost
		return nil
	}
	p.report(lost.Damage, "")
	return nil
}

// name reports damaged content whose indices have become known.
func (p *pass) name(d blobstore.Digest, runs []order.Run) {
	lost := p.unnamed[d]
	if lost == nil {
		return
	}
	delete(p.unnamed, d)
	names := make(map[uint32]string)
	for _, topic := range p.log.hub.Logs() {
		names[topic.ID()] = topic.Name()
	}
	var texts []string
	for i := range runs {
		r := &runs[i]
		texts = append(texts, entriesText(names[r.Log], r.First, uint64(r.Count)))
	}
	p.report(lost.Damage, strings.Join(texts, ", "))
}

func entriesText(log string, first, count uint64) string {
	if count == 1 {
		return fmt.Sprintf("%s %d", log, first)
	}
	return fmt.Sprintf("%s %d to %d", log, first, first+count-1)
}

// finish reports damaged content of which no record was met: it is not written yet, so
// its entries are among the last.
func (p *pass) finish() {
	for lost := range maps.Values(p.unnamed) {
		p.report(lost.Damage, p.amongLast(lost.Place))
	}
	if p.nameless != nil {
		p.report(p.nameless.Damage, p.amongLast(p.nameless.Place))
	}
}

// amongLast returns those of the last entries of all logs that lie at a place.
func (p *pass) amongLast(place blobstore.Place) string {
	const last = 4096
	var texts []string
	for _, topic := range p.log.hub.Logs() {
		from := uint64(1)
		if head := topic.Head(); head > last {
			from = head - last
		}
		rows, err := p.log.index.Range(topic.ID(), from, nil, last)
		if err != nil {
			continue // it is told by whoever needs it
		}
		for i := range rows {
			if r := &rows[i]; r.Place.Segment == place.Segment && r.Place.Offset == place.Offset {
				texts = append(texts, entriesText(topic.Name(), r.First, uint64(r.Count)))
			}
		}
	}
	return strings.Join(texts, ", ")
}

func (p *pass) report(damage *segment.DamageError, entries string) {
	l := p.log
	if leftOut, ok := l.scrubbed.reports.mayWrite(); ok {
		l.options.Logger.Error().Err(damage).Str("entries", entries).Int("left_out", leftOut).
			Msg("data is damaged: those entries are unavailable; `ringlog verify` tells what else is, `ringlog repair` what can be done")
	}
}
