package client

import (
	"crypto/rand"
	"strconv"
	"time"
)

// window holds the appends that have no outcome yet and decides what is sent
// under which number, what an answer means, and what can still be known when
// something fails. It is a state machine without goroutine, socket or clock;
// Client.mu guards it.
//
// The numbers of a producer are decided strictly one after the other. What
// follows from this:
//
//   - When a connection breaks, what was sent on it is sent again from the
//     front under the same numbers: at worst it is a duplicate.
//   - A request keeps its number. When one is refused without using its number
//     up, those sent behind it can't be decided before that number is. They
//     are either all sent again, in order, or all given up. (Only when the
//     refused one is out for good do they go on without it, renumbered.)
//   - If the first request given up was never sent without being answered
//     (it is not doubtful), then its number has not been decided, and will not
//     be once nobody sends it again: the ones behind it, even those without an
//     answer, will never be appended. If it is doubtful, its outcome is
//     unknown, and so is that of the doubtful ones right behind it.
//   - A number goes to another request only if the one that had it, and all
//     behind that, are answered: then no copy is left that could be taken for
//     it. Otherwise a new producer begins.
//
// So one refusal, gap or doubt stops the sending until everything under way is
// answered (or the connection breaks); then settle decides how to go on.
type window struct {
	retry retryLimits

	producer string
	prefix   []byte // of a message, between its id and its number

	// The requests that were sent under producer, with the numbers first,
	// first+1, …; some behind the front may be settled.
	numbered deque[*request]
	first    uint64

	// Those that never were sent; some behind the front may be settled
	// (withdrawn).
	waiting deque[*request]

	// On this connection, the numbers from answer to send-1 await answers, and
	// send is the next to be sent.
	answer, send uint64

	servers  int       // that may be asked
	refusals int       // of them that have refused for now since something was decided
	believe  time.Time // until then the refusal of one is as good as that of all

	trouble      answer    // the first reason to stop sending; none if decided
	troubleSince time.Time // and nothing has been decided since

	accepted uint64 // requests ever
	count    int    // requests not settled
	bytes    int    // their sizes

	outcomes *outcomes // to be told when the lock is given back
}

type retryLimits struct {
	refused time.Duration // how long a refusal that may pass is sent again
	unsure  time.Duration // how long what is doubtful is sent again
}

func newWindow(limits retryLimits) *window {
	w := &window{retry: limits, outcomes: new(outcomes)}
	w.beginProducer()
	return w
}

func (w *window) beginProducer() {
	w.producer = rand.Text()
	w.prefix = append(w.prefix[:0], `","producer":"`+w.producer+`","seq":`...)
	w.first, w.answer, w.send = 1, 1, 1
}

// accept takes a request in, behind all others.
func (w *window) accept(r *request, p *Pending) {
	r.pending, p.request = p, r
	w.accepted++
	r.order = w.accepted
	w.waiting.push(r)
	w.count++
	w.bytes += r.size()
}

// numberedEnd is the number that the next new request gets.
func (w *window) numberedEnd() uint64 { return w.first + uint64(w.numbered.len()) }

func (w *window) at(number uint64) *request { return w.numbered.at(int(number - w.first)) }

// inFlight tells whether answers are to come on this connection.
func (w *window) inFlight() bool { return w.answer < w.send }

func (w *window) troubled() bool { return w.trouble.verdict != decided }

// sendable tells whether fill would give anything.
func (w *window) sendable() bool {
	return !w.troubled() && (w.send < w.numberedEnd() || w.waiting.len() > 0)
}

// fill appends the messages to be sent next to out, until there are no more or
// it is longer than limit.
func (w *window) fill(out []byte, limit int) []byte {
	for w.sendable() && len(out) < limit {
		if w.send == w.numberedEnd() {
			w.numbered.push(w.popWaiting())
		}
		out = w.encode(out, w.send)
		w.send++
	}
	return out
}

// popWaiting takes the front of waiting, and forgets the settled ones behind it.
func (w *window) popWaiting() *request {
	r := w.waiting.pop()
	w.trimWaiting()
	return r
}

func (w *window) trimWaiting() {
	for w.waiting.len() > 0 && w.waiting.at(0).settled() {
		w.waiting.pop().recycle()
	}
}

func (w *window) encode(out []byte, number uint64) []byte {
	out = append(out, `{"id":"`...)
	out = strconv.AppendUint(out, number, 10)
	out = append(out, w.prefix...)
	out = strconv.AppendUint(out, number, 10)
	out = append(out, ',')
	return append(out, w.at(number).line...)
}

// answered takes in the next answer. It is false if none is due, or another.
func (w *window) answered(a answer) bool {
	if !w.inFlight() || a.number != w.answer {
		return false
	}
	r := w.at(w.answer)
	w.answer++
	switch a.verdict {
	case decided:
		w.settleRequest(r, a.index, a.err)
		w.troubleSince, w.believe, w.refusals = time.Time{}, time.Time{}, 0
		w.trim()
	case undecided:
		r.doubtful = true
		fallthrough
	default:
		w.stop(a)
	}
	return true
}

// rejectNext takes in that the server closes the connection because of the
// line that would be answered next.
func (w *window) rejectNext(err error) {
	if w.inFlight() {
		w.answered(answer{number: w.answer, verdict: rejected, err: err})
	}
}

// notTaken takes in that the server takes nothing of what it has not answered:
// there is no doubt about what was sent on this connection only.
func (w *window) notTaken() { w.send = w.answer }

// stop stops the sending. Later reasons count only where they say more: that
// the server waits for a number which is no longer held.
func (w *window) stop(a answer) {
	if !w.troubled() || w.lost(a) && !w.lost(w.trouble) {
		w.trouble = a
	}
}

// lost tells whether the server waits for a number that is not held: it has
// forgotten the producer, or lost data.
func (w *window) lost(a answer) bool {
	return a.verdict == gap && (a.last+1 < w.first || a.last >= a.number)
}

// trim forgets the settled requests at the front, but for those that are on
// their way once more and will be answered.
func (w *window) trim() {
	for w.numbered.len() > 0 && w.numbered.at(0).settled() && (w.first < w.answer || !w.inFlight()) {
		w.numbered.pop().recycle()
		w.first++
		w.answer, w.send = max(w.answer, w.first), max(w.send, w.first)
	}
}

// withdraw takes back the request of p if it was never sent.
func (w *window) withdraw(p *Pending, err error) bool {
	r := p.request
	if r == nil || r.order <= w.lastSent() {
		return false
	}
	w.settleRequest(r, 0, err)
	w.trimWaiting()
	return true
}

// lastSent is the order of the last request that has a number, or before.
func (w *window) lastSent() uint64 {
	if n := w.numbered.len(); n > 0 {
		return w.numbered.at(n - 1).order
	}
	return 0
}

// settledTo is the last order up to which every request is settled.
func (w *window) settledTo() uint64 {
	switch {
	case w.count == 0:
		return w.accepted
	case w.numbered.len() > 0:
		return w.numbered.at(0).order - 1
	case w.waiting.len() > 0:
		return w.waiting.at(0).order - 1
	}
	return w.accepted
}

// settleRequest gives a request its outcome, unless it has one.
func (w *window) settleRequest(r *request, index uint64, err error) {
	if r.settled() {
		return
	}
	if err != nil {
		index = 0
	}
	w.outcomes.list = append(w.outcomes.list, outcome{r.pending, index, err})
	r.pending.request = nil
	r.pending = nil
	w.count--
	w.bytes -= r.size()
}
