package order

import (
	"iter"

	"github.com/ringlog/ringlog/blobstore"
)

// Undecided is content that is stored and that a decision may still name: by its batch's
// digest, whatever is to be known of it. Several proposals under way may name the same
// content, or none of those that come to be decided. The zero value is ready.
type Undecided[V any] struct {
	byDigest map[blobstore.Digest]stored[V]
	decided  []blobstore.Digest // what was decided lately, from oldest on
	oldest   int
	sweepAt  uint64 // not before this decision is anything forgotten whose order never came
}

type stored[V any] struct {
	value   V
	later   []V    // stored again, to be decided again: decisions are written after they were made, so a replay may meet this first
	since   uint64 // the Raft index of the last decision when it was stored
	ordered uint64 // the last Raft index at which an order frame named it
	decided bool
	listed  int // how often it is among those decided lately
}

// maxDecided is for how long content is remembered that was decided, in contents: records
// that are pulled from others may name it more than once.
const maxDecided = 1 << 10

const (
	maxUndecided = 1 << 16 // how much content is remembered whose order never came, about
	leastPatient = 1 << 14 // for how many decisions it is remembered in any case: its order may be on the way
	sweepEvery   = 1 << 10 // after how many decisions it is looked again what can be forgotten
)

// Store says that content is stored. applied is the Raft index of the last decision.
func (u *Undecided[V]) Store(d blobstore.Digest, v V, applied uint64) {
	if u.byDigest == nil {
		u.byDigest = make(map[blobstore.Digest]stored[V])
	}
	if s, ok := u.byDigest[d]; ok {
		if s.since = applied; s.decided {
			s.value, s.decided = v, false
		} else {
			s.later = append(s.later, v)
		}
		u.byDigest[d] = s
		return
	}
	if len(u.byDigest) >= maxUndecided && applied >= u.sweepAt {
		u.sweepAt = applied + sweepEvery
		for d, s := range u.byDigest {
			if max(s.ordered, s.since+leastPatient) <= applied && !s.decided && s.listed == 0 {
				delete(u.byDigest, d)
			}
		}
	}
	u.byDigest[d] = stored[V]{value: v, since: applied}
}

// Order says that an order frame with a payload is stored, or will be at once.
func (u *Undecided[V]) Order(payload []byte) {
	if len(u.byDigest) == 0 {
		return
	}
	r := reader{b: payload}
	r.byte()
	r.byte()
	index := r.uvarint()
	r.uvarint()
	if r.bad {
		return
	}
	if b, ok := batchOf(r.b); ok {
		if s, ok := u.byDigest[b.digest]; ok {
			s.ordered = index
			u.byDigest[b.digest] = s
		}
	}
}

// Has tells whether content is stored that isn't decided.
func (u *Undecided[V]) Has(d blobstore.Digest) bool {
	s, ok := u.byDigest[d]
	return ok && !s.decided
}

// Find returns what is known of content, decided lately or not.
func (u *Undecided[V]) Find(d blobstore.Digest) (v V, ok bool) {
	s, ok := u.byDigest[d]
	if ok {
		v = s.value
	}
	return v, ok
}

// Decide says that a decision was made. The content that it names counts as decided, unless
// something was ordered that will name it again; a proposal that was skipped comes again.
func (u *Undecided[V]) Decide(d *Decision) {
	s, ok := u.byDigest[d.Digest]
	if !ok || d.Kind != KindBatch || d.Skipped || s.ordered > d.Index {
		return
	}
	if len(s.later) > 0 {
		s.value, s.later = s.later[0], s.later[1:]
		u.byDigest[d.Digest] = s
		return
	}
	s.decided = true
	s.listed++
	u.byDigest[d.Digest] = s
	if len(u.decided) < maxDecided {
		u.decided = append(u.decided, d.Digest)
		return
	}
	u.unlist(u.decided[u.oldest])
	u.decided[u.oldest] = d.Digest
	u.oldest = (u.oldest + 1) % maxDecided
}

// unlist forgets content that was decided the longest ago, unless it was decided again since.
func (u *Undecided[V]) unlist(d blobstore.Digest) {
	s := u.byDigest[d]
	if s.listed--; s.listed == 0 && s.decided {
		delete(u.byDigest, d)
		return
	}
	u.byDigest[d] = s
}

// All returns everything that is stored and undecided.
func (u *Undecided[V]) All() iter.Seq2[blobstore.Digest, V] {
	return func(yield func(blobstore.Digest, V) bool) {
		for d, s := range u.byDigest {
			if !s.decided && !yield(d, s.value) {
				return
			}
		}
	}
}

// Clear forgets everything.
func (u *Undecided[V]) Clear() { *u = Undecided[V]{} }
