package logserver

import (
	"math"
	"unsafe"

	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

type answerKind uint8

const (
	answerAppend  answerKind = iota // its outcome comes with the commit
	answerRefusal                   // known at once, said in its turn
	answerHead                      // looked up in its turn
)

// answer is what a line with an id will get, in the order of the lines. Its id
// is kept in the outbox.
type answer struct {
	kind     answerKind
	resolved bool
	members  bool // answerHead: and who the members are
	idLen    uint16
	count    uint32 // of the entries, when the line had "entries"
	log      string // answerHead: whose head
	reason   string // answerRefusal, a head that is refused, or an append that was not decided here

	// The outcome of an append.
	status    order.Status
	duplicate bool
	forgotten bool
	logID     uint32
	entries   uint32
	first     uint64
	n         uint64
}

// decide notes the outcome of the i-th append of o.
func (a *answer) decide(o *order.Outcome, i uint32) {
	a.resolved = true
	a.status = o.Status
	a.duplicate = o.Duplicate
	a.forgotten = o.Forgotten
	a.logID = o.Log
	a.entries = o.Entries
	a.first = o.First + uint64(i)*uint64(o.Entries)
	a.n = o.N
	if o.Status == order.Appended && (a.count > 0 || o.Entries > 1) {
		a.count = o.Entries // of a duplicate, as many as the first time
	}
}

// tells reports whether the answer says that an index of the log exists, and
// which: such answers wait until a live read of that log has come to it.
func (a *answer) tells(log uint32) (index uint64, ok bool) {
	if a.kind != answerAppend || a.reason != "" || a.status != order.Appended || a.forgotten || a.logID != log {
		return 0, false
	}
	return a.first, true
}

// encode appends the answer's line to dst, but for a head.
func (a *answer) encode(dst, id []byte) []byte {
	switch {
	case a.reason != "":
		return protocol.AppendError(dst, id, a.reason)
	case a.forgotten:
		return protocol.AppendDuplicateForgotten(dst, id)
	}
	switch a.status {
	case order.Appended:
		return protocol.AppendConfirmation(dst, id, a.first, int(a.count), a.duplicate)
	case order.SeqGap:
		return protocol.AppendErrorSeq(dst, id, a.n)
	case order.KeyUsed:
		return protocol.AppendErrorKey(dst, id, a.n, a.duplicate)
	case order.HeadIs:
		return protocol.AppendErrorHead(dst, id, a.n, a.duplicate)
	case order.TooManyLogs:
		if a.duplicate {
			return protocol.AppendErrorDuplicate(dst, id, protocol.ErrorTooManyLogs)
		}
		return protocol.AppendError(dst, id, protocol.ErrorTooManyLogs)
	}
	return protocol.AppendError(dst, id, protocol.ErrorUnknownOutcome)
}

// answers is a queue of answers and their ids, without an allocation each.
type answers struct {
	list []answer
	head int // of the oldest in list
	next int // all appends in list before it are resolved, none from it on
	held int // all appends in list before it may be told, none from it on
	ids  []byte
	idAt int // of the oldest's id in ids
}

func (q *answers) len() int { return len(q.list) - q.head }

// size returns how many bytes of memory the queue holds.
func (q *answers) size() int { return cap(q.list)*int(unsafe.Sizeof(answer{})) + cap(q.ids) }

func (q *answers) push(id []byte, a answer) {
	a.idLen = uint16(len(id))
	q.ids = append(q.ids, id...)
	q.list = append(q.list, a)
}

// front returns the oldest answer; there is one.
func (q *answers) front() (a *answer, id []byte) {
	a = &q.list[q.head]
	return a, q.ids[q.idAt : q.idAt+int(a.idLen)]
}

// pop removes the oldest answer, and gives the space of those before back when
// that is cheap: when nothing is left, or more is gone than is there.
func (q *answers) pop() {
	q.idAt += int(q.list[q.head].idLen)
	q.list[q.head].log, q.list[q.head].reason = "", ""
	q.head++
	q.next, q.held = max(q.next, q.head), max(q.held, q.head)
	switch left := q.len(); {
	case left == 0:
		q.list, q.ids = q.list[:0], q.ids[:0]
		q.head, q.next, q.held, q.idAt = 0, 0, 0, 0
	case q.head > 1024 && q.head > left:
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.ids = q.ids[:copy(q.ids, q.ids[q.idAt:])]
		q.next -= q.head
		q.held -= q.head
		q.head, q.idAt = 0, 0
	}
}

// unresolved returns the oldest append whose fate is not known yet; the caller
// makes it known.
func (q *answers) unresolved() *answer {
	for q.list[q.next].kind != answerAppend || q.list[q.next].resolved {
		q.next++
	}
	q.next++
	return &q.list[q.next-1]
}

// untold returns the smallest index of a log that an answer tells of which is
// resolved and waits for its release, or for the answers before it; none: the
// largest number. Of duplicates only the oldest answer counts: one behind it may
// tell of less than what it waits for itself.
func (q *answers) untold(log uint32) (index uint64) {
	index = math.MaxUint64
	for i := q.head; i < q.next; i++ {
		if first, ok := q.list[i].tells(log); ok && (i == q.head || !q.list[i].duplicate) {
			index = min(index, first)
		}
	}
	return index
}

// release lets be told what has been resolved.
func (q *answers) release() { q.held = q.next }

// released tells whether the oldest answer may be told.
func (q *answers) released() bool {
	a := &q.list[q.head]
	return a.resolved && (a.kind != answerAppend || q.head < q.held)
}
