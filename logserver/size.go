package logserver

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
)

// sizes has what was estimated of how many bytes a log's entries have.
type sizes struct {
	estimating atomic.Bool // by one at a time: it may have to wait for the disk

	mu sync.Mutex // guards the following
	of map[uint32]estimate
}

// estimate is how many bytes an entry has in the mean, as of a head.
type estimate struct {
	head uint64
	mean float64
}

const (
	sizeSamples = 32  // entries of a log that are looked up
	sizeAtOnce  = 100 // logs that are estimated in one call: the others get theirs in the next ones
)

// aboutBytes returns about how many bytes the entries of logs have, less than 0 where that is
// not known yet. Nothing counts them by log; but the index knows how large the batches are in
// which they stand. It is looked at for a few entries of each log, spread evenly, and again
// when the log has grown by an eighth.
func (l *Log) aboutBytes(logs []*hub.Topic) []int64 {
	about, stale := l.sizes.known(logs)
	if len(stale) == 0 || l.stall.lasts() >= l.options.DiskWarning || l.sizes.estimating.Swap(true) {
		return about
	}
	defer l.sizes.estimating.Store(false)
	for _, t := range stale {
		head := t.Head()
		if mean, ok := l.meanSize(t.ID(), head); ok {
			l.sizes.note(t.ID(), estimate{head, mean})
		}
	}
	about, _ = l.sizes.known(logs)
	return about
}

// known returns what is known, and some of the logs for which that is nothing, or too old.
func (s *sizes) known(logs []*hub.Topic) (about []int64, stale []*hub.Topic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	about = make([]int64, len(logs))
	for i, t := range logs {
		head := t.Head()
		e, ok := s.of[t.ID()]
		if (!ok || head-e.head > e.head/8) && len(stale) < sizeAtOnce {
			stale = append(stale, t)
		}
		about[i] = -1
		if ok {
			about[i] = int64(math.Round(e.mean * float64(head)))
		}
	}
	return about, stale
}

func (s *sizes) note(id uint32, e estimate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[uint32]estimate)
	}
	s.of[id] = e
}

// meanSize returns the mean size of a log's entries, by a few of them.
func (l *Log) meanSize(id uint32, head uint64) (mean float64, ok bool) {
	samples := min(sizeSamples, head)
	var rows [1]index.Row
	sum, n := 0.0, 0
	for i := range samples {
		found, err := l.index.Range(id, 1+i*(head-1)/max(1, samples-1), rows[:0], 1)
		if err != nil {
			return 0, false // whoever reads finds out what is wrong with it
		}
		if len(found) == 0 {
			continue
		}
		if entries := blobstore.EntriesBefore(int(found[0].Place.Content)); entries > 0 {
			sum += float64(found[0].Place.Length-found[0].Place.Content) / float64(entries)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / float64(n), true
}
