package order

import (
	"bytes"
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	"go.etcd.io/raft/v3"
)

// Serving tells whether proposals are taken: this start's incarnation has been applied,
// and this node leads and has applied an entry of the current term, or knows who leads.
// A Core that serves alone may tell heads; among others it has to ask: see Read.
func (c *Core) Serving() bool {
	return c.failed == nil && c.incarnation != 0 && c.takesPart() &&
		(c.leading && c.state.term == c.flushed.term || !c.leading && c.lead != 0) &&
		c.state.stand(c.options.Node).incarnation == c.incarnation && !c.mistold()
}

// mistold tells whether something else than Options.About is known of this member, though its
// start is ordered: an earlier start's incarnation came through late and took this one's number.
func (c *Core) mistold() bool {
	about, self := c.options.About, c.options.Node
	if c.seq > 0 || len(about) == 0 || c.incarnation == 0 || c.state.stand(self).incarnation < c.incarnation {
		return false
	}
	k := c.state.known(self)
	return c.state.members.Has(self) && (k == nil || !bytes.Equal(k.about, about))
}

// Propose asks for the appends of p to be ordered as one batch: digest is the batch's,
// stamp the time, Unix nanoseconds; of another node's batch the leader's time counts.
// Nothing of p is kept. ErrNotServing, ErrBusy and ErrProposal mean that nothing was
// proposed, any other error is fatal. A proposal can't be taken back: what may still
// refuse it (room on the disk) comes before. From now on it is handed to one leader after
// the other until it is decided; who doesn't want to wait can only say that the outcome
// isn't known.
func (c *Core) Propose(p *Proposal, digest blobstore.Digest, stamp int64) error {
	if c.failed != nil {
		return c.failed
	}
	if !c.Serving() {
		return ErrNotServing
	}
	if err := p.seal(digest, stamp, c.number); err != nil {
		return err
	}
	h := c.header(c.seq + 1)
	if len(p.holders) > 0 {
		h.placed, h.holders = true, append(h.holders[:0], p.holders...)
	}
	c.proposal = appendHeader(c.proposal[:0], KindBatch, h)
	c.proposal = p.append(c.proposal)
	return c.handOverNew(digest)
}

// handOverNew hands over the proposal that was just made.
func (c *Core) handOverNew(digest blobstore.Digest) error {
	p := &c.pending
	if p.full(len(c.proposal)) {
		return ErrBusy
	}
	fresh := p.leader == c.lead && p.term == c.flushed.term
	if c.leading && (fresh || len(p.list) == 0) {
		if err := c.propose(c.proposal); err != nil {
			return err
		}
		c.seq++
		p.leader, p.term, p.at = c.lead, c.flushed.term, c.ticks
		p.add(c.seq, digest, c.proposal)
		return nil
	}
	c.seq++
	if p.add(c.seq, digest, c.proposal); fresh {
		return c.handOver(c.proposal)
	}
	return c.handOverFrom(p.list[0].seq)
}

func (c *Core) header(seq uint64) *header {
	h := &c.envelope.header // free between two decisions
	*h = header{
		node: c.options.Node, incarnation: c.incarnation, seq: seq, configuration: c.state.settings.Configuration,
		holders: append(h.holders[:0], c.options.Node),
	}
	return h
}

func (c *Core) number(name []byte) uint32 { return c.state.byName[string(name)] }

func (c *Core) propose(data []byte) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrNotServing) {
			err = c.fatal(err)
		}
	}()
	defer caught(&err)
	err = c.node.Propose(data) // copies data
	if errors.Is(err, raft.ErrProposalDropped) {
		return ErrNotServing
	}
	return err
}

// introduce proposes what each start orders first, as soon as an entry of the current
// term has been applied and the state is therefore known to be the newest: the
// settings, if there are none yet, and this start's incarnation.
func (c *Core) introduce() error {
	if c.incarnation != 0 || !c.leads() && !c.upToDate {
		return nil
	}
	if c.state.settings.Configuration == 0 && c.leads() {
		founding := envelope{kind: KindSettings, header: *c.header(0), settings: Settings{
			Apply: applyVersion, Limits: c.options.Limits, Placement: c.options.Placement, Voters: []uint64{c.options.Node},
		}}
		if err := c.propose(founding.append(nil)); err != nil {
			return err
		}
	}
	c.incarnation = c.state.stand(c.options.Node).incarnation + 1
	return c.sendIncarnation()
}

func (c *Core) sendIncarnation() error {
	f := fact{id: c.options.Node, about: c.options.About}
	if len(f.about) == 0 {
		f.id = 0
	}
	return c.dropped(c.handOver(appendStatement(nil, KindIncarnation, c.header(0), &f)))
}

// introduceAgain goes on with what introduce began, and lets a node that doesn't lead
// begin it when it knows the newest state.
func (c *Core) introduceAgain() error {
	switch {
	case c.incarnation == 0 && c.newest == 0 && !c.leading && c.lead != 0:
		ticket, err := c.Read()
		c.newest = ticket
		return err
	case c.incarnation == 0:
		return c.introduce()
	case c.state.stand(c.options.Node).incarnation < c.incarnation && c.ticks%retryTicks == 0:
		return c.sendIncarnation()
	case c.mistold():
		c.incarnation = c.state.stand(c.options.Node).incarnation + 1
		return c.sendIncarnation()
	}
	return nil
}
