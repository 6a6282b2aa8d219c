package load

import (
	"net"
	"strconv"
	"strings"

	"github.com/ringlog/ringlog/integration/ledger"
)

// receive takes answers, which come in the order of what they answer, until the connection breaks.
func (w *writer) receive(conn net.Conn) {
	defer func() {
		w.mu.Lock()
		w.broken = true
		w.mu.Unlock()
		w.room.Broadcast()
	}()
	for line, err := range Lines(conn) {
		if err != nil {
			return
		}
		a, err := Parse(line)
		if err != nil {
			w.ledger.Violate(ledger.Protocol, "writer %d: %.200q", w.id, line)
			return
		}
		if !w.answered(a, line) {
			return
		}
	}
}

// answered takes one answer; false when the connection is of no more use.
func (w *writer) answered(a Answer, line []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.low
	op := ledger.Op{Client: w.id, N: n}
	expected := n < w.next && a.ID == strconv.FormatUint(uint64(n), 10)
	refusal := a.Error == "disk full" || a.Error == "overloaded" || a.Error == "no quorum" || a.Error == "shutting down"
	switch {
	case !expected:
	case a.Error == "unknown outcome":
		return false // sent again on the next connection, or given up
	case refusal:
		w.tally.Refused++
		w.refused = a.Error != "shutting down"
		if w.style == plain {
			w.ledger.Refused(op)
			w.step()
		}
		return false
	case w.conflicts(n) && a.Error == "key already used",
		w.style == plain && n%oneAfter == 0 && strings.HasPrefix(a.Error, "head is "):
		w.ledger.Refused(op)
		w.step()
		return true
	case a.Error == "" && !w.conflicts(n):
		w.ledger.Confirmed(op, a.Index)
		w.step()
		if n%(2*oneAgain) == 0 {
			w.sendAgain(n)
		}
		return true
	}
	w.ledger.Violate(ledger.Protocol, "writer %d: %.200q instead of the answer to %d", w.id, line, n)
	return false
}

// step goes on to the next answer; w.mu is held.
func (w *writer) step() {
	w.low++
	w.room.Broadcast()
}
