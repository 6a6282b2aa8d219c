package logserver

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// refusals writes log lines that strangers can provoke, at most one a second,
// and says how many it left out.
type refusals struct {
	mu      sync.Mutex // guards the following
	last    time.Time
	leftOut int
}

// Warn writes message unless another was written within the last second.
func (r *refusals) Warn(logger zerolog.Logger, message string) {
	if leftOut, ok := r.mayWrite(); ok {
		logger.Warn().Int("left_out", leftOut).Msg(message)
	}
}

// Error writes err with message unless another was written within the last second.
func (r *refusals) Error(logger zerolog.Logger, err error, message string) {
	if leftOut, ok := r.mayWrite(); ok {
		logger.Error().Err(err).Int("left_out", leftOut).Msg(message)
	}
}

func (r *refusals) mayWrite() (leftOut int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.last) < time.Second {
		r.leftOut++
		return 0, false
	}
	leftOut = r.leftOut
	r.last, r.leftOut = now, 0
	return leftOut, true
}
