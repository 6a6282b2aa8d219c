package order

import "math"

// Limits are sizes that decide about appends. They are cluster state.
type Limits struct {
	Keys      int // keyed appends whose keys are remembered
	Logs      int // logs there may be
	Producers int // producers that are remembered
	Outcomes  int // numbered appends whose outcomes are remembered
}

// withDefaults puts the default in place of each limit that is zero or less.
func (l Limits) withDefaults() Limits {
	or := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	or(&l.Keys, 1<<20)
	or(&l.Logs, 10_000)
	or(&l.Producers, 1<<16)
	or(&l.Outcomes, 1<<20)
	return l
}

// Settings are what the cluster has agreed on about deciding.
type Settings struct {
	Configuration uint64 // 0: not founded yet; one more with each change
	Apply         uint32 // version of apply
	Limits        Limits
	Voters        []uint64 // ascending
}

// applyVersion is the newest version of apply that this code has.
const applyVersion = 1

func appendSettings(dst []byte, s *Settings) []byte {
	l := &s.Limits
	dst = appendUvarints(dst, s.Configuration, uint64(s.Apply),
		uint64(l.Keys), uint64(l.Logs), uint64(l.Producers), uint64(l.Outcomes))
	return appendList(dst, s.Voters)
}

func (r *reader) settings(s *Settings) {
	s.Configuration = r.uvarint()
	s.Apply = r.uint32()
	limit := func() int { return int(r.between(1, math.MaxInt32)) }
	s.Limits.Keys, s.Limits.Logs, s.Limits.Producers, s.Limits.Outcomes = limit(), limit(), limit(), limit()
	s.Voters = r.list(s.Voters)
}

// known reports an error unless this code can decide under s.
func (s *Settings) known() error {
	if s.Apply != applyVersion {
		return unknown("apply version", uint64(s.Apply))
	}
	return nil
}
