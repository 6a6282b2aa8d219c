package logserver

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
)

// ScrubState tells how far the scrub has come: it reads everything, slowly, again and
// again, so that damage is found while a copy may still exist.
type ScrubState struct {
	At      segment.Position // of the reading that goes on, or of the last one
	Passes  uint64           // since the start, everything was read so often
	Ended   time.Time        // the last time; zero: not yet
	Damaged int              // batches and other pieces that are damaged

	Repaired uint64 // pieces that a repair has given up as lost, as the last whole reading met them
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
	if damage := s.damages[positionOf(p)]; damage != nil {
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
	at := positionOf(p)
	if s.damages[at] != nil {
		return false
	}
	s.damages[at] = damage
	s.state.Damaged++
	s.any.Store(true)
	return true
}

// mended notes that what was damaged is as it was again.
func (s *scrubbed) mended(p blobstore.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := positionOf(p)
	if s.damages[at] != nil {
		delete(s.damages, at)
		s.state.Damaged--
	}
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
			l.metrics.trouble(troubleScrub)
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
			l.scrubbed.end(l.options.Now(), p.scrub.GivenUp())
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

func (s *scrubbed) end(now time.Time, givenUp uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Passes++
	s.state.Ended = now
	s.state.Repaired = givenUp
}
