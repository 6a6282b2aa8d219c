package sim

import (
	"container/heap"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"time"

	"github.com/ringlog/ringlog/logserver/order"
)

// world is virtual time, and everything that happens in it.
type world struct {
	r       *mrand.Rand
	now     time.Duration
	events  events
	serial  uint64
	options Options
	net     network
	nodes   map[uint64]*node
	ids     []uint64 // of nodes, ascending
	clients []*client
	oracle  oracle
	trace   []string
	failure error
	calm    bool   // faults are over
	newest  uint64 // number of the last node that was added
	lost    uint64 // node whose disk is lost, until it is removed
	most    int    // nodes there are at a time

	placement order.Placement // as founded

	report Report
}

type event struct {
	at     time.Duration
	serial uint64
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].serial < e[j].serial
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// after has something done when some time has passed.
func (w *world) after(d time.Duration, do func()) {
	w.serial++
	heap.Push(&w.events, event{w.now + d, w.serial, do})
}

// run lets time pass until a moment, or until something fails or ended says so.
func (w *world) run(until time.Duration, ended func() bool) {
	for len(w.events) > 0 && w.failure == nil {
		e := w.events[0]
		if e.at > until {
			break
		}
		heap.Pop(&w.events)
		w.now = e.at
		e.do()
		w.report.Events++
		if ended != nil && ended() {
			return
		}
	}
	if w.failure == nil {
		w.now = max(w.now, until)
	}
}

// between returns a random duration.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.r.Int64N(int64(most-least)+1))
}

// chance is true in one of n cases.
func (w *world) chance(n int) bool { return w.r.IntN(n) == 0 }

// say notes what happens; the last of it is shown when a run fails.
func (w *world) say(format string, args ...any) {
	const most = 400
	if len(w.trace) >= 2*most {
		w.trace = append(w.trace[:0], w.trace[most:]...)
	}
	w.trace = append(w.trace, fmt.Sprintf("%9.4f  ", w.now.Seconds())+fmt.Sprintf(format, args...))
}

// fail ends the run.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
		w.say("FAILED: %v", w.failure)
	}
}

// seeded replaces the one source of random numbers that isn't given by the seed: Raft
// takes its election time-outs from it, and segments their salts.
func seeded(seed uint64, do func()) {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	before := rand.Reader
	rand.Reader = io.Reader(mrand.NewChaCha8(key))
	defer func() { rand.Reader = before }()
	do()
}

var errPanic = errors.New("panic")
