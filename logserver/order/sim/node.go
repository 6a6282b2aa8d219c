package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// node is what a server is around its Core: it flushes, keeps contents, answers clients.
type node struct {
	w      *world
	id     uint64
	joins  bool
	limits order.Limits
	skew   time.Duration
	disk   disk
	db     *database
	old    bool // its disk was replaced by an earlier copy

	// Of this start:
	up       bool
	gone     bool // for good
	leaving  bool // it is being removed
	dead     bool // its disk is lost
	start    uint64
	core     *order.Core
	frozen   bool // as by SIGSTOP, or a stalled disk
	inbox    []order.Message
	busy     bool // flushing
	idle     bool // a flush of decisions alone is due
	content  map[blobstore.Digest][]byte
	places   map[blobstore.Digest]segment.Position // of contents that are stored
	opening  bool                                  // the file that this start has begun has no checkpoint yet
	unstored int                                   // bytes that Ready will give at most
	last     segment.Position                      // of the batch with the last decided frame, or seal
	contents segment.Position                      // in a replay: of the first of the content frames before
	inHand   []blobstore.Digest                    // content that isn't stored yet
	records  [][]byte                              // decided, from Raft index 1 on
	flushed  int                                   // of records
	logs     map[uint32][]string
	gather   []*request
	waiting  []*flight // own proposals, in their order
	reads    map[uint64]*request
	shelf
}

// database is what a node's index database holds: a checkpoint, and rows.
type database struct {
	state          []byte
	keys, outcomes map[uint64][]byte
	ordered        [][]byte
	from           segment.Position
	records        [][]byte
	logs           map[uint32][]string
	batches        []batch
}

func (w *world) add(id uint64, joins bool) *node {
	n := &node{w: w, id: id, joins: joins}
	n.limits = order.Limits{Keys: 1 << 16, Logs: 100, Producers: 1000 + int(id), Outcomes: 1<<16 + int(id)}
	n.disk.files = newDisk(w)
	w.nodes[id] = n
	w.newest = max(w.newest, id)
	w.ids = append(w.ids, id)
	n.begin()
	return n
}

// begin starts the node from what is on its disk.
func (n *node) begin() {
	n.start++
	n.up, n.frozen, n.busy, n.idle = true, false, false, false
	n.inbox, n.inHand, n.gather, n.waiting = nil, nil, nil, nil
	n.reads = make(map[uint64]*request)
	n.shelf = newShelf()
	n.content = make(map[blobstore.Digest][]byte)
	n.places = make(map[blobstore.Digest]segment.Position)
	n.opening, n.last, n.contents = true, segment.Position{}, segment.Position{}
	n.records, n.flushed, n.logs = nil, 0, make(map[uint32][]string)
	if err := n.restore(); errors.Is(err, order.ErrRemoved) && n.leaving {
		n.up = false
		return
	} else if err != nil {
		n.w.fail("node %d does not start: %v", n.id, err)
		return
	}
	n.w.say("node %d starts, start %d, applied %d", n.id, n.start, n.core.Applied())
	n.placement()
	n.w.after(n.w.between(0, 100*time.Millisecond), n.alive(n.tick))
	n.pump()
}

// alive wraps what is to be done only while this start of the node goes on.
func (n *node) alive(do func()) func() {
	start := n.start
	return func() {
		if n.up && n.start == start {
			do()
		}
	}
}

func (n *node) clock() int64 { return int64(time.Hour + n.w.now + n.skew) }

func (n *node) tick() {
	n.w.after(100*time.Millisecond, n.alive(n.tick))
	if n.frozen {
		return
	}
	if err := n.core.Tick(n.clock()); err != nil {
		n.fatal(err)
		return
	}
	if err := n.core.Faulty(); err != nil && !n.old {
		n.w.fail("node %d, whose disk is what it was: %w", n.id, err)
		return
	}
	n.placer.Tick()
	n.fetch()
	n.pump()
}

func (n *node) fatal(err error) {
	n.w.fail("node %d stops: %v", n.id, err)
}

// receive takes a message from the network.
func (n *node) receive(m order.Message) {
	if !n.up {
		return
	}
	if n.frozen {
		if len(n.inbox) < 1000 {
			n.inbox = append(n.inbox, m)
		}
		return
	}
	n.take(m)
	n.pump()
}

func (n *node) take(m order.Message) {
	switch m.Kind {
	case order.MessagePull:
		n.answerPull(&m)
	case order.MessageWant:
		w, err := order.ReadWant(m.Payload)
		if err != nil {
			n.fatal(err)
			return
		}
		if c := n.find(w.Digest); c != nil {
			n.w.send(order.Message{From: n.id, To: m.From, Kind: order.MessagePut, Payload: c})
		}
	case order.MessagePut:
		n.put(m.Payload)
	case order.MessageHold:
		n.hold(m.From, m.Payload)
	case order.MessageHeld:
		d, err := order.ReadHeld(m.Payload)
		if err != nil {
			n.fatal(err)
			return
		}
		n.placer.Held(m.From, d)
	default:
		if err := n.core.Step(m); err != nil {
			n.fatal(fmt.Errorf("message from %d: %w", m.From, err))
		}
	}
}

// put takes content from another node; it is stored with the next flush.
func (n *node) put(payload []byte) {
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		n.fatal(err)
		return
	}
	d := m.BatchDigest()
	if _, ok := n.content[d]; ok {
		return
	}
	n.content[d] = payload
	n.inHand = append(n.inHand, d)
	if err := n.core.Arrived(); err != nil {
		n.fatal(err)
	}
}

func (n *node) answerPull(m *order.Message) {
	p, err := order.ReadPull(m.Payload)
	if err != nil {
		n.fatal(err)
		return
	}
	last := min(p.Last, uint64(n.flushed), p.First+19)
	if p.First <= last {
		n.w.report.Pulled++
		n.w.send(order.Message{From: n.id, To: m.From, Kind: order.MessageRecords,
			Payload: order.JoinDecided(nil, n.records[p.First-1:last]...)})
	}
}

// thaw lets a frozen node go on.
func (n *node) thaw() {
	n.frozen = false
	inbox := n.inbox
	n.inbox = nil
	for _, m := range inbox {
		n.take(m)
	}
	n.pump()
}

// decided takes a decision.
func (n *node) decided(d *order.Decision) {
	n.file(d, n.disk.store.Durable().Segment)
	if err := n.enter(d); err != nil {
		n.fatal(err)
		return
	}
	if d.Kind != order.KindBatch && d.Kind != order.KindEmpty {
		n.changed = true
	}
	if d.Own && !d.Skipped && d.Kind == order.KindBatch {
		if len(n.waiting) == 0 {
			n.fatal(errors.New("decided what was not proposed"))
			return
		}
		n.answer(n.waiting[0], d)
		n.waiting = n.waiting[1:]
	}
}

// enter enters a decision into what the node serves.
func (n *node) enter(d *order.Decision) error {
	n.w.oracle.chain(n, d)
	if len(d.Runs) == 0 {
		return nil
	}
	payload, ok := n.content[d.Digest]
	if !ok && !n.w.options.Apart {
		return fmt.Errorf("raft entry %d names content that is not here", d.Index)
	}
	if n.enterBatch(d, ok); !ok {
		payload = n.w.oracle.batches[d.Digest]
	}
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		return err
	}
	for _, run := range d.Runs {
		if have := uint64(len(n.logs[run.Log])); have+1 != run.First {
			return fmt.Errorf("log %s goes on at %d behind %d", run.Name, run.First, have)
		}
		for i := range run.Count {
			n.logs[run.Log] = append(n.logs[run.Log], string(m.Entry(int(run.Ordinal+i))))
		}
		n.w.oracle.head(run.Name, run.First+uint64(run.Count)-1)
	}
	return nil
}
