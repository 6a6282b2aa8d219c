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
}

type stored[V any] struct {
	value   V
	ordered uint64 // the last Raft index at which an order frame named it
}

// maxUndecided is how much content is remembered whose order never came.
const maxUndecided = 1 << 16

// Store says that content is stored. applied is the Raft index of the last decision.
func (u *Undecided[V]) Store(d blobstore.Digest, v V, applied uint64) {
	if u.byDigest == nil {
		u.byDigest = make(map[blobstore.Digest]stored[V])
	}
	if s, ok := u.byDigest[d]; ok {
		s.value = v
		u.byDigest[d] = s
		return
	}
	if len(u.byDigest) >= maxUndecided {
		for d, s := range u.byDigest {
			if s.ordered <= applied {
				delete(u.byDigest, d)
			}
		}
	}
	u.byDigest[d] = stored[V]{value: v}
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
	if _, d, ok := batchOf(r.b); ok {
		if s, ok := u.byDigest[d]; ok {
			s.ordered = index
			u.byDigest[d] = s
		}
	}
}

// Find returns what is known of content.
func (u *Undecided[V]) Find(d blobstore.Digest) (v V, ok bool) {
	s, ok := u.byDigest[d]
	if ok {
		v = s.value
	}
	return v, ok
}

// Decide says that a decision was made, and forgets the content that it names, unless a
// later one may name it too.
func (u *Undecided[V]) Decide(d *Decision) {
	s, ok := u.byDigest[d.Digest]
	if ok && d.Kind == KindBatch && !d.Skipped && s.ordered <= d.Index {
		delete(u.byDigest, d.Digest)
	}
}

// All returns everything that is stored and undecided.
func (u *Undecided[V]) All() iter.Seq2[blobstore.Digest, V] {
	return func(yield func(blobstore.Digest, V) bool) {
		for d, s := range u.byDigest {
			if !yield(d, s.value) {
				return
			}
		}
	}
}

// Clear forgets everything.
func (u *Undecided[V]) Clear() { clear(u.byDigest) }
