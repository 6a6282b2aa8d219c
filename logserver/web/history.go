package web

import (
	"sync"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// remembered is how many seconds of the past the history has.
const remembered = 300

// second is what happened in one second.
type second struct {
	Entries uint64  `json:"entries"`
	Bytes   uint64  `json:"bytes"`
	P50     float64 `json:"p50"` // milliseconds that a commit took; 0: there was none
	P99     float64 `json:"p99"`
}

// history has the last minutes, second by second.
type history struct {
	mu    sync.Mutex         // guards the following
	begun bool               // last is of a second ago
	last  logserver.Status   // as of the end of the newest second
	count uint64             // seconds so far
	ring  [remembered]second // of second i at i % remembered
}

// note ends a second with what is so now.
func (h *history) note(now logserver.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun {
		s := second{Entries: now.Entries - h.last.Entries, Bytes: now.Bytes - h.last.Bytes}
		s.P50, s.P99 = quantile(0.5, &h.last.Commits, &now.Commits), quantile(0.99, &h.last.Commits, &now.Commits)
		h.ring[h.count%remembered] = s
		h.count++
	}
	h.begun, h.last = true, now
}

// since returns the seconds from number from on, as far as they are remembered, and the
// number of the first of them.
func (h *history) since(from uint64) (first uint64, seconds []second) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count > remembered {
		from = max(from, h.count-remembered)
	}
	from = min(from, h.count)
	seconds = make([]second, 0, h.count-from)
	for i := from; i < h.count; i++ {
		seconds = append(seconds, h.ring[i%remembered])
	}
	return from, seconds
}

// quantile returns how many milliseconds the fraction q of what was counted between two
// looks took at most, by drawing a line between the bounds; 0 when nothing was.
func quantile(q float64, before, after *logserver.Commits) float64 {
	total := after.Total - before.Total
	if total == 0 {
		return 0
	}
	rank, lower, below := q*float64(total), 0.0, 0.0
	for i, bound := range after.Bounds {
		upTo := float64(after.Counts[i])
		if i < len(before.Counts) {
			upTo -= float64(before.Counts[i])
		}
		if upTo >= rank && upTo > below {
			return 1e3 * (lower + (bound-lower)*(rank-below)/(upTo-below))
		}
		lower, below = bound, upTo
	}
	return 1e3 * lower
}

// watch notes what happens, second by second, until the site stops.
func (s *Site) watch() {
	tick := time.NewTicker(s.options.HistoryStep)
	defer tick.Stop()
	s.history.note(s.server.Status())
	for {
		select {
		case <-tick.C:
			s.history.note(s.server.Status())
		case <-s.stopping.Done():
			return
		}
	}
}
