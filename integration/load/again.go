package load

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/ringlog/ringlog/integration/ledger"
)

// repeat sends operations again, on connections of its own, until ctx ends, or the connection breaks after
// last was closed. Whatever is answered, it must be the one index of that operation.
func (w *writer) repeat(ctx context.Context, last <-chan struct{}) {
	for ctx.Err() == nil && !isClosed(last) {
		conn, err := w.dial.Connect(ctx)
		if err != nil {
			return
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			w.receiveAgain(conn)
		}()
		err = w.sendRepeats(conn, gone)
		<-gone // what was answered before the connection broke
		conn.Close()
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
	for line, err := range Lines(conn) {
		if err != nil {
			return
		}
		a, err := Parse(line)
		n, badID := strconv.ParseUint(a.ID, 10, 32)
		switch {
		case err != nil || badID != nil:
			w.ledger.Violate(ledger.Protocol, "writer %d, again: %.200q", w.id, line)
			return
		case a.Error == "unknown outcome" || a.Error == "shutting down" || a.Error == "disk full" || a.Error == "no quorum" || a.Error == "overloaded":
		case w.style == numbered && strings.HasPrefix(a.Error, "seq is "):
			// It overtook the operations before it: refused, nothing used up.
		case a.Error != "":
			w.ledger.Violate(ledger.Protocol, "writer %d, again: %.200q", w.id, line)
		case a.Index == 0 && a.Duplicate:
			// Too long ago for the server to remember where.
		default:
			w.ledger.Confirmed(ledger.Op{Client: w.id, N: uint32(n)}, a.Index)
			w.mu.Lock()
			w.tally.Resent++
			w.mu.Unlock()
		}
	}
}
