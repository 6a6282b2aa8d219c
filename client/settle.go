package client

import "time"

// next says how the sending goes on after trouble.
type next uint8

const (
	proceed   next = iota
	pause          // after a while: nothing has been decided in between
	reconnect      // at another server, if there is one
)

// settleable tells whether sending was stopped and everything is answered.
func (w *window) settleable() bool { return w.troubled() && !w.inFlight() }

// settle decides how to go on after trouble, when nothing is in flight.
func (w *window) settle(now time.Time) next {
	t := w.trouble
	w.trouble = answer{}
	repeated := !w.troubleSince.IsZero()
	if !repeated {
		w.troubleSince = now
	}
	w.rewind()
	if w.lost(t) {
		w.doubtAll()
		w.abandon(nil, nil)
		return proceed
	}
	switch {
	case w.passable(t):
		w.passOver(t.err)
		return proceed
	case w.elsewhere(t, now):
		return reconnect
	case w.hopeless(t, now.Sub(w.troubleSince)):
		w.abandon(t.err, behind(t.err))
		return proceed
	}
	switch {
	case t.verdict == later:
		return reconnect
	case t.verdict == gap && !repeated:
		return proceed
	}
	return pause
}

// hopeless tells whether trouble that has lasted so long is not worth sending
// everything again. A refusal of another than the front will come again when
// that is decided.
func (w *window) hopeless(t answer, elapsed time.Duration) bool {
	front := t.number == w.first
	switch {
	case t.verdict == rejected && front:
		return true
	case t.verdict == refused && front && !w.numbered.at(0).doubtful:
		return over(elapsed, w.retry.refused)
	}
	return over(elapsed, w.retry.unsure)
}

// believeFor is how long the refusal of one server is taken for that of all,
// when all have refused.
const believeFor = time.Second

// elsewhere tells whether other servers are to be asked before a refusal that
// may pass is believed: another may have room, or reach a quorum.
func (w *window) elsewhere(t answer, now time.Time) bool {
	if t.verdict != refused || now.Before(w.believe) {
		return false
	}
	if w.refusals++; w.refusals < w.servers {
		return true
	}
	w.refusals, w.believe = 0, now.Add(believeFor)
	return false
}

// passable tells whether trouble is about the front alone, which was never
// appended and never will be: nothing sent behind it has been decided then.
func (w *window) passable(t answer) bool {
	if t.verdict != rejected || t.number != w.first || !ofEntry(t.err) || w.numbered.at(0).doubtful {
		return false
	}
	for i := range w.numbered.len() {
		if w.numbered.at(i).settled() {
			return false
		}
	}
	return true
}

// passOver gives up the front and has those behind it sent again, in order,
// each under a number that is new or that no copy is left under.
func (w *window) passOver(cause error) {
	w.giveUp(w.numbered.pop(), cause)
	reusable := true
	for i := range w.numbered.len() {
		r := w.numbered.at(i)
		reusable = reusable && !r.doubtful
		r.doubtful = false // its old number comes behind one that nobody sends again
	}
	w.troubleSince = time.Time{}
	if !reusable {
		w.beginProducer()
	}
	w.answer, w.send = w.first, w.first
}

// rewind begins again at the front.
func (w *window) rewind() {
	w.trim()
	w.answer, w.send = w.first, w.first
}

// cut takes in that the connection broke.
func (w *window) cut(now time.Time) {
	for n := w.answer; n < w.send; n++ {
		w.at(n).doubtful = true
	}
	w.answer = w.send
	if w.troubled() {
		w.settle(now)
	}
	w.rewind()
}

func (w *window) doubtAll() {
	for i := range w.numbered.len() {
		w.numbered.at(i).doubtful = true
	}
}

// abandon gives up every request that has a number, when nothing is in flight:
// the front because of cause, the others because of rest, and where it is so,
// with an unknown outcome. Causes may be nil where the outcome is unknown.
func (w *window) abandon(cause, rest error) {
	if w.numbered.len() == 0 {
		return
	}
	unknown, reusable := true, true
	for err := cause; w.numbered.len() > 0; err = rest {
		r := w.numbered.pop()
		reusable = reusable && !r.doubtful && !r.settled()
		if !r.settled() {
			unknown = unknown && r.doubtful
		}
		if unknown {
			err = uncertain(err)
		}
		w.giveUp(r, err)
	}
	w.troubleSince = time.Time{}
	if !reusable {
		w.beginProducer()
	}
	w.answer, w.send = w.first, w.first
}

// expire gives up what has been kept without a connection since before the
// time until; the connection broke at since.
func (w *window) expire(since, until time.Time, err error) {
	if w.numbered.len() > 0 && !kept(w.numbered.at(0), since).After(until) {
		w.abandon(err, err)
	}
	for w.waiting.len() > 0 && !kept(w.waiting.at(0), since).After(until) {
		w.giveUp(w.popWaiting(), err)
	}
}

func (w *window) giveUp(r *request, err error) {
	w.settleRequest(r, 0, err)
	r.recycle()
}

// oldest is since when the front has been kept; false if there is none.
func (w *window) oldest(since time.Time) (time.Time, bool) {
	switch {
	case w.numbered.len() > 0:
		return kept(w.numbered.at(0), since), true
	case w.waiting.len() > 0:
		return kept(w.waiting.at(0), since), true
	}
	return time.Time{}, false
}

func kept(r *request, since time.Time) time.Time {
	if r.kept.After(since) {
		return r.kept
	}
	return since
}

// abandonAll gives up everything, when nothing is in flight.
func (w *window) abandonAll(err error) {
	w.abandon(err, err)
	for w.waiting.len() > 0 {
		w.giveUp(w.popWaiting(), err)
	}
}
