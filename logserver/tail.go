package logserver

import (
	"bytes"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/protocol"
)

// tail is a read under way. It holds a cursor and nothing else: entries are
// read from the hub's recent lines or from the log, and sent by whoever drives
// the tail, who meanwhile is the only one that writes to the connection. At the
// head nobody does: what wakes the tail has the usher drive it, which sends what
// is at hand and fits; for the rest the tail gets a goroutine (run).
type tail struct {
	c      *connection
	topic  *hub.Topic
	driven atomic.Uint32 // parked, driven, or driven and woken

	// What was asked for.
	bounded bool // at most left entries
	follow  bool // go on at the head
	meta    bool
	echo    bool   // send what the connection itself appends
	high    uint64 // the head when the read was taken; MaxUint64 while it is not known

	// Owned by whoever drives the tail.
	next    uint64 // the cursor: index of the next entry
	begun   int    // bytes of its line that the client has
	rested  bool   // it has paused at an entry that is unavailable
	left    uint64
	current bool // {"current":true} was sent
	history history

	// Guarded by the outbox's mu.
	seen          uint64 // the cursor, as last looked at; 0: not yet
	stopNow       bool
	stopAtCurrent bool
	unsure        bool // nobody can tell the head
	unfinished    bool // it has ended because of that
}

// handleRead begins a read. It is taken now: without waiting for appends before
// it on the connection.
func (c *connection) handleRead(m *protocol.Message) {
	if !c.may(access.Read, m.Log) {
		c.refuse(nil, protocol.ErrorForbidden)
		return
	}
	if c.beginRead(m) == nil {
		c.refuse(nil, protocol.ErrorAlreadyReading)
	}
}

// beginRead begins a read; nil: there is one already.
func (c *connection) beginRead(m *protocol.Message) *tail {
	t := &tail{
		c: c, history: history{cursor: cursor{log: c.log}},
		bounded: m.Read > 0, left: m.Read,
		follow: m.Follow, meta: m.Meta,
		echo: m.Read > 0 || m.Echo || c.limits.Echo,
	}
	if !c.out.begin(t) {
		return nil
	}
	name := m.Log
	if name == nil {
		name = mainLog
	}
	t.driven.Store(driven)
	t.topic = c.log.hub.Watch(name, t)
	c.tails.Add(1)
	if c.log.member != nil {
		from := m.From
		t.high, t.next = math.MaxUint64, 1
		go t.runConfirmed(&from)
		return t
	}
	t.high = t.topic.Head()
	t.next = c.log.firstIndex(t.topic, &m.From, t.high)
	go t.run()
	return t
}

// firstIndex says where a read begins whose log's head is high.
func (l *Log) firstIndex(topic *hub.Topic, from *protocol.From, high uint64) uint64 {
	var at time.Time
	switch from.Kind {
	case protocol.FromIndex:
		return max(from.Index, 1)
	case protocol.FromEnd:
		return high - min(from.Index, high) + 1
	case protocol.FromTime:
		at = from.Time
	case protocol.FromAge:
		at = l.options.Now().Add(-from.Age)
	}
	return min(l.firstAt(topic, at), high+1)
}

// run drives the tail until it is parked or has ended.
func (t *tail) run() {
	for {
		if t.c.out.busy() { // with what was left to it; however long that takes
			t.history.release()
			t.c.out.waitForWriter()
		}
		if t.begun > 0 {
			t.finishLine()
			continue
		}
		to, ended := t.step()
		if ended {
			t.end()
			return
		}
		pace := t.c.log.newPace()
		lines, sent, recent, err := t.read(to)
		if err != nil {
			t.c.log.metrics.trouble(troubleRead)
			t.c.log.refusals.Error(*t.c.logger(), err, "a read can't go on: its connection was closed, to try again")
			t.c.out.abandon()
			continue
		}
		n, err := t.c.out.writeTail(lines, false)
		if errors.Is(err, errSlow) {
			t.took(lines[:n])
			t.waitForClient()
			continue
		} else if err != nil {
			t.c.out.endTail(false)
			continue
		}
		if !recent && t.history.lost && !t.rested {
			t.rested = true
			time.Sleep(t.c.limits.LostPause)
		}
		if sent > 0 && !recent {
			t.history.alone = !pace.rest()
		}
		t.sent(sent)
		if sent == 0 { // whatever makes more possible wakes the tail
			t.history.release()
			if t.park() {
				return
			}
		}
	}
}

// serve drives the tail as far as that can't block. It is for the usher, whose buf is
// used meanwhile.
func (t *tail) serve(buf []byte) {
	for range turns {
		to, ended := t.step()
		if ended {
			t.end()
			return
		}
		lines, n, ok := t.recent(to, buf)
		if !ok {
			go t.run()
			return
		}
		taken, all := t.c.out.tryWriteTail(lines)
		if taken < len(lines) {
			t.took(lines[:taken])
		} else {
			t.sent(n)
		}
		if !all {
			go t.run()
			return
		}
		if n == 0 && t.park() {
			return
		}
	}
	t.c.log.usher.add(t)
}

// turns is how often the usher sends to a tail before the others have theirs.
const turns = 4

// sent moves the cursor.
func (t *tail) sent(n uint64) {
	t.next += n
	t.left -= min(n, t.left)
}

// end is what is left to do when step has said that the read has ended.
func (t *tail) end() {
	t.history.release()
	t.c.log.hub.Unwatch(t.topic, t)
	t.c.out.flush() // what the tail left to say, now that nothing is held back
	t.c.tails.Done()
}

// Whether somebody drives a tail.
const (
	parked uint32 = iota
	driven
	wokenAgain
)

// Wake has the tail look again at what there is to send.
func (t *tail) Wake() {
	for {
		switch t.driven.Load() {
		case parked:
			if t.driven.CompareAndSwap(parked, driven) {
				t.c.log.usher.add(t)
				return
			}
		case driven:
			if t.driven.CompareAndSwap(driven, wokenAgain) {
				return
			}
		default:
			return
		}
	}
}

// park leaves the tail to whoever wakes it, unless somebody has done so meanwhile.
func (t *tail) park() bool {
	if t.driven.CompareAndSwap(driven, parked) {
		return true
	}
	t.driven.Store(driven)
	return false
}

// took notes what a slow client took of lines: whole ones, and perhaps the beginning of one.
func (t *tail) took(p []byte) {
	if whole := bytes.Count(p, []byte("\n")); whole > 0 {
		t.sent(uint64(whole))
		p, t.begun = p[bytes.LastIndexByte(p, '\n')+1:], 0
	}
	t.begun += len(p)
}

// waitForClient waits until a slow client takes something, and holds no memory meanwhile.
func (t *tail) waitForClient() {
	t.history.release()
	if err := t.c.out.waitForClient(); err != nil {
		t.stop()
	}
}

// stop ends the read at once.
func (t *tail) stop() {
	t.begun = 0
	t.c.out.endTail(false)
}

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

// endTail ends the read under way, if there is one: at its {"current":true}, or
// at once.
func (o *outbox) endTail(atCurrent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail == nil {
		return
	}
	o.tail.stopAtCurrent = o.tail.stopAtCurrent || atCurrent
	o.tail.stopNow = o.tail.stopNow || !atCurrent
	o.tail.Wake()
}
