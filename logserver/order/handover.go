package order

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// ErrBusy means that too many proposals of this node are under way. Nothing was proposed;
// when some are decided there is room again.
var ErrBusy = errors.New("too many proposals under way")

// What is handed over stays here until it is decided: the leader that took it may not be
// the one that brings it to an end.
type pending struct {
	list   []handed // ascending, without a gap
	bytes  int
	spare  [][]byte
	leader uint64 // whom all of list was handed to …
	term   uint64
	at     uint64 // … or again, or something of it decided, in this tick
	asked  uint64 // tick in which the leader asked to go back, and one
}

type handed struct {
	seq    uint64
	digest blobstore.Digest
	data   []byte
}

const (
	maxPending      = 256
	maxPendingBytes = 64 << 20
	retryTicks      = 5 // after which what was not answered is sent again
)

func (p *pending) full(size int) bool {
	return len(p.list) >= maxPending || len(p.list) > 0 && p.bytes+size > maxPendingBytes
}

func (p *pending) add(seq uint64, d blobstore.Digest, data []byte) {
	var room []byte
	if n := len(p.spare); n > 0 {
		room, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	p.list = append(p.list, handed{seq, d, append(room[:0], data...)})
	p.bytes += len(data)
}

func (p *pending) first() {
	h := p.list[0]
	p.bytes -= len(h.data)
	if len(p.spare) < 4 && cap(h.data) <= 1<<20 {
		p.spare = append(p.spare, h.data)
	}
	copy(p.list, p.list[1:])
	p.list[len(p.list)-1] = handed{}
	p.list = p.list[:len(p.list)-1]
}

// errTwice means that another process has proposed as this node.
var errTwice = errors.New("another process runs as this node")

// resolved takes what was decided off the list. It is called with every record that is
// installed after Start.
func (c *Core) resolved(rec *record) error {
	if rec.node != c.options.Node || c.incarnation == 0 || rec.kind != KindBatch && rec.kind != KindIncarnation {
		return nil
	}
	if rec.incarnation > c.incarnation && !rec.skipped {
		return errTwice
	}
	p := &c.pending
	if rec.kind != KindBatch || rec.incarnation != c.incarnation || rec.skipped || len(p.list) == 0 {
		return nil
	}
	if h := &p.list[0]; h.seq != rec.seq || h.digest != rec.digest {
		return fmt.Errorf("%w: proposal %d was another one", errTwice, rec.seq)
	}
	p.first()
	p.at = c.ticks
	return nil
}

// leads tells whether this node decides what is ordered, and knows the newest state.
func (c *Core) leads() bool { return c.leading && c.state.term == c.flushed.term }

// handOver hands a proposal to whoever leads: at once if this node does.
func (c *Core) handOver(data []byte) error {
	switch {
	case c.leads():
		return c.propose(data)
	case c.lead != 0 && c.lead != c.options.Node:
		c.send(c.lead, MessageProposal, bytes.Clone(data))
	}
	return nil
}

// handOverAgain hands over what may have been lost: to a new leader all, to the same one
// what it hasn't brought to an end in a while.
func (c *Core) handOverAgain() error {
	p := &c.pending
	fresh := p.leader == c.lead && p.term == c.flushed.term
	if len(p.list) == 0 || c.lead == 0 || fresh && c.ticks-p.at < retryTicks {
		return nil
	}
	if c.leading && (!c.leads() || fresh) {
		return nil // a leader's own are in its log, and stay there while it leads
	}
	return c.handOverFrom(p.list[0].seq)
}

// handOverFrom hands over the proposals from seq on, to a new leader from the first.
func (c *Core) handOverFrom(seq uint64) error {
	p := &c.pending
	p.leader, p.term, p.at = c.lead, c.flushed.term, c.ticks
	for i := range p.list {
		if p.list[i].seq < seq {
			continue
		}
		if err := c.handOver(p.list[i].data); errors.Is(err, ErrNotServing) {
			p.term = 0 // it stays on the list
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// stepRefused goes back to the proposal that the leader wants.
func (c *Core) stepRefused(m *Message) error {
	var f refusal
	if err := f.decode(m.Payload); err != nil {
		return err
	}
	p := &c.pending
	if m.From == c.lead && f.incarnation == c.incarnation && len(p.list) > 0 && p.asked != c.ticks+1 {
		p.asked = c.ticks + 1
		return c.handOverFrom(f.next)
	}
	return nil
}

// stepProposal takes another node's proposal, if this node leads: the next one of the
// node, and no other, so that what is in the log is decided in turn.
func (c *Core) stepProposal(m *Message) error {
	e := &c.envelope
	if err := e.decode(m.Payload); err != nil {
		return fmt.Errorf("%w: %v", ErrMessage, err)
	}
	if e.node != m.From {
		return fmt.Errorf("%w: node %d proposes as node %d", ErrMessage, m.From, e.node)
	}
	if !c.leads() || !c.takesPart() {
		return nil // who sent it will learn who leads
	}
	switch e.kind {
	case KindIncarnation:
		return c.dropped(c.propose(m.Payload))
	case KindBatch:
		return c.acceptBatch(m, e)
	}
	return fmt.Errorf("%w: kind of proposal", ErrMessage)
}

// dropped makes nothing of the error of a proposal that Raft doesn't take now: it will
// come again.
func (c *Core) dropped(err error) error {
	if errors.Is(err, ErrNotServing) {
		return nil
	}
	return err
}

func (c *Core) acceptBatch(m *Message, e *envelope) error {
	now := c.state.stand(e.node)
	if e.incarnation != now.incarnation {
		return nil
	}
	if c.acceptedTerm != c.flushed.term {
		c.accepted, c.acceptedTerm = make(map[uint64]node), c.flushed.term
	}
	last := now.seq
	if a := c.accepted[e.node]; a.incarnation == e.incarnation {
		last = max(last, a.seq)
	}
	switch {
	case e.seq <= last:
		return nil
	case e.seq > last+1 && c.follows(e.node, e.incarnation, e.seq):
		c.park(m)
		return nil
	case e.seq > last+1:
		c.send(m.From, MessageRefused, refusal{e.incarnation, last + 1}.append(nil))
		return nil
	case !e.placed && !c.has(e.digest):
		c.park(m)
		return nil
	}
	seq, incarnation := e.seq, e.incarnation
	data := bytes.Clone(m.Payload)
	if c.clock != 0 {
		restamp(data, c.clock)
	}
	err := c.propose(data)
	if err == nil {
		c.accepted[m.From] = node{m.From, incarnation, seq}
	}
	return c.dropped(err)
}

// restamp puts the leader's time into a batch's envelope.
func restamp(data []byte, stamp int64) {
	r := reader{b: data[2:]}
	var h header
	r.header(&h)
	at := len(data) - len(r.b)
	appendTime(data[:at], stamp)
}
