package load

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
)

const (
	window      = 256 // operations of a writer without an answer
	oneAgain    = 5   // one of so many operations is sent again on another connection
	oneConflict = 50  // one of so many keyed operations comes with a key that was used
	oneAfter    = 20  // one of so many plain operations comes with a condition
)

// style is how a writer makes sure that nothing is appended twice.
type style int

const (
	numbered style = iota // by producer and seq
	keyed                 // by key
	plain                 // not at all: what has no answer is never sent again
)

// A writer appends as fast as it is answered. Whatever has no answer when its connection breaks is
// sent again, first of all, on the next one, unless the writer is a plain one.
type writer struct {
	id     uint32
	style  style
	ledger *ledger.Ledger
	dial   Dialer
	random *rand.Rand // the sending goroutine's
	again  chan uint32

	mu      sync.Mutex // guards the following
	room    *sync.Cond // low grew, or broken was set
	low     uint32     // the first operation without an answer
	next    uint32     // the first that was never sent
	broken  bool       // the connection
	refused bool       // by the server, for now
	tally   Tally
}

// Tally counts what became of a load.
type Tally struct {
	Resent    int // answers to operations that were sent again
	Refused   int // answers "disk full", "overloaded", "no quorum" or "shutting down"
	Abandoned int // plain operations whose connection broke
}

func (a *Tally) Add(b Tally) {
	a.Resent += b.Resent
	a.Refused += b.Refused
	a.Abandoned += b.Abandoned
}

func newWriter(l *ledger.Ledger, dial Dialer, id uint32) *writer {
	w := &writer{id: id, style: []style{numbered, keyed, numbered, plain}[id%4], ledger: l, dial: dial,
		low: 1, next: 1, random: rand.New(rand.NewPCG(l.Seed, uint64(id))), again: make(chan uint32, 1024)}
	w.room = sync.NewCond(&w.mu)
	l.Client(id, w.style == numbered)
	return w
}

// message appends the line of operation n, whose id is n.
func (w *writer) message(dst []byte, n uint32) []byte {
	dst = fmt.Appendf(dst, `{"id":"%d",`, n)
	switch {
	case w.style == numbered:
		dst = fmt.Appendf(dst, `"producer":"writer-%d","seq":%d,`, w.id, n)
	case w.conflicts(n):
		dst = fmt.Appendf(dst, `"key":"%d/%d",`, w.id, n-window-1) // confirmed before n was sent
	case w.style == keyed:
		dst = fmt.Appendf(dst, `"key":"%d/%d",`, w.id, n)
	case n%oneAfter == 0:
		dst = fmt.Appendf(dst, `"after":%d,`, w.ledger.Head())
	}
	dst = append(dst, `"entry":`...)
	return append(ledger.AppendEntry(dst, w.ledger.Seed, ledger.Op{Client: w.id, N: n}), '}', '\n')
}

// conflicts is true of operations that must be refused, because their key is another entry's.
func (w *writer) conflicts(n uint32) bool {
	return w.style == keyed && n%oneConflict == 0 && n > window+1 && (n-window-1)%oneConflict != 0
}

// run appends until stop is closed and everything is answered, or the connection breaks after last was
// closed, or ctx ends.
func (w *writer) run(ctx context.Context, stop, last <-chan struct{}) {
	for ctx.Err() == nil && !isClosed(last) {
		conn, err := w.dial.Connect(ctx)
		if err != nil {
			return
		}
		w.connected()
		received := make(chan struct{})
		go func() {
			defer close(received)
			w.receive(conn)
		}()
		done := w.send(conn, stop)
		if !done {
			<-received // what was answered before the connection broke
		}
		conn.Close()
		<-received
		if done {
			return
		}
	}
}

// connected begins the next connection.
func (w *writer) connected() {
	if w.begun() {
		time.Sleep(refusedPause) // the load of a full server, not a wait for something
	}
}

// begun notes that a connection begins, and tells whether the one before ended with a refusal.
func (w *writer) begun() (refused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = false
	if w.style == plain {
		w.tally.Abandoned += int(w.next - w.low)
		w.low = w.next
		w.room.Broadcast()
	}
	refused, w.refused = w.refused, false
	return refused
}

const refusedPause = 10 * time.Millisecond

// send sends what is pending, then new operations; true when it was told to stop and all is answered.
func (w *writer) send(conn net.Conn, stop <-chan struct{}) (done bool) {
	out := bufio.NewWriterSize(conn, bufferSize)
	var line []byte
	w.mu.Lock()
	n := w.low
	w.mu.Unlock()
	for {
		stopping := isClosed(stop)
		if stopping && n >= w.unsent() || !w.hasRoom(n) {
			// Nothing more to send for now: what is buffered has to go before we wait.
			if out.Flush() != nil {
				return false
			}
			if stopping && n >= w.unsent() {
				return w.waitFor(n)
			}
			if !w.waitFor(n - window + 1) {
				return false
			}
			continue
		}
		w.sending(n)
		line = w.message(line[:0], n)
		if _, err := out.Write(line); err != nil {
			return false
		}
		n++
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (w *writer) unsent() uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

func (w *writer) hasRoom(n uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return n < w.low+window
}

// waitFor waits until all operations before n are answered; false when the connection broke.
func (w *writer) waitFor(n uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.low < n && !w.broken {
		w.room.Wait()
	}
	return !w.broken
}

// settle waits until all that was sent so far is answered or given up, over any number of connections.
func (w *writer) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := w.next; w.low < n; {
		w.room.Wait()
	}
}

// sending notes that n is about to be sent; some are sent a second time at the same moment.
func (w *writer) sending(n uint32) {
	w.mu.Lock()
	first := n == w.next
	w.next = max(w.next, n+1)
	w.mu.Unlock()
	if first {
		w.ledger.Sent(ledger.Op{Client: w.id, N: n})
		if w.random.IntN(2*oneAgain) == 0 {
			w.sendAgain(n)
		}
	}
}

// sendAgain asks for n to be sent on the other connection, too, if that one can keep up.
func (w *writer) sendAgain(n uint32) {
	if w.style == plain || w.conflicts(n) {
		return
	}
	select {
	case w.again <- n:
	default:
	}
}
