package logserver

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/logserver/hub"
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
