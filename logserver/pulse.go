package logserver

import "github.com/ringlog/ringlog/blobstore/segment"

// Pulse is how a member does, as it tells the others from time to time.
type Pulse struct {
	Applied uint64 `json:"applied"`        // Raft index of its last decision
	Stored  int64  `json:"stored"`         // bytes of its segments
	Full    bool   `json:"full,omitempty"` // its disk is
	Repair  uint64 `json:"repair"`         // entries and damaged batches that are to come to it from others
	// Placed names who owns content, as it knows; Settled for which of that all older content has come.
	Placed  string `json:"placed"`
	Settled string `json:"settled"`
}

// Pulse returns how this node does. It looks at nothing but memory.
func (l *Log) Pulse() Pulse {
	s, _ := l.Standing()
	repairs, _ := l.Repairs()
	p := Pulse{
		Applied: s.Applied, Stored: l.store.Size(segment.Position{}), Full: l.space.full.Load(),
		Repair: repairs.Missing + uint64(repairs.Damaged),
	}
	if m := l.member; m != nil {
		p.Placed, p.Settled = m.placed(), m.mover.settledPlacement()
	}
	return p
}

// pulseOf returns how a member does, as far as is known here.
func (l *Log) pulseOf(number uint64, self bool) *Pulse {
	if self {
		p := l.Pulse()
		return &p
	}
	if ask := l.member.options.Pulse; ask != nil {
		if p, ok := ask(number); ok {
			return &p
		}
	}
	return nil
}
