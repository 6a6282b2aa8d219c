package logserver

import (
	"slices"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// A Network carries messages between the nodes of a cluster. Package blobstore/peer has
// the real one. Messages may be lost, repeated, delayed and reordered, not altered.
type Network interface {
	// Send sends a message to a member, and doesn't block. payload is not to be changed
	// any more, by either side.
	Send(to uint64, kind byte, payload []byte)
	// Join says who the other members are now, by their numbers, and what each says about
	// itself.
	Join(others map[uint64][]byte)
}

// Member makes a Log one of the nodes of a cluster.
type Member struct {
	Network Network
	// Number is the node's in the cluster, from 1, and never another node's.
	Number uint64
	// Joins: with no data the node founds no cluster; it was, or will be, taken into one.
	Joins bool
	// Identity is given to new data. What is there must have it.
	Identity segment.Identity
	// About is what the others are told of this node: see Standing. Zone and Region return where a
	// node is by that, for the choice of voters and of who owns content; nil: all are in one.
	About  []byte
	Zone   func(about []byte) string
	Region func(about []byte) string
	// Pulse returns what another member has said last of how it does; ok is false if it has said
	// nothing lately. Nil: nobody says anything.
	Pulse func(number uint64) (p Pulse, ok bool)

	// Known is called before the node takes part, unless it is the only member, with what was
	// known about it when it stopped, if anything; its error ends Open. nil: it may be any.
	Known func(about []byte) error
	// Expires is when the certificate ends that this node shows to others; nil: there is none.
	Expires func() time.Time

	Tick    time.Duration // of the cluster's clock, a tenth of a second
	Quorum  time.Duration // how long appends and heads wait for somebody to lead, 5 s
	Outcome time.Duration // how long an append that was handed over waits to be decided, 20 s

	Fetch      time.Duration // how long a read waits for content that others have, 5 s
	FetchAgain time.Duration // for how long content that could not be had isn't asked for again, 5 s

	MoveRate  int64         // bytes a second of content that is fetched to be stored here, 64 MiB; less than 0: none
	MoveAfter time.Duration // from the start until it is looked for what is missing, half a minute
	MoveEvery time.Duration // and again, an hour
	MoveRetry time.Duration // after which what could not be had is tried again, 10 s

	owns func(blobstore.Digest) bool // tests say what content is this node's

	Fetched int // bytes of such content that are kept, 64 MiB, at most a quarter of Options.Memory
}

func (m *Member) withDefaults() *Member {
	if m == nil {
		return nil
	}
	d := *m
	defaults(&d.Tick, 100*time.Millisecond)
	defaults(&d.Quorum, 5*time.Second)
	defaults(&d.Outcome, 20*time.Second)
	defaults(&d.Fetch, 5*time.Second)
	defaults(&d.FetchAgain, 5*time.Second)
	defaults(&d.MoveRate, 64<<20)
	defaults(&d.MoveAfter, 30*time.Second)
	defaults(&d.MoveEvery, time.Hour)
	defaults(&d.MoveRetry, 10*time.Second)
	if d.Number == 0 {
		d.Number = 1
	}
	return &d
}

// Standing is how the cluster looks from this node.
type Standing struct {
	Number   uint64 // this node's
	Leader   uint64 // 0: nobody, as far as is known here
	Applied  uint64 // Raft index of the last decision
	Serving  bool   // appends are taken
	Removed  bool   // this node was a member, and is none any more
	Faulty   error  // why this node isn't trusted with a vote, or nil
	Members  order.Members
	Settings order.Settings    // what the cluster has agreed on; zero: not known here yet
	Seats    map[uint64]uint64 // where each member sits on the ring: see ring.Member
	About    map[uint64][]byte // what each member says about itself, which may be nothing
}

// Role returns what a member does: leader, voter, learner (it copies), or leaving.
func (s *Standing) Role(number uint64) string {
	switch {
	case number == s.Leader:
		return RoleLeader
	case slices.Contains(s.Members.Voters, number):
		return "voter"
	case slices.Contains(s.Members.Learners, number):
		return "learner"
	}
	return "leaving"
}
