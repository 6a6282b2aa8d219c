package cluster

import (
	"sync"
	"time"
)

// sayings keep log lines few that others can provoke: the same is said once in a while, and not much in all.
type sayings struct {
	mu      sync.Mutex // guards the following
	began   time.Time
	said    map[string]bool
	leftOut int
}

const (
	sayAgain = time.Minute
	maxSaid  = 64 // different ones in that time
)

// may tells whether something may be said now, and how many were not said since the last one that was.
func (s *sayings) may(what string, now time.Time) (leftOut int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.said == nil || now.Sub(s.began) >= sayAgain {
		s.began, s.said = now, make(map[string]bool)
	}
	if s.said[what] || len(s.said) >= maxSaid {
		s.leftOut++
		return 0, false
	}
	s.said[what] = true
	leftOut, s.leftOut = s.leftOut, 0
	return leftOut, true
}
