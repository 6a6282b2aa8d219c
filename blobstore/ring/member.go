package ring

import (
	"cmp"
	"slices"
)

// Members returns all members, ascending by ID, each with its seat.
func (r *Ring) Members() []Member { return slices.Clone(r.members) }

// Settings returns what the ring was made with.
func (r *Ring) Settings() Settings { return r.settings }

// Member returns the member with that ID; false if there is none.
func (r *Ring) Member(id uint64) (Member, bool) {
	m, ok := r.find(id)
	if !ok {
		return Member{}, false
	}
	return r.members[m], true
}

// Successor returns the ID of the member whose first point follows that of the given one: a member that
// is alone is its own. False if there is no such member.
func (r *Ring) Successor(id uint64) (uint64, bool) { return r.neighbour(id, 1) }

// Predecessor returns the ID of the member whose successor the given one is.
func (r *Ring) Predecessor(id uint64) (uint64, bool) { return r.neighbour(id, len(r.members)-1) }

func (r *Ring) neighbour(id uint64, steps int) (uint64, bool) {
	m, ok := r.find(id)
	if !ok {
		return 0, false
	}
	at := slices.Index(r.around, m)
	return r.members[r.around[(at+steps)%len(r.around)]].ID, true
}

func (r *Ring) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(r.members, id, func(m Member, id uint64) int { return cmp.Compare(m.ID, id) })
}
