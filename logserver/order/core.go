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
	Retain int64  // bytes of ordered entries to keep in memory for other nodes; 0: 64 MiB

	// Join: this node doesn't found a cluster. It is, or will be, a member of one.
	Join bool
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
	o.Limits = o.Limits.withDefaults()
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

// Ready is what must be flushed, as one batch. It is valid until Advance.
type Ready struct {
	Order   [][]byte // payloads of order frames, in their order
	State   []byte   // payload of a state frame; nil: unchanged
	Decided []byte   // payload of a decided frame, for decisions not yet written; nil: none
}

// Ready returns what must be flushed now, if ok; it may be nothing when all that is
// left is to apply what was flushed before this start. Advance must follow. If not ok,
// Decided alone may be there: it need not be flushed now, but should when nothing else
// goes on, and at stop; if it is, Advance follows too.
func (c *Core) Ready() (r Ready, ok bool) {
	if c.failed != nil {
		return r, false
	}
	if err := c.take(); err != nil {
		_ = c.fatal(err) // Err tells it
		return r, false
	}
	if len(c.decided) > 0 {
		r.Decided = c.decided
		c.offered = true
	}
	opened := c.opened
	if c.opened = false; c.taken {
		c.encodeReady(&r)
	} else if opened { // a checkpoint goes behind the records, and doesn't know of pulled ones
	} else if c.rows = c.examine(); len(c.rows) > 0 {
		if len(r.Decided) == 0 {
			r.Decided = []byte{decidedVersion}
		}
		r.Decided = append(r.Decided[:len(r.Decided):len(r.Decided)], c.rows...)
		return r, true
	}
	return r, c.taken && c.failed == nil
}

// frameRoom is more than a frame takes besides its payload.
const frameRoom = 64

// Unstored returns how many bytes the frames take, headers included, that Ready will give if it is called next:
// not less. It is called when nothing that Ready gave is being flushed, so that room can be
// made, and a Turn happen, before what Ready gives has to be written.
func (c *Core) Unstored() int {
	c.offered = false // if it was, it has not been flushed
	if c.failed != nil {
		return 0
	}
	if err := c.take(); err != nil {
		_ = c.fatal(err) // Err tells it
		return 0
	}
	n := len(c.decided) + frameRoom
	switch {
	case c.taken:
		n += maxStateFrame + frameRoom
		for _, e := range c.ready.Entries {
			n += len(e.GetData()) + maxOrderHeader + frameRoom
		}
	case c.pull.records != nil:
		n += len(c.pull.records)
	}
	return n
}

// take gets from Raft what has to be flushed, or applied.
func (c *Core) take() (err error) {
	defer caught(&err)
	for c.node != nil && !c.taken && c.node.HasReady() {
		c.ready = c.node.Ready()
		if err := c.collect(); err != nil {
			return err
		}
		if !c.ready.MustSync && len(c.ready.CommittedEntries) == 0 && raft.IsEmptySnap(c.ready.Snapshot) {
			c.flushedAll()
			c.node.Advance(c.ready)
			continue
		}
		c.taken = true
	}
	return c.askReads()
}

func (c *Core) encodeReady(r *Ready) {
	c.frames, c.frame = c.frames[:0], c.frame[:0]
	size := 0
	for _, e := range c.ready.Entries {
		size += len(e.GetData()) + maxOrderHeader
	}
	if size += maxStateFrame; cap(c.frame) < size {
		c.frame = make([]byte, 0, size) // at once: the frames point into it
	}
	cut := func(grown []byte) []byte {
		p := grown[len(c.frame):len(grown):len(grown)]
		c.frame = grown
		return p
	}
	for _, e := range c.ready.Entries {
		if e.GetIndex() <= c.state.applied {
			continue // its decision was pulled, and is stored
		}
		c.frames = append(c.frames, cut(appendOrder(c.frame, e)))
	}
	r.Order = c.frames
	if s := c.readyState(); s.term != c.flushed.term || s.vote != c.flushed.vote {
		r.State = cut(appendState(c.frame, s))
	}
}

// readyState is the hard state once what is taken is flushed.
func (c *Core) readyState() hardState {
	if s := c.ready.HardState; !raft.IsEmptyHardState(s) {
		return hardState{s.GetTerm(), s.GetVote(), s.GetCommit()}
	}
	return c.flushed
}

// Flushed says that what Ready returned is flushed, as Advance does, but applies nothing
// yet: under load this is the one moment in which all that was decided is written, and
// Checkpoint does not refuse. Advance must follow. An error is fatal.
func (c *Core) Flushed() error {
	if c.failed != nil {
		return c.failed
	}
	if c.offered {
		c.written, c.offered = c.state.applied, false
		c.decided = c.decided[:0]
	}
	if err := c.store(); err != nil {
		return c.fatal(err)
	}
	return nil
}

// Advance says that what Ready returned is flushed. What is committed by that is
// applied, in order; fn is called with each decision, which is valid during the call.
// An error is fatal.
func (c *Core) Advance(fn func(*Decision)) error {
	if err := c.Flushed(); err != nil {
		return err
	}
	if err := c.advance(fn); err != nil {
		return c.fatal(err)
	}
	return nil
}

func (c *Core) advance(fn func(*Decision)) error {
	if c.node == nil {
		return errors.New("advance before start")
	}
	if len(c.rows) > 0 {
		rows := c.rows
		c.rows = nil
		if err := c.installPulled(rows, fn); err != nil {
			return err
		}
		if err := c.take(); err != nil {
			return err
		}
		if c.taken && c.ready.MustSync {
			return nil
		}
	}
	for c.taken {
		if err := c.accept(fn); err != nil {
			return err
		}
		if err := c.introduce(); err != nil {
			return err
		}
		if err := c.take(); err != nil {
			return err
		}
		if c.ready.MustSync {
			break // it must be flushed before anything of it is applied
		}
	}
	c.settleReads()
	return c.storage.compact(c.written)
}

// store has Raft's storage know what was flushed, if it doesn't yet.
func (c *Core) store() error {
	if !c.taken || c.stored {
		return nil
	}
	if !raft.IsEmptySnap(c.ready.Snapshot) {
		if err := c.restored(c.ready.Snapshot); err != nil {
			return err
		}
	}
	if err := c.storage.append(c.ready.Entries); err != nil {
		return err
	}
	c.flushed = c.readyState()
	c.flushedAll()
	c.stored = true
	return nil
}

// accept gives Raft what was flushed, and applies what is committed.
func (c *Core) accept(fn func(*Decision)) error {
	if err := c.store(); err != nil {
		return err
	}
	committed := c.ready.CommittedEntries
	for _, e := range committed {
		if err := c.apply(e, fn); err != nil {
			return err
		}
	}
	return c.advanceRaft()
}

func (c *Core) advanceRaft() (err error) {
	defer caught(&err)
	c.node.Advance(c.ready)
	c.taken, c.stored, c.ready = false, false, raft.Ready{}
	return nil
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

// Settings returns what the cluster decides by. Once founded, Options that say
// otherwise have no effect.
func (c *Core) Settings() Settings {
	s := c.state.settings
	s.Voters = append([]uint64(nil), c.state.members.Voters...)
	return s
}
