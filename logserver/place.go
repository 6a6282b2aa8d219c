package logserver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// Where there are more nodes than replicas, or all replicas must hold it, a batch's content goes to its owners before
// the batch is proposed: blobstore/placed says to whom, and when enough have flushed it.

const (
	ownerPatience = 500 * time.Millisecond // for which an owner may be silent before another gets its replica
	shunned       = 5 * time.Second        // for which it is left out then, where there are others
	placingAge    = 30 * time.Second       // after which who hasn't got what was proposed has to fetch it
)

func newPlacer(o *Member) *placed.Placer {
	ticks := func(d time.Duration) uint64 { return uint64((d + o.Tick - 1) / o.Tick) }
	return placed.New(placed.Options{
		Patience: ticks(ownerPatience), GiveUp: ticks(o.Quorum), Shun: ticks(shunned), Age: ticks(placingAge),
	})
}

// place begins to place a batch.
func (m *member) place(b *batch) {
	content := slices.Concat(b.content.Manifest(), b.content.Content()) // as other nodes get it
	f := &flight{batch: b, digest: b.content.Digest(), began: time.Now(), bytes: len(content)}
	ticket, err := m.placer.Begin(f.digest, len(content))
	if err != nil {
		m.refuseFlight(f)
		return
	}
	f.ticket = ticket
	m.kept[ticket] = content
	m.placing = append(m.placing, f)
}

// refuseFlight refuses a batch of which nothing was ordered.
func (m *member) refuseFlight(f *flight) {
	m.log.refuse(f.batch, protocol.ErrorNoQuorum)
	m.spent = append(m.spent, f.batch)
	m.tell()
}

// handOverPlaced proposes the batches that enough nodes hold, in their order, and sends contents to those who are to
// hold them.
func (m *member) handOverPlaced() error {
	for len(m.placing) > 0 {
		done, err := m.handOverHeld(m.placing[0])
		if err != nil {
			return err
		}
		if !done {
			break
		}
		m.placing[0] = nil
		m.placing = m.placing[1:]
	}
	m.sendHolds()
	for _, t := range m.placer.Over() {
		delete(m.kept, t)
	}
	return nil
}

// handOverHeld proposes a batch if enough nodes hold it. It is done with as well when that was waited for in vain.
func (m *member) handOverHeld(f *flight) (done bool, err error) {
	holders, err := m.placer.Holders(f.ticket)
	if err == nil && len(holders) > 0 {
		f.batch.proposal.Place(holders)
		err = m.log.core.Propose(&f.batch.proposal, f.digest, m.log.options.Now().UnixNano())
		if err == nil {
			m.placer.Proposed(f.ticket)
			m.flights = append(m.flights, f)
			return true, nil
		}
	}
	switch {
	case errors.Is(err, placed.ErrTooFew), (err == nil || notNow(err)) && time.Since(f.began) > m.options.Quorum:
		m.placer.End(f.ticket)
		m.refuseFlight(f)
		return true, nil
	case err == nil, notNow(err):
		return false, nil
	}
	return false, fmt.Errorf("propose: %w", err)
}

// sendHolds sends contents to whom they are to be at, and keeps here what belongs here.
func (m *member) sendHolds() {
	for _, p := range m.placer.Send() {
		content := m.kept[p.Ticket]
		if p.To != m.options.Number {
			m.options.Network.Send(p.To, byte(order.MessageHold), content)
			continue
		}
		m.hold(&incoming{Message: order.Message{From: p.To, To: p.To, Payload: content}, digest: p.Digest})
	}
}

// hold takes content that is to be flushed, and has who wants that told when it is. It tells whether it has just come. It is
// stored for each batch that it is of, as each will be decided.
func (m *member) hold(in *incoming) (fresh bool) {
	from, d := in.From, in.digest
	if fresh = m.keep(in); !fresh {
		m.takeIn(in)
	}
	m.putters = append(m.putters, func(err error) {
		switch {
		case err != nil: // it hears nothing, and asks another
		case from == m.options.Number:
			m.placer.Held(from, d)
			m.poke()
		default:
			m.options.Network.Send(from, byte(order.MessageHeld), order.AppendHeld(nil, d))
		}
	})
	return fresh
}

// noteHeld takes note of who has flushed content.
func (m *member) noteHeld(in *incoming) {
	if d, err := order.ReadHeld(in.Payload); err == nil {
		m.placer.Held(in.From, d)
	}
}
