package logserver

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// replay reads the frames from a position on into core and index. Content that is
// damaged is entered like any other: its entries answer "entry unavailable", and the
// rest goes on; so does what a repair has marked as lost. Damage to anything else ends
// the replay.
func (l *Log) replay(from segment.Position) error {
	now := time.Now()
	r := replay{log: l, placed: make(map[blobstore.Place]blobstore.Digest), size: l.store.Size(from), began: now, told: now}
	err := l.store.Salvage(from, r.frame, r.damaged)
	l.writing.Wait()
	if err != nil {
		return err
	}
	if r.damages > 0 {
		l.options.Logger.Error().Int("batches", r.damages).
			Msg("content is damaged: its entries are unavailable; `ringlog verify` tells which")
	}
	return nil
}

// replay is one run through the frames.
type replay struct {
	log      *Log
	manifest blobstore.Manifest
	damages  int             // batches whose content is damaged, and not marked as lost
	nameless blobstore.Place // of damaged content whose digest is not known yet
	late     lateness
	marked   bool                                 // there were frames that a repair has marked as lost
	placed   map[blobstore.Place]blobstore.Digest // behind those: content of the file that is being read

	size        int64 // bytes to read
	began, told time.Time
	shown       time.Time // to options.Progress
}

// showEvery is how often that is looked at.
const showEvery = 20 * time.Millisecond

// ErrInterrupted says that Open was interrupted. What it had done of the index by then is
// kept, for the most part.
var ErrInterrupted = errors.New("interrupted while the segments were read")

// goOn tells from time to time how far the replay has come, and ends it when it is
// interrupted.
func (r *replay) goOn(at segment.Position) error {
	select {
	case <-r.log.options.Interrupt:
		return ErrInterrupted
	default:
	}
	now := time.Now()
	if r.size == 0 || now.Sub(r.shown) < min(showEvery, r.log.options.TellEvery) {
		return nil
	}
	r.shown = now
	done := r.size - r.log.store.Size(at)
	r.log.options.Progress(done, r.size)
	if now.Sub(r.told) < r.log.options.TellEvery {
		return nil
	}
	r.told = now
	r.log.options.Logger.Info().Int64("percent", 100*done/r.size).
		Float64("mb_per_second", math.Round(float64(done)/1e6/now.Sub(r.began).Seconds())).
		Msg("reading the segments into the index; connections wait until it is done")
	return nil
}

// save writes the index behind, so that rows don't pile up in memory, and so that what is
// interrupted is not done again. It is for when a decided frame was replayed, which the
// next start then begins with.
func (r *replay) save() error {
	l := r.log
	if l.index.Pending() <= l.options.MaxUnwritten/4 {
		return nil
	}
	if l.index.Pending() > l.options.MaxUnwritten && !l.indexFull.Load() {
		l.writing.Wait()
	}
	if err := cmp.Or(l.Err(), l.index.Err()); err != nil {
		return err
	}
	if !l.writingBehind.CompareAndSwap(false, true) {
		return nil
	}
	if cp := l.saved.Swap(nil); cp != nil {
		l.core.Saved(cp)
	}
	cp, ok := l.core.Replayed()
	if !ok || len(cp.Ordered) > 0 { // nobody keeps that yet
		l.writingBehind.Store(false)
		return nil
	}
	l.flushIndex(cp)
	return nil
}

func (r *replay) frame(at segment.Position, kind segment.Kind, payload []byte) error {
	l, place := r.log, blobstore.Place{Segment: at.Segment, Offset: at.Offset, Length: uint32(len(payload))}
	if err := r.goOn(at); err != nil {
		return err
	}
	if kind == segment.KindContent || kind == segment.KindDecided {
		r.nameless = blobstore.Place{} // another batch: what ordered it is lost, too
	}
	switch kind {
	case segment.KindContent:
		if err := r.manifest.Parse(payload); err != nil {
			return fmt.Errorf("content at %v: %w", at, err)
		}
		place.Content = uint32(r.manifest.ContentAt())
		digest := r.manifest.BatchDigest()
		if late, err := r.replayed(digest, place); late || err != nil {
			return err
		}
		l.contents.Store(digest, place, l.core.Applied())
		if r.marked {
			r.placed[place] = digest
		}
	case segment.KindLate:
		return r.replayLate(payload)
	case segment.KindOrder:
		if r.nameless != (blobstore.Place{}) {
			r.name(payload)
		}
		l.contents.Order(payload)
		return l.core.ReplayOrder(payload)
	case segment.KindState:
		return l.core.ReplayState(payload)
	case segment.KindDecided:
		l.witness.saw(place, payload)
		if err := l.core.ReplayDecided(payload, l.enterFrom(at.Segment)); err != nil {
			return err
		}
		return r.save()
	case segment.KindSeal:
		return r.seal(place, payload)
	case segment.KindCheckpoint:
		if r.marked {
			return l.core.ReplayOpening(payload, l.enterFrom(at.Segment), l.enterLost)
		}
		return l.core.ReplayCheckpoint(payload)
	}
	return nil
}

func (r *replay) seal(place blobstore.Place, payload []byte) error {
	l := r.log
	l.witness.sealed(place, payload)
	if !r.marked {
		return l.core.ReplaySeal(payload, l.enterFrom(place.Segment))
	}
	for d, p := range l.contents.All() {
		r.placed[p] = d
	}
	at := make(map[int64]blobstore.Place)
	for p := range r.placed {
		if p.Segment == place.Segment {
			at[p.Offset] = p
		}
	}
	defer clear(r.placed)
	return l.core.ReplaySealed(payload, func(offset int64) (blobstore.Digest, bool) {
		p, ok := at[offset]
		if ok { // though an equal one may have been decided since
			l.contents.Store(r.placed[p], p, l.core.Applied())
		}
		return r.placed[p], ok
	}, l.enterFrom(place.Segment))
}

// damaged notes what is lost. Of content, what orders it, in the same batch of frames,
// will tell the digest.
func (r *replay) damaged(lost segment.Lost) error {
	r.nameless, r.late = blobstore.Place{}, lateness{}
	if lost.Kind == segment.KindContent {
		r.nameless = lost.Place
		if m := r.log.member; m != nil {
			m.mover.repair(lost.Place)
		}
	}
	if !lost.Marked {
		r.log.refusals.Error(r.log.options.Logger, lost.Damage, "content is damaged")
		r.damages++
		return nil
	}
	r.marked = true
	if lost.Kind == segment.KindContent || lost.Kind == segment.KindGap || r.log.lostAt.IsAway() {
		r.log.lostAt = lost.Place
	}
	return r.log.core.ReplayLost(lost.Kind == segment.KindOrder || lost.Kind == segment.KindGap, lost.Kind == segment.KindState || lost.Kind == segment.KindGap)
}

// name gives damaged content its digest, from what orders it.
func (r *replay) name(payload []byte) {
	if d, ok := order.Digest(payload); ok {
		r.log.contents.Store(d, r.nameless, r.log.core.Applied())
	}
	r.nameless = blobstore.Place{}
}

// enterLost enters into the index entries of which nothing is known but that there were
// some. They have the time of what came behind them, so that who asks from a time on is
// told of them.
func (l *Log) enterLost(r order.Range) error {
	l.contents.Clear()
	for first := r.First; first <= r.Last; {
		row := index.Row{Log: r.Log, First: first, Count: uint32(min(r.Last-first+1, math.MaxInt32)), Time: l.core.Time(), Place: l.lostAt}
		l.index.Add(l.core.Applied(), []index.Row{row})
		first = row.Last() + 1
	}
	return nil
}
