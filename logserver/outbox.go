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
