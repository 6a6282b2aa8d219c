package order

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// ErrNotServing means that nothing can be proposed, because this node isn't the
// leader, or not yet. Nothing was proposed.
var ErrNotServing = errors.New("not serving")

// Options say which node this is, and found the cluster.
type Options struct {
	Node   uint64 // its Raft number, from 1
	Limits Limits // taken when the cluster is founded, by Settings ever after; zero: the default
	// Placement is taken when the cluster is founded; later only Set changes it. Replicas 0: 3.
	Placement Placement
	Retain    int64 // bytes of ordered entries to keep in memory for other nodes; 0: 64 MiB

	// Join: this node doesn't found a cluster. It is, or will be, a member of one.
	Join bool
	// Alone: this node is the only member from now on, whoever else was one: of a restored backup. See Isolate.
	Alone bool
	// Start tells this start of the node from all others; any number will do that doesn't
	// come again. It matters where there are other nodes.
	Start uint64
	// About is what others are to know about this node, up to MaxAbout bytes: it is ordered
	// with each start. Empty: what was said before stays.
	About []byte
	// Zone returns the zone that About says a node is in; voters are spread over zones. nil:
	// all are in one.
	Zone func(about []byte) string
	// Has tells whether the content of a batch is stored, or will be with the next flush,
	// in front of what Ready gives. nil: it always is.
	Has func(blobstore.Digest) bool
	// Owns tells whether this node is to have the content of a batch: Decision says so. nil: of every one,
	// before its decided record is stored, unless it is placed.
	Owns func(blobstore.Digest) bool
}

// Core orders and decides. One goroutine owns it.
type Core struct {
	options Options
	state   state
	restore restore // until Start

	node    *raft.RawNode // nil until Start
	storage *storage
	ready   raft.Ready // given by Raft, and not advanced yet
	taken   bool       // there is one …
	stored  bool       // … and it is flushed
	flushed hardState  // as last flushed
	leading bool
	lead    uint64  // who leads, as far as is known; 0: nobody
	inRaft  Members // as Raft has them: it may be behind what is decided

	ticks     uint64
	clock     int64 // as of the last tick
	clocks    map[uint64]told
	probation probation
	seen      map[uint64]seen
	outbox    []Message     // may leave
	after     []Message     // may leave once what Ready gave is flushed
	held      []*pb.Message // from leaders, waiting for content
	heldSince uint64        // tick in which the first of them came to be the first
	parked    []Message     // proposals of other nodes, waiting for content
	pull      pull
	rows      []byte // pulled records that Ready has given
	reads     reads
	newest    uint64 // ticket of the read before this node's incarnation
	upToDate  bool   // it was answered

	pending      pending
	accepted     map[uint64]node // proposals of other nodes that this leader has taken …
	acceptedTerm uint64          // … in this term

	incarnation uint64 // of this start; 0: not proposed yet
	seq         uint64 // proposals since

	decided  []byte // frame of the records that are not written
	offered  bool   // Ready has given decided away
	opened   bool   // Opening was asked for: the next Ready gives no pulled records
	written  uint64 // last Raft index whose record is flushed
	saved    saved
	filed    filed
	opening  int              // bytes of the last Opening
	before   blobstore.Digest // the chain before the last record
	partial  bool             // keys and outcomes of before are not there: see LoadOpening
	failed   error
	envelope envelope
	record   record
	decision Decision
	scratch  []byte // of keep
	proposal []byte // an encoded one
	frames   [][]byte
	frame    []byte // the bytes of frames and of the state frame
}

// New returns a Core without a past. It is restored next, or started.
func New(o Options) *Core {
	o.Limits, o.Placement = o.Limits.withDefaults(), o.Placement.WithDefaults()
	if o.Retain <= 0 {
		o.Retain = 64 << 20
	}
	return &Core{options: o}
}

// Err returns the fatal error that stopped the Core, or nil.
func (c *Core) Err() error { return c.failed }

// fatal keeps the first error, and returns it.
func (c *Core) fatal(err error) error {
	if c.failed == nil {
		c.failed = err
	}
	return c.failed
}

// PendingDecided tells whether something decided is not yet written.
func (c *Core) PendingDecided() bool { return len(c.decided) > 0 }

// Unwritten returns how many bytes of decided records are not yet written.
func (c *Core) Unwritten() int { return len(c.decided) }

// Log returns the number and the head of the log, and whether there is such a log.
func (c *Core) Log(name []byte) (id uint32, head uint64, ok bool) {
	id = c.number(name)
	return id, c.state.head(id), id != 0
}

// Logs calls fn with each log, in the order of their numbers.
func (c *Core) Logs(fn func(name string, id uint32, head uint64)) {
	for i := range c.state.logs {
		fn(c.state.logs[i].name, uint32(i)+1, c.state.logs[i].head)
	}
}

// Applied returns the Raft index of the last decision.
func (c *Core) Applied() uint64 { return c.state.applied }

// WrittenDecided returns the last Raft index whose record has been flushed.
func (c *Core) WrittenDecided() uint64 { return c.written }

// Time returns the time of the last accepted entry, Unix nanoseconds, 0 if there is none.
func (c *Core) Time() int64 { return c.state.time }

// Settings returns what the cluster decides by, and who votes; until it is founded, zeroes. Once
// founded, Options that say otherwise have no effect.
func (c *Core) Settings() Settings {
	s := c.state.settings
	s.Voters = append([]uint64(nil), c.state.members.Voters...)
	return s
}
