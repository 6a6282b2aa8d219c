package ring

import (
	"encoding/binary"
	"iter"
)

// Virtual is how many points a member has.
const Virtual = virtual

// Build is New with another number of points for each member.
var Build = build

// Arcs yields, for each piece of the circle in which all digests have the same owners, one of these
// digests and how much of the circle it is.
func (r *Ring) Arcs() iter.Seq2[[32]byte, float64] {
	return func(yield func([32]byte, float64) bool) {
		before := r.at[len(r.at)-1]
		for _, at := range r.at {
			var digest [32]byte
			binary.BigEndian.PutUint64(digest[:], at)
			if !yield(digest, float64(at-before)/(1<<64)) {
				return
			}
			before = at
		}
	}
}
