package logserver

import (
	"math"
	"sync"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
)

// sizes has what was estimated of how many bytes a log's entries have.
type sizes struct {
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
	s := &l.sizes
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = make(map[uint32]estimate)
	}
	about, left := make([]int64, len(logs)), sizeAtOnce
	if l.stall.lasts() >= l.options.DiskWarning {
		left = 0 // the index, too, is on a disk that hangs
	}
	for i, t := range logs {
		id, head := t.ID(), t.Head()
		e, known := s.of[id]
		if (!known || head-e.head > e.head/8) && left > 0 {
			left--
			if mean, ok := l.meanSize(id, head); ok {
				e, known = estimate{head, mean}, true
				s.of[id] = e
			}
		}
		about[i] = -1
		if known {
			about[i] = int64(math.Round(e.mean * float64(head)))
		}
	}
	return about
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
