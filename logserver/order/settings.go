package order

import (
	"fmt"
	"math"
	"slices"
)

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
	Placement
	Voters []uint64 // who founded it, ascending
}

// The versions of apply. Under the first nothing is agreed on about placement: it is the default.
const (
	firstVersion = 1
	applyVersion = 2
)

func appendSettings(dst []byte, s *Settings) []byte {
	l := &s.Limits
	dst = appendUvarints(dst, s.Configuration, uint64(s.Apply),
		uint64(l.Keys), uint64(l.Logs), uint64(l.Producers), uint64(l.Outcomes))
	dst = appendList(dst, s.Voters)
	if s.Apply > firstVersion {
		dst = appendPlacement(dst, &s.Placement)
	}
	return dst
}

func (r *reader) settings(s *Settings) {
	s.Configuration = r.uvarint()
	s.Apply = r.uint32()
	limit := func() int { return int(r.between(1, math.MaxInt32)) }
	s.Limits.Keys, s.Limits.Logs, s.Limits.Producers, s.Limits.Outcomes = limit(), limit(), limit(), limit()
	s.Voters = r.list(s.Voters)
	if s.Placement = (Placement{}).WithDefaults(); s.Apply > firstVersion {
		s.Placement = r.placement()
	}
}

// known reports an error unless this code can decide under s.
func (s *Settings) known() error {
	if s.Apply < firstVersion || s.Apply > applyVersion {
		return unknown("apply version", uint64(s.Apply))
	}
	return nil
}

// follows reports what keeps s from being agreed on after other settings: neither who founded
// the cluster nor a version of apply is ever taken back.
func (s *Settings) follows(before *Settings) error {
	if before.Configuration > 0 && (s.Apply < before.Apply || !slices.Equal(s.Voters, before.Voters)) {
		return fmt.Errorf("%w: what can't be changed was", ErrSettings)
	}
	return s.Check()
}

// Set proposes another placement. ErrSettings: it can't be; ErrNotServing: this node doesn't
// lead. Without an error the change was proposed; Settings tells when it is made: their
// Configuration is one more. If it is, and they aren't as proposed, another change was first.
func (c *Core) Set(p Placement) error {
	s := c.state.settings
	s.Apply, s.Placement = applyVersion, p
	if err := s.follows(&c.state.settings); err != nil {
		return err
	}
	switch {
	case c.failed != nil:
		return c.failed
	case !c.leads() || !c.takesPart() || s.Configuration == 0:
		return ErrNotServing
	}
	e := envelope{kind: KindSettings, header: *c.header(0), settings: s}
	return c.propose(e.append(nil))
}
