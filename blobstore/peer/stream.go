package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	atOnce   = 256 << 10 // bytes that are gathered for one write
	ackAfter = 256 << 10 // bytes that are handed over before it is said, or
	ackEvery = 64        // messages
)

// write writes first, and then what is sent, until the connection ends.
func (k *link) write(c *connection, first []byte) {
	beat := time.NewTicker(k.owner.options.Heartbeat)
	defer beat.Stop()
	w := writing{link: k, c: c}
	if len(first) > 0 {
		w.out = append(w.out, first)
		w.flush()
	}
	for {
		idle := false
		select {
		case <-c.ended:
			return
		case <-beat.C:
			idle = true
		case <-k.wake:
		}
		for w.gather(idle) {
			if !w.flush() {
				return
			}
			idle = false
		}
	}
}

// writing is what is being written to a connection. Its goroutine owns it.
type writing struct {
	link  *link
	c     *connection
	out   [][]byte
	heads []byte // headers of pieces
	ack   []byte
	acked [lanes]uint64 // told last
}

// gather collects what is to be written next, and tells whether there is anything. An acknowledgement goes first
// if it is due, or if there is news beside something else.
func (w *writing) gather(beat bool) bool {
	due := w.c.due.Swap(false) || beat
	w.out, w.heads = append(w.out[:0], nil), w.heads[:0]
	if !w.messages(beat) {
		return false
	}
	received := w.c.inbox.take()
	if due || received != w.acked && len(w.out) > 1 {
		w.acked = received
		w.ack = appendAck(w.ack[:0], received)
		w.out[0] = w.ack
	} else {
		w.out = w.out[1:]
	}
	return len(w.out) > 0
}

// messages collects the messages to be written next, and tells whether the connection is still the link's.
func (w *writing) messages(beat bool) bool {
	k := w.link
	count := func(kind byte, size int) { k.sent[kind].count(size) }
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != w.c {
		return false
	}
	if beat {
		now := time.Now()
		for i := range k.lanes {
			k.bound(&k.lanes[i], now)
		}
	}
	var size int
	w.out, size = k.lanes[urgent].gatherUrgent(w.out, atOnce, count)
	if size < atOnce/4 {
		w.out, _ = k.lanes[bulk].gatherBulk(w.out, &w.heads, atOnce-size, count)
	}
	return true
}

func (w *writing) flush() bool {
	buffers := net.Buffers(w.out)
	var err error
	if w.c.Conn == w.c.raw {
		_, err = buffers.WriteTo(w.c.raw)
	} else {
		for _, b := range w.out {
			if _, err = w.c.Write(b); err != nil {
				break
			}
		}
	}
	if err != nil {
		w.c.close(fmt.Errorf("write: %w", err))
		return false
	}
	return true
}

// readAll hands over what comes until the connection ends, and returns why it did.
func (k *link) readAll(c *connection) error {
	r := reading{link: k, c: c}
	for {
		if err := r.extend(); err != nil {
			return err
		}
		h, payload, err := readFrame(c.r, k.owner.options.MaxFrame)
		if err == nil {
			err = r.take(&h, payload)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("nothing came for %v", k.owner.options.Silence)
		case err != nil:
			return err
		}
	}
}

// reading is what is being read from a connection. Its goroutine owns it.
type reading struct {
	link     *link
	c        *connection
	pieces   []byte // of a message of the bulk lane
	rest     uint32 // what is missing of it
	sequence uint64 // its number
	messages int    // handed over since the last acknowledgement
	bytes    int
}

// extend sets the deadline anew when something is to be waited for.
func (r *reading) extend() error {
	if r.c.r.Buffered() >= headerSize {
		return nil
	}
	now := time.Now()
	r.c.mu.Lock()
	r.c.heard = now
	r.c.mu.Unlock()
	return r.c.SetReadDeadline(now.Add(r.link.owner.options.Silence))
}

func (r *reading) take(h *header, payload []byte) error {
	switch h.kind {
	case frameMessage:
		if h.rest != 0 {
			return fmt.Errorf("%w: a piece of what is not cut", ErrFrame)
		}
		r.hand(urgent, h, payload)
	case frameBulk:
		return r.gather(h, payload)
	case frameAck:
		received, err := parseAck(payload)
		if err != nil {
			return err
		}
		r.link.acknowledge(received)
	default:
		return fmt.Errorf("%w: type %d in a link", ErrFrame, h.kind)
	}
	return nil
}

// gather puts a message of the bulk lane together.
func (r *reading) gather(h *header, payload []byte) error {
	limit := r.link.owner.options.MaxFrame
	switch {
	case r.rest == 0 || h.sequence != r.sequence:
		if uint64(h.length)+uint64(h.rest) > uint64(limit) {
			return fmt.Errorf("%w: a message of more than %d bytes", ErrFrame, limit)
		}
		r.sequence, r.pieces = h.sequence, payload
		if h.rest > 0 {
			r.pieces = append(make([]byte, 0, min(int(h.length+h.rest), 4*growth)), payload...)
		}
	case uint64(h.length)+uint64(h.rest) != uint64(r.rest) || h.length == 0:
		return fmt.Errorf("%w: a piece that doesn't fit the one before", ErrFrame)
	default:
		r.pieces = append(r.pieces, payload...)
	}
	if r.rest = h.rest; r.rest == 0 {
		whole := r.pieces
		r.pieces = nil
		r.hand(bulk, h, whole)
	}
	return nil
}

// hand hands a message over, unless it was already.
func (r *reading) hand(lane int, h *header, payload []byte) {
	k := r.link
	if !r.c.inbox.has(lane, h.sequence) {
		k.received[h.message].count(len(payload))
		k.owner.options.Handle(k.number, h.message, payload)
		r.c.inbox.took(lane, h.sequence)
	}
	r.messages++
	r.bytes += len(payload)
	if r.messages >= ackEvery || r.bytes >= ackAfter {
		r.messages, r.bytes = 0, 0
		r.c.due.Store(true)
		signal(k.wake)
	}
}
