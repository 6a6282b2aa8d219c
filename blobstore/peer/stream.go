package peer

import (
	"fmt"
	"net"
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
	w.out, _ = k.lanes[bulk].gatherBulk(w.out, &w.heads, max(1, atOnce-size), count) // one piece at least
	return true
}

// flush writes what was collected.
func (w *writing) flush() bool {
	err := w.c.writeAll(w.out)
	if err != nil {
		w.c.close(fmt.Errorf("write: %w", err))
	}
	return err == nil
}

// writeAll writes slices behind one another.
func (c *connection) writeAll(out [][]byte) error {
	if c.cork == nil {
		buffers := net.Buffers(out)
		_, err := buffers.WriteTo(c.raw)
		return err
	}
	c.cork.put()
	for _, b := range out {
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
	return c.cork.flush()
}

// readAll hands over what comes until the connection ends, and returns why it did.
func (k *link) readAll(c *connection) error {
	r := reading{link: k, c: c}
	for {
		if err := r.take(); err != nil {
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

// take reads a frame and does what it says.
func (r *reading) take() error {
	h, sum, want, err := readHeader(r.c.r, r.link.owner.options.MaxFrame)
	if err != nil {
		return err
	}
	if h.kind == frameBulk {
		return r.gather(&h, sum, want)
	}
	payload := make([]byte, h.length)
	if err := readRest(r.c.r, payload, sum, want); err != nil {
		return err
	}
	switch {
	case h.kind == frameMessage && h.rest == 0:
		r.hand(urgent, &h, payload)
	case h.kind == frameAck:
		received, err := parseAck(payload)
		if err != nil {
			return err
		}
		return r.link.acknowledge(received)
	default:
		return fmt.Errorf("%w: type %d in a link", ErrFrame, h.kind)
	}
	return nil
}

// gather puts a message of the bulk lane together.
func (r *reading) gather(h *header, sum, want uint32) error {
	limit := r.link.owner.options.MaxFrame
	left := uint64(h.length) + uint64(h.rest)
	switch {
	case left > uint64(limit):
		return fmt.Errorf("%w: a message of more than %d bytes", ErrFrame, limit)
	case r.rest == 0 || h.sequence != r.sequence:
		r.sequence, r.pieces = h.sequence, make([]byte, 0, left)
	case left != uint64(r.rest) || h.length == 0:
		return fmt.Errorf("%w: a piece that doesn't fit the one before", ErrFrame)
	}
	n := len(r.pieces)
	r.pieces = r.pieces[:n+int(h.length)]
	if err := readRest(r.c.r, r.pieces[n:], sum, want); err != nil {
		return err
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
