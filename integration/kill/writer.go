package kill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"

	"github.com/ringlog/ringlog/integration/ledger"
)

const (
	window   = 256 // operations of a writer without an answer
	oneAgain = 5   // one of so many operations is sent again on another connection
)

// A writer appends as fast as it is answered. Whatever has no answer when its connection breaks is
// sent again, first of all, on the next one: with the same producer and number, or the same key.
type writer struct {
	id       uint32
	numbered bool // producer and seq, or else a key
	ledger   *ledger.Ledger
	address  string
	random   *rand.Rand // the sending goroutine's
	again    chan uint32

	mu      sync.Mutex // guards the following
	room    *sync.Cond // low grew, or broken was set
	low     uint32     // the first operation without an answer
	next    uint32     // the first that was never sent
	broken  bool       // the connection
	resumed int        // connections after the first
	resent  int        // answers to operations that were sent again
}

func newWriter(l *ledger.Ledger, address string, id uint32) *writer {
	w := &writer{id: id, numbered: id%2 == 1, ledger: l, address: address, low: 1, next: 1,
		random: rand.New(rand.NewPCG(l.Seed, uint64(id))), again: make(chan uint32, 1024)}
	w.room = sync.NewCond(&w.mu)
	l.Client(id, w.numbered)
	return w
}

// message appends the line of operation n, whose id is n.
func (w *writer) message(dst []byte, n uint32) []byte {
	if w.numbered {
		dst = fmt.Appendf(dst, `{"id":"%d","producer":"writer-%d","seq":%d,"entry":`, n, w.id, n)
	} else {
		dst = fmt.Appendf(dst, `{"id":"%d","key":"%d/%d","entry":`, n, w.id, n)
	}
	return append(ledger.AppendEntry(dst, w.ledger.Seed, ledger.Op{Client: w.id, N: n}), '}', '\n')
}

// run appends until stop is closed and everything is answered, or ctx ends.
func (w *writer) run(ctx context.Context, stop <-chan struct{}) {
	for connection := 0; ctx.Err() == nil; connection++ {
		conn, err := dial(ctx, w.address)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.broken, w.resumed = false, connection
		w.mu.Unlock()
		received := make(chan struct{})
		go func() {
			defer close(received)
			w.receive(conn)
		}()
		done := w.send(conn, stop)
		conn.Close()
		<-received
		if done {
			return
		}
	}
}

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
	select {
	case w.again <- n:
	default:
	}
}

// receive takes answers, which come in the order of what they answer, until the connection breaks.
func (w *writer) receive(conn net.Conn) {
	defer func() {
		w.mu.Lock()
		w.broken = true
		w.mu.Unlock()
		w.room.Broadcast()
	}()
	for line, err := range lines(conn) {
		if err != nil {
			return
		}
		a, err := parse(line)
		if err != nil {
			w.ledger.Violate(ledger.Protocol, "writer %d: %.200q", w.id, line)
			return
		}
		if a.Error == "unknown outcome" || a.Error == "shutting down" {
			return // sent again on the next connection
		}
		if !w.answered(a, line) {
			return
		}
	}
}

// answered takes one answer; false when it is none.
func (w *writer) answered(a answer, line []byte) bool {
	w.mu.Lock()
	n := w.low
	expected := a.Error == "" && a.ID == strconv.FormatUint(uint64(n), 10)
	if expected {
		w.low++
		w.room.Signal()
	}
	w.mu.Unlock()
	if !expected {
		w.ledger.Violate(ledger.Protocol, "writer %d: %.200q instead of the answer to %d", w.id, line, n)
		return false
	}
	w.ledger.Confirmed(ledger.Op{Client: w.id, N: n}, a.Index)
	if n%(2*oneAgain) == 0 {
		w.sendAgain(n)
	}
	return true
}

// repeat sends operations again, on connections of its own, until ctx ends. Whatever is answered, it
// must be the one index of that operation.
func (w *writer) repeat(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := dial(ctx, w.address)
		if err != nil {
			return
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			w.receiveAgain(conn)
		}()
		err = w.sendRepeats(conn, gone)
		conn.Close()
		<-gone
		if errors.Is(err, context.Canceled) {
			return
		}
	}
}

func (w *writer) sendRepeats(conn net.Conn, gone <-chan struct{}) error {
	for {
		select {
		case n := <-w.again:
			if _, err := conn.Write(w.message(nil, n)); err != nil {
				return err
			}
		case <-gone:
			return net.ErrClosed
		}
	}
}

func (w *writer) receiveAgain(conn net.Conn) {
	for line, err := range lines(conn) {
		if err != nil {
			return
		}
		a, err := parse(line)
		n, badID := strconv.ParseUint(a.ID, 10, 32)
		switch {
		case err != nil || badID != nil:
			w.ledger.Violate(ledger.Protocol, "writer %d, again: %.200q", w.id, line)
			return
		case a.Error == "unknown outcome" || a.Error == "shutting down":
		case a.Error != "" && w.numbered:
			// It overtook the operations before it: refused, nothing used up.
			if len(a.Error) < 7 || a.Error[:7] != "seq is " {
				w.ledger.Violate(ledger.Protocol, "writer %d, again: %.200q", w.id, line)
			}
		case a.Error != "":
			w.ledger.Violate(ledger.Protocol, "writer %d, again: %.200q", w.id, line)
		case a.Index == 0 && a.Duplicate:
			// Too long ago for the server to remember where.
		default:
			w.ledger.Confirmed(ledger.Op{Client: w.id, N: uint32(n)}, a.Index)
			w.mu.Lock()
			w.resent++
			w.mu.Unlock()
		}
	}
}
