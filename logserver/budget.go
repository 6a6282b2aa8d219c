package logserver

import (
	"sync"
	"sync/atomic"
)

// MEMORY is divided: five eighths for what connections hold, a quarter for reads of
// history, an eighth at most for recent lines. Rows of the index that are not yet written
// have a quarter of it at most, besides.
func (o *Options) divideMemory() (connections, history int64) {
	o.Recent = int(min(int64(o.Recent), o.Memory/8))
	o.MaxUnwritten = min(o.MaxUnwritten, o.Memory/4)
	return o.Memory * 5 / 8, o.Memory / 4
}

// budget is the memory that all connections together may hold: lines on their way
// in, appends on their way into a batch, answers on their way out. When it is used up, new
// appends are refused and the longest half lines dropped; what was taken is finished.
type budget struct {
	limit int64
	used  atomic.Int64

	mu       sync.Mutex // guards the following
	halves   map[*connection]int64
	dropping int64 // bytes of half lines that are being given up
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

// longHalf is how long a half line may be that is never dropped for its length.
const longHalf = 4 << 10

// half says how long the half line of a connection is that has one longer than longHalf;
// 0: it has none any more. It returns whom to drop: those with the longest, as long as more is
// held than may be.
func (b *budget) half(c *connection, bytes int64) (drop []*connection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes == 0 {
		if was, listed := b.halves[c]; listed && was < 0 {
			b.dropping += was
		}
		delete(b.halves, c)
		return nil
	}
	if b.halves[c] < 0 {
		return nil // it is being dropped
	}
	b.halves[c] = bytes
	for b.used.Load()-b.dropping > b.limit {
		longest := b.longest()
		if longest == nil {
			break
		}
		size := b.halves[longest]
		b.halves[longest] = -size
		b.dropping += size
		drop = append(drop, longest)
	}
	return drop
}

// longest returns who has the longest half line; mu is held.
func (b *budget) longest() (longest *connection) {
	most := int64(0)
	for c, bytes := range b.halves {
		if bytes > most {
			longest, most = c, bytes
		}
	}
	return longest
}

// allowance is the memory that reads of history may hold together: those for whom there is
// none wait. One that is alone may hold more.
type allowance struct {
	limit   int64
	waiting atomic.Int32

	mu   sync.Mutex // guards the following
	free *sync.Cond
	used int64
}

func newAllowance(limit int64) *allowance {
	a := &allowance{limit: limit}
	a.free = sync.NewCond(&a.mu)
	return a
}

// take waits until n bytes may be held.
func (a *allowance) take(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	for a.used > 0 && a.used+n > a.limit {
		a.free.Wait()
	}
	a.used += n
}

// add says that n bytes more are held, or less, without waiting.
func (a *allowance) add(n int64) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used += n
	if n < 0 {
		a.free.Broadcast()
	}
}

// pressed tells whether somebody waits.
func (a *allowance) pressed() bool { return a.waiting.Load() > 0 }
