package logserver

import (
	"errors"

	"github.com/ringlog/ringlog/protocol"
)

// finishLine sends the rest of the line that a slow client took the beginning of: the same
// bytes, read again. When they can't be had, the connection is of no use any more.
func (t *tail) finishLine() {
	c := t.history.one(span{t.topic.ID(), t.next, t.next, t.meta, 1})
	line, err := c.lines, c.err
	if err != nil || c.lost || len(line) < t.begun {
		t.c.log.metrics.trouble(troubleRead)
		t.c.log.refusals.Error(*t.c.logger(), err, "a line can't be sent to its end: its connection was closed")
		t.c.out.abandon()
		t.stop()
		return
	}
	n, err := t.c.out.writeTail(line[t.begun:], true)
	switch {
	case errors.Is(err, errSlow):
		t.took(line[t.begun:][:n])
		t.waitForClient()
	case err != nil:
		t.stop()
	default:
		t.begun = 0
		t.sent(1)
	}
}

// step says what there is to say at the cursor, and up to which index entries
// may be sent now. When the read has ended, the connection may read again: by
// the time that its last line is sent, that is so.
func (t *tail) step() (to uint64, ended bool) {
	// The head comes first: what this connection appended up to it is resolved
	// in the outbox, so that its own entries are known from others'.
	head := t.topic.Head()
	o := &t.c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	t.seen = t.next
	if t.sayState(head) {
		o.tail = nil
		o.drain()
		return 0, true
	}
	o.drain()
	to = head
	if !t.current {
		to = min(to, t.high)
	}
	return min(to, o.answers.untold(t.topic.ID())-1), false
}

// sayState says {"current":true} or the last line when it is time, and tells
// whether the read has ended; of a stream that can't end as it should, only that. The caller holds the outbox's mu.
func (t *tail) sayState(head uint64) (ended bool) {
	o := &t.c.out
	switch {
	case t.stopNow || o.gone:
		return true
	case t.bounded && t.left == 0:
		o.ready = protocol.AppendHead(o.ready, nil, head)
		return true
	case t.next > t.high && !t.current:
		o.ready = protocol.AppendCurrent(o.ready)
		t.current = true
	case t.unsure && !t.current && t.next > head && (!t.follow || t.stopAtCurrent):
		if t.unfinished = true; !t.c.stream {
			o.ready = protocol.AppendError(o.ready, nil, protocol.ErrorNoQuorum)
		}
		return true
	}
	return t.current && (!t.follow || t.stopAtCurrent)
}

// mayTell tells whether the answer may be sent before the entry at the cursor.
// A confirmation of what the connection appended itself takes the place of the
// entry, unless there is to be an echo. The caller holds the outbox's mu.
func (t *tail) mayTell(a *answer) bool {
	index, ok := a.tells(t.topic.ID())
	if !ok {
		return true
	}
	if index > t.next {
		return false
	}
	if own := !a.duplicate && index > t.high && !t.echo; own {
		t.next = max(t.next, index+uint64(a.entries))
	}
	return true
}

// read returns lines of entries from the cursor on, none beyond to, how many, and
// whether they are recent: at hand, and not read from history. The lines are valid
// until the next call.
func (t *tail) read(to uint64) (lines []byte, sent uint64, recent bool, err error) {
	if t.next > to {
		return nil, 0, true, nil
	}
	to = t.limit(to)
	if lines, sent, ok := t.recent(to, nil); ok {
		return lines, sent, true, nil
	}
	c := t.history.next(span{t.topic.ID(), t.next, to, t.meta, t.c.limits.ReadChunk})
	return c.lines, c.count, false, c.err
}

// recent returns lines from the cursor on, none beyond to, which the hub has at hand,
// and how many. It is not ok when they are to be read from history. Several blocks are
// gathered in buf, as far as that has room.
func (t *tail) recent(to uint64, buf []byte) (lines []byte, n uint64, ok bool) {
	if t.next > to {
		return nil, 0, true
	}
	if t.meta {
		return nil, 0, false
	}
	lines, n = t.topic.Recent(buf, t.next, t.limit(to))
	return lines, n, n > 0
}

// limit returns the last index that may be sent, to or less.
func (t *tail) limit(to uint64) uint64 {
	if t.bounded && to-t.next >= t.left {
		return t.next + t.left - 1
	}
	return to
}
