package logserver

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// ScrubState tells how far the scrub has come: it reads everything, slowly, again and
// again, so that damage is found while a copy may still exist.
type ScrubState struct {
	At      segment.Position // of the reading that goes on, or of the last one
	Passes  uint64           // since the start, everything was read so often
	Ended   time.Time        // the last time; zero: not yet
	Damaged int              // batches and other pieces that are damaged
}

// Scrubbed returns what the scrub has done since the start.
func (l *Log) Scrubbed() ScrubState {
	s := &l.scrubbed
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// scrubbed is what the scrub has found.
type scrubbed struct {
	any     atomic.Bool // there is something in damages
	reports refusals

	mu      sync.Mutex // guards the following
	state   ScrubState
	damages map[segment.Position]*segment.DamageError // by the frame's position
}

// bad returns an error for a place that was found damaged.
func (s *scrubbed) bad(p blobstore.Place) error {
	if !s.any.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if damage := s.damages[segment.Position{Segment: p.Segment, Offset: p.Offset}]; damage != nil {
		return damage
	}
	return nil
}

// found notes a damage, and reports whether it is new.
func (s *scrubbed) found(p blobstore.Place, damage *segment.DamageError) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damages == nil {
		s.damages = make(map[segment.Position]*segment.DamageError)
	}
	at := segment.Position{Segment: p.Segment, Offset: p.Offset}
	if s.damages[at] != nil {
		return false
	}
	s.damages[at] = damage
	s.state.Damaged++
	s.any.Store(true)
	return true
}

const (
	scrubStep = 100 * time.Millisecond // of reading at the full rate between two rests
	scrubBusy = 4                      // while there are appends, it rests for so many times as long
)

// scrub is the goroutine that reads everything to find damage.
func (l *Log) scrub() {
	if l.options.ScrubRate < 0 {
		return
	}
	for wait := l.options.ScrubAfter; l.rests(wait); wait = l.options.ScrubEvery {
		if err := l.scrubOnce(); err != nil && !errors.Is(err, segment.ErrClosed) {
			l.options.Logger.Error().Err(err).Msg("the data can't be read through to find damage; it is tried again later")
		}
	}
}

// rests waits, and reports whether the log goes on.
func (l *Log) rests(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.closing:
		return false
	case <-l.failed:
		return false
	case <-timer.C:
		return true
	}
}

// scrubOnce reads everything that is durable once, and checks it.
func (l *Log) scrubOnce() error {
	p := pass{log: l, scrub: l.store.NewScrub(), unnamed: make(map[blobstore.Digest]*segment.Lost)}
	rate, debt, commits := l.options.ScrubRate, int64(0), l.commits.Load()
	for {
		n, err := p.scrub.Next(p.frame, p.lost)
		l.scrubbed.come(p.scrub.At())
		if errors.Is(err, io.EOF) {
			p.finish()
			l.scrubbed.end(l.options.Now())
			return nil
		}
		if err != nil {
			return err
		}
		if debt += n; debt < max(1, int64(scrubStep.Seconds()*float64(rate))) {
			continue
		}
		rest := time.Duration(float64(debt) / float64(rate) * float64(time.Second))
		if now := l.commits.Load(); now != commits {
			rest, commits = rest*scrubBusy, now
		}
		if debt = 0; !l.rests(rest) {
			return nil
		}
	}
}

func (s *scrubbed) come(at segment.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.At = at
}

func (s *scrubbed) end(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Passes++
	s.state.Ended = now
}

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
