package logserver

import "sync"

// usher drives the tails that were woken at the head, one after the other, with one
// goroutine: a tail then costs a write and nothing else, and the clients are served by
// one processor while the others have theirs.
type usher struct {
	mu    sync.Mutex // guards the following
	more  *sync.Cond
	woken []*tail
	ended bool
}

func newUsher() *usher {
	u := &usher{}
	u.more = sync.NewCond(&u.mu)
	return u
}

// gathered is how many bytes of small batches are sent with one write.
const gathered = 64 << 10

// add has t driven. It does not block.
func (u *usher) add(t *tail) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.woken = append(u.woken, t)
	if len(u.woken) == 1 {
		u.more.Signal()
	}
}

// run drives tails until end is called and none is left.
func (u *usher) run() {
	var list []*tail
	buf := make([]byte, 0, gathered)
	for {
		u.mu.Lock()
		for len(u.woken) == 0 && !u.ended {
			u.more.Wait()
		}
		list, u.woken = u.woken, list[:0]
		u.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for i, t := range list {
			list[i] = nil
			t.serve(buf)
		}
	}
}

// end has run return when it has driven those who are woken.
func (u *usher) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	u.more.Signal()
}
