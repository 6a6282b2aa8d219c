package crash

import (
	"hash/fnv"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// A request of a history: an append (value, after), a read of all entries from an index on, or the
// question for the head.
type request struct {
	kind  kindOf
	value int    // appended; each at most once
	after uint64 // append only behind this index; unconditionally if it is anywhere
	from  uint64
}

type kindOf int

const (
	appends kindOf = iota
	reads
	heads
)

const anywhere = ^uint64(0)

// A reply is what the server answered to a request.
type reply struct {
	index   uint64 // of the entry appended; 0 when it was refused
	head    uint64 // told by a refusal, or asked for
	entries []int  // read
}

// prefix is a log, as its last entry and what was before it. It is never changed.
type prefix struct {
	before *prefix
	length uint64
	value  int
	sum    uint64 // over all values
}

var nothing = &prefix{}

func (p *prefix) with(value int) *prefix {
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendUint(strconv.AppendInt(nil, int64(value), 10), p.sum, 36)) // never fails
	return &prefix{p, p.length + 1, value, h.Sum64()}
}

// log is the model of a log for porcupine: what one process that does one thing at a time would answer.
var log = porcupine.Model{
	Init: func() any { return nothing },
	Step: func(state, input, output any) (bool, any) {
		p := state.(*prefix)
		return p.step(input.(request), output.(reply))
	},
	Equal: func(a, b any) bool {
		p, q := a.(*prefix), b.(*prefix)
		return p.length == q.length && p.sum == q.sum
	},
}

func (p *prefix) step(q request, r reply) (bool, *prefix) {
	switch q.kind {
	case appends:
		if q.after != anywhere && q.after != p.length {
			return r.index == 0 && r.head == p.length, p
		}
		return r.index == p.length+1, p.with(q.value)
	case heads:
		return r.head == p.length, p
	}
	return p.holds(q.from, r.entries), p
}

// holds says whether the log from an index on is exactly these entries.
func (p *prefix) holds(from uint64, entries []int) bool {
	if from+uint64(len(entries)) != max(p.length+1, from) {
		return false
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i] != p.value {
			return false
		}
		p = p.before
	}
	return true
}
