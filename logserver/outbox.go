package logserver

import (
	"errors"
	"sync"
	"time"

	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// errGone says that a connection can't be written to any more.
var errGone = errors.New("logserver: connection is gone")

// outbox is what is to be sent on a connection. Lines with an id wait in
// answers for their turn; from there, and from lines that have no turn, they
// get to ready; from ready somebody takes them to the socket. While a read is
// live whoever drives it does so alone (tail.go); otherwise whoever made something
// ready does, as far as that can't block, and leaves the rest to a goroutine.
type outbox struct {
	c        *connection
	headOf   func(log string) uint64
	tryWrite func(p []byte) (int, error) // never blocks
	writable func() error                // waits until something can be written; nil: can't be told

	mu      sync.Mutex // guards the following
	changed *sync.Cond // something was sent, answered, or broke
	answers answers
	ready   []byte
	spare   []byte // the other buffer
	writing bool   // somebody is writing to the socket
	sending int    // bytes that it has taken
	tail    *tail  // the read under way
	gone    bool   // nothing can be sent any more
}

func (o *outbox) init(c *connection) {
	o.c = c
	o.changed = sync.NewCond(&o.mu)
	o.tryWrite = nonblocking(c.net)
	o.writable = writable(c.net)
	o.headOf = func(log string) uint64 {
		if t, ok := c.log.hub.Lookup([]byte(log)); ok {
			return t.Head()
		}
		return 0
	}
}

// expect queues the answer of an append, whose fate will be told by resolve or fail.
func (o *outbox) expect(id []byte, count int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers.push(id, answer{kind: answerAppend, count: uint32(count)})
}

// refuse answers a line with an error: in its turn if it has an id.
func (o *outbox) refuse(id []byte, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id == nil {
		o.ready = protocol.AppendError(o.ready, nil, reason)
		return
	}
	o.answers.push(id, answer{kind: answerRefusal, resolved: true, reason: reason})
	o.drainUnlessTail()
}

// head answers with a log's head, or refuses it, and the members if they are wanted: at once, or in its
// turn if it has an id.
func (o *outbox) head(id, log []byte, members bool, refusal string) {
	if log == nil {
		log = mainLog
	}
	a := answer{kind: answerHead, resolved: true, log: string(log), members: members, reason: refusal}
	o.mu.Lock()
	defer o.mu.Unlock()
	if id == nil {
		o.ready = o.appendHead(o.ready, nil, &a)
		return
	}
	o.answers.push(id, a)
	o.drainUnlessTail()
}

func (o *outbox) appendHead(dst, id []byte, a *answer) []byte {
	var members []string
	if ask := o.c.limits.Members; a.members && ask != nil {
		members = ask()
	}
	if a.reason != "" {
		return protocol.AppendErrorMembers(dst, id, a.reason, members)
	}
	return protocol.AppendHeadMembers(dst, id, o.headOf(a.log), members)
}

// say sends lines that have no turn.
func (o *outbox) say(lines []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.gone {
		o.ready = append(o.ready, lines...)
	}
}

// resolve notes the fate of the next appends. It is told only with release,
// when the heads that follow from it have been announced.
func (o *outbox) resolve(outcome *order.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range outcome.Appends {
		o.answers.unresolved().decide(outcome, i)
	}
}

// fail notes that the next n appends are not decided here.
func (o *outbox) fail(n int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range n {
		a := o.answers.unresolved()
		a.resolved, a.reason = true, reason
	}
}

// release lets everybody be told what was resolved, and sends it.
func (o *outbox) release() {
	o.mu.Lock()
	o.answers.release()
	o.drainUnlessTail()
	o.mu.Unlock()
	o.flush()
}

func (o *outbox) drainUnlessTail() {
	if o.tail == nil {
		o.drain()
	}
}

// drain makes the answers ready whose turn has come. A live read holds back
// what says that an index of its log exists which it has not come to, and
// skips what was confirmed in place of being sent. The caller holds o.mu and,
// when there is a tail, drives it.
func (o *outbox) drain() {
	before := o.answers.len()
	for o.answers.len() > 0 {
		a, id := o.answers.front()
		if !o.answers.released() {
			break
		}
		if o.tail != nil && !o.tail.mayTell(a) {
			break
		}
		if a.kind == answerHead {
			o.ready = o.appendHead(o.ready, id, a)
		} else {
			o.ready = a.encode(o.ready, id)
		}
		o.answers.pop()
	}
	if o.answers.len() < before {
		o.changed.Broadcast()
	}
	if o.gone {
		o.ready = o.ready[:0]
	}
}

// flush sends what is ready as far as that can't block. While a read is live
// it only wakes the read.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail != nil {
		o.tail.Wake()
		return
	}
	for !o.writing && !o.gone && len(o.ready) > 0 {
		p := o.take()
		o.mu.Unlock()
		n, err := o.tryWrite(p)
		o.mu.Lock()
		if err == nil && n < len(p) {
			go o.writeRest(p, n) // finish waits for it
			return
		}
		o.wrote(p, err)
	}
}

// writeRest writes p[n:], and what becomes ready meanwhile, however long that
// takes. The caller has taken p and leaves it to writeRest.
func (o *outbox) writeRest(p []byte, n int) {
	_, err := o.c.net.Write(p[n:])
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrote(p, err)
	for o.tail == nil && !o.gone && len(o.ready) > 0 {
		p := o.take()
		o.mu.Unlock()
		_, err := o.c.net.Write(p)
		o.mu.Lock()
		o.wrote(p, err)
	}
}

// take takes what is ready, to be written by the caller, who holds o.mu and
// then calls wrote. Nobody else writes meanwhile.
func (o *outbox) take() []byte {
	p := o.ready
	o.ready, o.spare = o.spare[:0], nil
	o.writing, o.sending = true, len(p)
	return p
}

// wrote ends what take began. The caller holds o.mu.
func (o *outbox) wrote(p []byte, err error) {
	const keep = 64 << 10 // a buffer that grew beyond this is not kept
	if cap(p) <= keep {
		o.spare = p[:0]
	}
	if len(o.ready) == 0 && cap(o.ready) > keep {
		o.ready = nil
	}
	o.writing, o.sending = false, 0
	if err != nil {
		o.breakOff()
	}
	o.changed.Broadcast()
}

// breakOff gives up what could not be sent. The caller holds o.mu.
func (o *outbox) breakOff() {
	o.gone = true
	o.ready = nil
	o.changed.Broadcast()
	if o.tail != nil {
		o.tail.Wake()
	}
	_ = o.c.net.SetDeadline(alreadyPast) // nobody has anything to wait for any more
}

// abandon gives up everything that is to be sent.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.breakOff()
}

func (o *outbox) broken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gone
}

// wake lets the connection's goroutine look at its state again.
func (o *outbox) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed.Broadcast()
}

// size returns how many bytes of memory the outbox holds.
func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return cap(o.ready) + cap(o.spare) + o.sending + o.answers.size()
}

// shrink gives back the memory that is not needed while nothing goes on.
func (o *outbox) shrink() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ready) == 0 {
		o.ready = nil
	}
	o.spare = nil
	if o.answers.len() == 0 {
		o.answers = answers{}
	}
}

func (o *outbox) hasRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.roomy()
}

func (o *outbox) roomy() bool {
	answers, bytes := o.c.limits.MaxUnanswered, o.c.limits.MaxUnsent
	if o.c.memory.budget.exhausted() {
		answers, bytes = min(answers, fewAnswers), min(bytes, fewBytes)
	}
	return o.answers.len() < answers && len(o.ready)+o.sending < bytes
}

// When memory is used up, a connection is not read from with as much to be answered or
// taken as this.
const (
	fewAnswers = 16
	fewBytes   = 4 << 10
	lookAgain  = 100 * time.Millisecond
)

// waitForRoom blocks while the client has too much unanswered or untaken: it
// is not read from meanwhile. It returns errGone when the connection broke.
func (o *outbox) waitForRoom() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.gone && !o.roomy() && !o.c.stopping.Load() {
		if o.c.memory.budget.exhausted() { // nobody tells when it is not any more
			time.AfterFunc(lookAgain, o.wake)
		}
		o.changed.Wait()
	}
	if o.gone {
		return errGone
	}
	return nil
}

// finish waits until everything is answered and sent, and says farewell last.
func (o *outbox) finish(farewell string) {
	o.mu.Lock()
	for o.answers.len() > 0 {
		o.changed.Wait()
	}
	if farewell != "" && !o.gone {
		o.ready = protocol.AppendError(o.ready, nil, farewell)
	}
	o.mu.Unlock()
	o.flush()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing || !o.gone && len(o.ready) > 0 {
		o.changed.Wait()
	}
}

// begin makes t the read under way, unless there is one.
func (o *outbox) begin(t *tail) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail != nil {
		return false
	}
	o.tail = t
	return true
}

// tryWriteTail sends what is ready and then lines, of a live read, as far as that
// can't block, and tells whether everything went. Of lines, taken bytes are no longer the
// caller's business; when not everything went, the caller, who drives the tail, goes on
// where it may block.
func (o *outbox) tryWriteTail(lines []byte) (taken int, all bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken = len(lines)
	if o.writing || len(o.ready) > 0 {
		o.ready = append(o.ready, lines...)
		lines = nil
	}
	if o.writing {
		return taken, false
	}
	if len(o.ready) > 0 {
		lines = o.take()
	}
	if len(lines) == 0 || o.gone {
		return taken, true
	}
	own := o.writing // lines are a buffer of the outbox
	o.writing, o.sending = true, len(lines)
	o.mu.Unlock()
	n, err := o.tryWrite(lines)
	o.mu.Lock()
	partly := err == nil && n < len(lines)
	if own && partly {
		go o.writeRest(lines, n)
		return taken, false
	}
	if !own { // tails share them: they are not kept
		taken, lines = n, nil
	}
	o.wrote(lines, err)
	return taken, !partly
}
