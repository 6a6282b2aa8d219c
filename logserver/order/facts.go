package order

import (
	"bytes"
	"fmt"
	"slices"
)

// MaxAbout is how long what is said about a node may be.
const MaxAbout = 4096

// fact is what a proposal says about a node: the newcomer of a change of members, or who
// has started.
type fact struct {
	id       uint64 // 0: nothing is said
	replaces uint64 // whose place it takes; 0: nobody's, or as it was
	about    []byte // empty: as it was
}

// known is what is known of a member of which something was said.
type known struct {
	fact
	seat uint64 // number of the first node whose place this is: its own, unless it took over
}

// append encodes a fact: id, whom it replaces, length of what is said: uvarint; that.
func (f *fact) append(dst []byte) []byte {
	dst = appendUvarints(dst, f.id, f.replaces, uint64(len(f.about)))
	return append(dst, f.about...)
}

// fact reads what append wrote. It says something.
func (r *reader) fact() (f fact) {
	f.id, f.replaces = r.between(1, maxNode), r.between(0, maxNode)
	f.about = r.take(int(r.between(0, MaxAbout)))
	if f.replaces == f.id || f.replaces == 0 && len(f.about) == 0 {
		r.fail()
	}
	return f
}

// known returns what is known of a member, nil if nothing was said of it.
func (s *state) known(id uint64) *known {
	i, ok := s.find(id)
	if !ok {
		return nil
	}
	return &s.facts[i]
}

func (s *state) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(s.facts, id, func(k known, id uint64) int {
		switch {
		case k.id < id:
			return -1
		case k.id > id:
			return 1
		}
		return 0
	})
}

// seat returns the seat of a node.
func (s *state) seat(id uint64) uint64 {
	if k := s.known(id); k != nil {
		return k.seat
	}
	return id
}

// installFact notes what is said about a member; about others nothing is kept.
func (s *state) installFact(f *fact) {
	if f.id == 0 || !s.members.Has(f.id) {
		return
	}
	seat := s.seat(f.id)
	if f.replaces != 0 {
		seat = s.seat(f.replaces)
	}
	i, ok := s.find(f.id)
	if !ok {
		s.facts = slices.Insert(s.facts, i, known{fact: fact{id: f.id}})
	}
	k := &s.facts[i]
	k.seat = seat
	if f.replaces != 0 {
		k.replaces = f.replaces
	}
	if len(f.about) > 0 {
		k.about = bytes.Clone(f.about)
	}
}

// installMembers makes members those of the cluster. What was said about others is forgotten,
// but not that there were nodes with their numbers.
func (s *state) installMembers(m *Members, f *fact) {
	s.members = m.clone()
	for _, id := range m.All() {
		s.newest = max(s.newest, id)
	}
	s.installFact(f)
	s.facts = slices.DeleteFunc(s.facts, func(k known) bool { return !m.Has(k.id) })
}

// derived is the greatest number of a node that can be told from the rest of the state.
func (s *state) derived() (newest uint64) {
	for _, id := range slices.Concat(s.members.All(), s.settings.Voters) {
		newest = max(newest, id)
	}
	for i := range s.nodes {
		newest = max(newest, s.nodes[i].id)
	}
	return newest
}

// appendFacts encodes: greatest number that a node ever had: uvarint; count, each: a fact,
// the seat: uvarint.
func (s *state) appendFacts(dst []byte) []byte {
	dst = appendUvarints(dst, s.newest, uint64(len(s.facts)))
	for i := range s.facts {
		k := &s.facts[i]
		dst = appendUvarints(k.append(dst), k.seat)
	}
	return dst
}

func (s *state) loadFacts(r *reader) {
	s.newest = r.between(s.derived(), maxNode)
	for range r.count(4) {
		k := known{fact: r.fact(), seat: r.between(1, maxNode)}
		k.about = bytes.Clone(k.about)
		if n := len(s.facts); n > 0 && s.facts[n-1].id >= k.id || !s.members.Has(k.id) {
			r.fail()
		}
		s.facts = append(s.facts, k)
	}
}

// About returns what was said about a member, by itself when it started last or by who had
// it join; nil: nothing, or it is no member. It changes with decisions of KindIncarnation
// and KindMember only.
func (c *Core) About(id uint64) []byte {
	if k := c.state.known(id); k != nil {
		return bytes.Clone(k.about)
	}
	return nil
}

// Seat returns whose place a node has: its own number, or that of the first one of those
// that were replaced one after the other until it came.
func (c *Core) Seat(id uint64) uint64 { return c.state.seat(id) }

// Seated returns the members among which content is placed, ascending: all but one whose place another member
// takes, which is to get what belongs there.
func (c *Core) Seated() []uint64 { return c.state.seated() }

func (s *state) seated() []uint64 {
	newest := make(map[uint64]uint64) // by seat
	all := s.members.All()
	for _, id := range all {
		newest[s.seat(id)] = id
	}
	return slices.DeleteFunc(all, func(id uint64) bool { return newest[s.seat(id)] != id })
}

// NextNumber returns a number that no node has ever had, as far as it is decided here.
func (c *Core) NextNumber() uint64 { return max(c.state.newest, c.options.Node) + 1 }

func checkAbout(about []byte) error {
	if len(about) > MaxAbout {
		return fmt.Errorf("%w: %d bytes are said about a node, at most %d may be", ErrMembers, len(about), MaxAbout)
	}
	return nil
}
