package logserver

import "sync/atomic"

// budget is the memory that all connections together may hold: lines on their way
// in, answers on their way out. When it is used up, new appends are refused and
// half lines dropped; what was taken is finished.
type budget struct {
	limit int64
	used  atomic.Int64
}

// exhausted tells whether nothing new should be taken.
func (b *budget) exhausted() bool { return b.used.Load() > b.limit }

// share is one connection's part of a budget. It is owned by one goroutine.
type share struct {
	budget *budget
	held   int64
}

// set says how much the connection holds now.
func (s *share) set(held int64) {
	if held != s.held {
		s.budget.used.Add(held - s.held)
		s.held = held
	}
}
