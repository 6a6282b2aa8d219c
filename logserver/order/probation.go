package order

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"
)

// ErrFaulty is wrapped by Faulty's error: this node has forgotten what it said, so it
// doesn't vote any more.
var ErrFaulty = errors.New("this node is not to be trusted with a vote")

// probation keeps a node that has started from voting, leading and acknowledging until
// the others have said that nothing they remember of it is missing; as many are enough,
// after a while, as it takes to come to anything, but who leads has to be among them. Any of
// them may find that something is: then the disk is an old copy. What they have learnt from
// this start doesn't count, so who has passed isn't asked any more.
type probation struct {
	passed  bool
	faulty  error
	met     []uint64          // who has spoken to this node, members or not
	welcome map[uint64]uint64 // whom this node is welcome to, and who leads as they last said
	since   uint64            // tick of the first of these answers
	mine    memory            // as of the start
}

// takesPart tells whether Raft runs here: the node is a trusted one.
func (c *Core) takesPart() bool { return c.probation.passed && c.probation.faulty == nil }

// Faulty returns why this node takes no part in ordering any more, or nil. It has to be
// replaced under a new number; its content is as good as ever.
func (c *Core) Faulty() error { return c.probation.faulty }

// Distrust keeps the node from taking part, for a reason: its newest Raft state is
// damaged, say. It is called before Start.
func (c *Core) Distrust(reason error) { c.probation.distrust(reason) }

func (p *probation) distrust(reason error) {
	if p.faulty == nil {
		p.faulty = fmt.Errorf("%w: %w", ErrFaulty, reason)
	}
}

// begin is called by Start.
func (p *probation) begin(c *Core, incarnation uint64) {
	p.mine = memory{c.options.Start, incarnation, c.flushed.term, c.storage.last()}
	p.passed = p.faulty == nil && p.needed(c) == 0 && len(c.others()) == 0
}

// needed returns how many others have to be heard: none by a voter that is alone.
func (p *probation) needed(c *Core) int {
	m, self := &c.state.members, c.options.Node
	if c.options.Join && !m.Has(self) {
		return 1
	}
	n := 0
	for _, voters := range [][]uint64{m.Voters, m.Outgoing} {
		if slices.Contains(voters, self) {
			n = max(n, len(voters)/2)
		} else if len(voters) > 0 {
			n = max(n, 1)
		}
	}
	return n
}

// meet notes that another node has spoken to this one.
func (p *probation) meet(c *Core, id uint64) {
	if !p.passed && !slices.Contains(p.met, id) && !slices.Contains(c.others(), id) {
		p.met = append(p.met, id)
	}
}

// tick asks everybody: those who have answered, too, as they may know of another leader by now.
func (p *probation) tick(c *Core) {
	if p.faulty != nil || p.passed {
		return
	}
	if p.look(c); p.passed || c.ticks%2 != 1 {
		return
	}
	ask := append(c.others(), p.met...)
	for _, id := range slices.Sorted(maps.Keys(p.welcome)) {
		if lead := p.awaited(c, id); lead != 0 && !slices.Contains(ask, lead) {
			ask = append(ask, lead)
		}
	}
	for _, id := range ask {
		c.send(id, MessageHello, p.mine.append(nil))
	}
}

// awaited returns who leads as another node says, if that has to be heard yet, else 0.
func (p *probation) awaited(c *Core, id uint64) uint64 {
	lead := p.welcome[id]
	if _, ok := p.welcome[lead]; ok || lead == c.options.Node {
		return 0
	}
	return lead
}

// seen is what this node has heard from another: in which term it spoke last, and up to
// where it has acknowledged entries in that.
type seen struct{ term, acked uint64 }

// witness remembers what another node's message says that it has stored.
func (c *Core) witness(m *pb.Message) {
	switch m.GetType() {
	case pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgReadIndex:
		return // their terms are not those of the nodes that sent them
	}
	acked := uint64(0)
	if m.GetType() == pb.MsgAppResp && !m.GetReject() {
		acked = m.GetIndex()
	}
	c.remember(m.GetFrom(), m.GetTerm(), acked)
}

// tellKept has the others remember what this leader has stored.
func (c *Core) tellKept() {
	if !c.leading {
		return
	}
	payload := kept{c.flushed.term, c.storage.last()}.append(nil)
	for _, id := range c.others() {
		c.send(id, MessageKept, payload)
	}
}

func (c *Core) stepKept(m *Message) error {
	var k kept
	if err := k.decode(m.Payload); err != nil {
		return err
	}
	c.remember(m.From, k.term, k.last)
	return nil
}

// remember notes that a node has spoken in a term, and has entries up to acked.
func (c *Core) remember(id, term, acked uint64) {
	if c.seen == nil {
		c.seen = make(map[uint64]seen)
	}
	s := c.seen[id]
	if term > s.term {
		s = seen{term: term}
	}
	if term == s.term {
		s.acked = max(s.acked, acked)
	}
	c.seen[id] = s
}

// forgotten returns what a node has forgotten of what this one knows of it.
func (c *Core) forgotten(id uint64, m *memory) error {
	s, now := c.seen[id], c.state.stand(id)
	switch {
	case m.incarnation+1 < now.incarnation, m.incarnation < now.incarnation && now.seq > 0:
		return fmt.Errorf("it remembers %d starts of %d", m.incarnation, now.incarnation)
	case m.term < s.term:
		return fmt.Errorf("it remembers term %d and spoke in %d", m.term, s.term)
	case m.term == s.term && m.last < s.acked:
		return fmt.Errorf("it has Raft entries up to %d and acknowledged %d", m.last, s.acked)
	}
	return nil
}

// stepHello tells a node that has started whether it is welcome.
func (c *Core) stepHello(m *Message) error {
	var theirs memory
	if err := theirs.decode(m.Payload); err != nil {
		return err
	}
	answer := welcome{start: theirs.start}
	if err := c.forgotten(m.From, &theirs); err != nil {
		answer.reason = err.Error()
	} else if c.state.members.votes(c.options.Node) { // others may not notice that nobody leads any more
		answer.lead = c.lead
	}
	c.send(m.From, MessageWelcome, answer.append(nil))
	return nil
}

func (c *Core) stepWelcome(m *Message) error {
	var theirs welcome
	if err := theirs.decode(m.Payload); err != nil {
		return err
	}
	p := &c.probation
	if theirs.start != p.mine.start || p.passed {
		return nil
	}
	if theirs.reason != "" {
		p.distrust(fmt.Errorf("node %d says that %s", m.From, theirs.reason))
		return nil
	}
	if len(p.welcome) == 0 {
		p.welcome, p.since = make(map[uint64]uint64), c.ticks
	}
	p.welcome[m.From] = theirs.lead
	p.look(c)
	return nil
}

// patience is for how many ticks everybody's answer is waited for, from the first one on: how
// long it took to ask says nothing about how long others take.
const patience = 5

// look ends the probation when enough have answered.
func (p *probation) look(c *Core) {
	everybody := true
	for _, id := range c.others() {
		_, ok := p.welcome[id]
		everybody = everybody && ok
	}
	for id := range p.welcome {
		if p.awaited(c, id) != 0 {
			return
		}
	}
	p.passed = p.faulty == nil && len(p.welcome) >= p.needed(c) && (everybody || c.ticks-p.since >= patience)
}

// hold compares what a leader's heartbeat says with what is here: a leader tells as committed
// only what this node has acknowledged to it.
func (c *Core) hold(m *pb.Message) {
	if last := c.storage.last(); m.GetType() == pb.MsgHeartbeat && m.GetCommit() > last {
		c.leading, c.lead = false, 0
		c.probation.distrust(fmt.Errorf("it has Raft entries up to %d and acknowledged %d to node %d, which leads",
			last, m.GetCommit(), m.GetFrom()))
	}
}
