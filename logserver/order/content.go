package order

import (
	"bytes"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

// What came before its content waits here, in its order: an order frame that names a
// batch is never stored before the batch, unless this is placed. To Raft that is a slow network.

// maxWaiting bounds how much waits for content; what is beyond is dropped, as a network
// may, and comes again.
const maxWaiting = 256

// has tells whether content is stored, or will be with the next flush.
func (c *Core) has(d blobstore.Digest) bool { return c.options.Has == nil || c.options.Has(d) }

// owns tells whether this node is to have content.
func (c *Core) owns(d blobstore.Digest) bool { return c.options.Owns == nil || c.options.Owns(d) }

// named is the batch that an envelope names.
type named struct {
	node   uint64 // who proposed it
	digest blobstore.Digest
	placed bool
}

// batchOf returns the batch that data, an envelope, is about.
func batchOf(data []byte) (b named, ok bool) {
	r := reader{b: data}
	version := r.byte()
	if version != envelopeVersion && version != placedVersion || Kind(r.byte()) != KindBatch {
		return b, false
	}
	b.placed = version == placedVersion
	b.node = r.uvarint()
	r.uvarint()
	r.uvarint()
	r.uvarint()
	for range r.count(1) {
		r.uvarint()
	}
	r.time()
	r.into(b.digest[:])
	return b, !r.bad
}

// waitsFor returns the batch that an envelope waits for: it isn't here, and must be.
func (c *Core) waitsFor(data []byte) (b named, waits bool) {
	b, ok := batchOf(data)
	return b, ok && !b.placed && !c.has(b.digest)
}

// missing returns the Raft index of the first batch of a message that isn't here; 0: all are.
func (c *Core) missing(m *pb.Message) (index uint64) {
	for _, e := range m.GetEntries() {
		if e.GetIndex() <= c.state.applied || e.GetType() != pb.EntryNormal || len(e.GetData()) == 0 {
			continue
		}
		if _, waits := c.waitsFor(e.GetData()); waits {
			return e.GetIndex()
		}
	}
	return 0
}

// receive takes entries from a leader, once their content is here.
func (c *Core) receive(m *pb.Message) error {
	if len(c.held) == 0 {
		if c.missing(m) == 0 {
			return c.toRaft(m)
		}
		c.heldSince = c.ticks
	}
	// A leader that hears nothing sends the same again, and what it sends now is what counts.
	for i, h := range c.held {
		if h.GetTerm() == m.GetTerm() && h.GetIndex() >= m.GetIndex() {
			clear(c.held[i:])
			c.held = c.held[:i]
			break
		}
	}
	if len(c.held) < maxWaiting {
		c.held = append(c.held, m)
	}
	return nil
}

// release goes on with what has waited for content that is here now.
func (c *Core) release() error {
	for len(c.held) > 0 {
		if c.missing(c.held[0]) != 0 {
			break
		}
		m := c.held[0]
		c.held, c.heldSince = c.held[1:], c.ticks
		if err := c.toRaft(m); err != nil {
			return err
		}
	}
	parked := c.parked
	c.parked = nil
	for i := range parked {
		if err := c.stepProposal(&parked[i]); err != nil {
			return err
		}
	}
	return nil
}

// maxWants is for how many batches' content is asked at once.
const maxWants = 64

// askForContent asks for what is waited for. First whoever proposed it is asked, then one
// after the other: it may be gone.
func (c *Core) askForContent() {
	if len(c.held) > 0 && c.held[0].GetTerm() < c.flushed.term {
		c.held = nil // of a leader that is none any more: Raft wouldn't take it
	}
	c.pullHeld()
	asked := make(map[blobstore.Digest]bool)
	ask := func(envelope []byte) {
		if b, waits := c.waitsFor(envelope); waits && len(asked) < maxWants && !asked[b.digest] {
			asked[b.digest] = true
			c.want(b.node, &Want{Digest: b.digest})
		}
	}
	for _, m := range c.held {
		for _, e := range m.GetEntries() {
			if len(asked) == maxWants {
				return
			}
			ask(e.GetData())
		}
	}
	for i := range c.parked {
		ask(c.parked[i].Payload)
	}
}

// heldLong is for how many ticks entries wait for their content before what was decided of
// them is pulled: of old content nobody may know any more where it is, but by its index in
// its log, and of what came to nothing the content isn't needed.
const heldLong = 3

// pullHeld begins to pull what others have decided of what is waited for.
func (c *Core) pullHeld() {
	if len(c.held) == 0 || c.ticks-c.heldSince < heldLong || c.pull.goal != nil || c.lead == 0 {
		return
	}
	decided := c.held[len(c.held)-1].GetCommit()
	if first := c.missing(c.held[0]); first == 0 || first > decided {
		return
	}
	c.pull.goal = &pb.Message{
		From: new(c.lead), Term: new(c.flushed.term), Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: new(decided)}},
	}
	c.pull.ask(c)
}

// park keeps a proposal until its content is here.
func (c *Core) park(m *Message) {
	again := slices.ContainsFunc(c.parked, func(p Message) bool { return bytes.Equal(p.Payload, m.Payload) })
	if len(c.parked) < maxWaiting && !again {
		c.parked = append(c.parked, *m)
	}
}

// follows tells whether a node's proposal is the next one behind those that are parked: then
// it waits with them.
func (c *Core) follows(from, incarnation, seq uint64) bool {
	for i := len(c.parked) - 1; i >= 0; i-- {
		if c.parked[i].From != from {
			continue
		}
		r := reader{b: c.parked[i].Payload[2:]}
		var h header
		r.header(&h)
		return !r.bad && h.incarnation == incarnation && h.seq+1 == seq
	}
	return false
}

// want asks node for content, or, in every other tick, another member; who leads now is
// one, however old the members are that are known here.
func (c *Core) want(node uint64, w *Want) {
	times := 0
	if c.ticks%2 == 0 {
		times = 1 + int(c.ticks/2)
	}
	c.wantAgain(times, node, w)
}

// wantAgain asks node for content that was asked for so many times, or another member.
func (c *Core) wantAgain(times int, node uint64, w *Want) {
	others := c.others()
	if c.lead != 0 && !slices.Contains(others, c.lead) {
		others = []uint64{c.lead}
	}
	if len(others) > 0 && (times > 0 || node == c.options.Node || node == 0) {
		node = others[times%len(others)]
	}
	if node != c.options.Node && node != 0 {
		c.send(node, MessageWant, w.append(nil))
	}
}
