package logserver

import (
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/segment"
)

// Status is what a person wants to know of a server at a glance.
type Status struct {
	Entries, Bytes uint64 // appended since the start; Bytes of entries alone

	DiskUsed int64         // bytes of the segments
	DiskFree int64         // bytes; -1: can't be told
	DiskBusy time.Duration // for how long the write under way has lasted
	DiskFull bool

	Memory, MemoryLimit int64

	Lines, HTTP, ConnectionLimit int
	Readers                      int
	Lag                          uint64 // entries that the slowest of the readers is behind

	Scrub   ScrubState
	Commits Commits
	Cluster Cluster
}

// Commits says how long batches have taken since the start, from being taken to the last
// answer: Counts[i] of them no longer than Bounds[i] seconds, Total in all.
type Commits struct {
	Total  uint64
	Bounds []float64
	Counts []uint64
}

// Cluster is who keeps the log together.
type Cluster struct {
	ID      uuid.UUID
	Members []MemberStatus
}

// MemberStatus is a node of the cluster.
type MemberStatus struct {
	ID     uuid.UUID // zero: of another node
	Number uint64
	Role   string // leader, voter, learner, leaving
	Self   bool   // it is the one that says this
	About  []byte // what it says about itself: see Member.About
	Pulse  *Pulse // nil: it has said nothing lately
}

// RoleLeader is the Role of the member that orders.
const RoleLeader = "leader"

// Status looks at nothing but memory, so that it answers also when the disk hangs.
func (s *Server) Status() Status {
	l, census := s.log, s.census()
	return Status{
		Entries:  l.metrics.entries.Load(),
		Bytes:    l.metrics.bytes.Load(),
		DiskUsed: l.store.Size(segment.Position{}),
		DiskFree: l.space.free.Load(),
		DiskBusy: l.stall.lasts(),
		DiskFull: l.space.full.Load(),
		Memory:   l.memory.used.Load(), MemoryLimit: l.memory.limit,
		Lines: census.lines, HTTP: census.http, ConnectionLimit: s.options.MaxConns,
		Readers: census.readers, Lag: census.lag,
		Scrub:   l.Scrubbed(),
		Commits: l.metrics.commits(),
		Cluster: l.cluster(),
	}
}

// cluster is who keeps the log together, as far as is known here.
func (l *Log) cluster() Cluster {
	id := l.store.Identity()
	c := Cluster{ID: id.Cluster}
	s, ok := l.Standing()
	if !ok {
		c.Members = []MemberStatus{{ID: id.Node, Number: 1, Role: RoleLeader, Self: true}}
		return c
	}
	for _, number := range s.Members.All() {
		m := MemberStatus{Number: number, Role: s.Role(number), Self: number == s.Number, About: s.About[number]}
		m.Pulse = l.pulseOf(number, m.Self)
		if m.Self {
			m.ID = id.Node
		}
		c.Members = append(c.Members, m)
	}
	return c
}

func (m *metrics) commits() (c Commits) {
	var said dto.Metric
	if err := m.commit.Write(&said); err != nil {
		return c // it is our own histogram
	}
	h := said.GetHistogram()
	c.Total = h.GetSampleCount()
	for _, b := range h.GetBucket() {
		c.Bounds = append(c.Bounds, b.GetUpperBound())
		c.Counts = append(c.Counts, b.GetCumulativeCount())
	}
	return c
}
