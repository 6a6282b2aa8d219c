package logserver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// flight is a batch of this node that was handed over, or is being placed, and is not decided yet.
type flight struct {
	batch  *batch // nil: those who waited were told that the outcome isn't known
	digest blobstore.Digest
	began  time.Time
	bytes  int
	ticket placed.Ticket // while it is being placed
}

const (
	maxFlights     = 64 // batches handed over and not decided
	maxFlightBytes = 32 << 20

	// Two batches are under way at once, one to the leader and one behind it. A third only
	// makes both smaller, unless they are large or the way is long.
	usualFlights = 2
	largeFlight  = 16 << 10
	longFlight   = 3 * time.Millisecond
)

// propose hands over what has gathered, as long as not too much is under way.
func (m *member) propose() error {
	for m.mayPropose() {
		b := m.next()
		if b == nil {
			break
		}
		if p := m.placement.Load(); p != nil && p.apart || len(m.placing) > 0 {
			m.place(b)
			continue
		}
		err := m.handOver(b)
		switch {
		case notNow(err):
			m.waiting = b
			return nil
		case err != nil:
			return fmt.Errorf("propose: %w", err)
		}
	}
	return m.handOverPlaced()
}

// notNow tells whether a proposal may be taken later.
func notNow(err error) bool {
	return errors.Is(err, order.ErrNotServing) || errors.Is(err, order.ErrBusy)
}

// mayPropose tells whether a batch can be handed over. Appends that have waited for long
// for that are refused.
func (m *member) mayPropose() bool {
	l := m.log
	if l.space.full.Load() {
		m.refuseGathered(protocol.ErrorDiskFull)
		return false
	}
	if m.isRemoved() {
		m.refuseGathered(protocol.ErrorNoQuorum)
		return false
	}
	if !l.core.Serving() {
		if m.unserved.IsZero() {
			m.unserved = time.Now()
		}
		if time.Since(m.unserved) > m.options.Quorum {
			m.refuseGathered(protocol.ErrorNoQuorum)
		}
		return false
	}
	m.unserved = time.Time{}
	under := m.flights
	if len(m.placing) > 0 {
		under = m.placing
	}
	if n := len(under); n >= usualFlights && bytesOf(under) < n*largeFlight && time.Since(under[n-1].began) < longFlight {
		return false // until one is decided, or another append comes later
	}
	return len(m.flights)+len(m.placing) < maxFlights && bytesOf(m.flights)+bytesOf(m.placing) < maxFlightBytes
}

func bytesOf(flights []*flight) (n int) {
	for _, f := range flights {
		n += f.bytes
	}
	return n
}

// refuseGathered refuses what was not handed over yet. What was is given up before: an appender
// knows its appends by their order alone.
func (m *member) refuseGathered(reason string) {
	if b := m.next(); b != nil {
		for _, f := range m.flights {
			m.giveUp(f)
		}
		m.log.refuse(b, reason)
		m.spent = append(m.spent, b)
		m.tell()
	}
}

// next takes what has gathered; nil: nothing has.
func (m *member) next() *batch {
	if b := m.waiting; b != nil {
		m.waiting = nil
		return b
	}
	g := m.log.gatherer
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open.empty() {
		return nil
	}
	return g.take()
}

// handOver proposes a batch, and sends its content to those who are to store it.
func (m *member) handOver(b *batch) error {
	l := m.log
	digest := b.content.Digest()
	if err := l.core.Propose(&b.proposal, digest, l.options.Now().UnixNano()); err != nil {
		return err
	}
	content := slices.Concat(b.content.Manifest(), b.content.Content()) // as other nodes get it
	f := &flight{batch: b, digest: digest, began: time.Now(), bytes: len(content)}
	m.flights = append(m.flights, f)
	self := incoming{Message: order.Message{Payload: content}, digest: digest}
	m.keep(&self)
	for _, id := range l.core.Members().All() {
		if id != m.options.Number {
			m.options.Network.Send(id, byte(order.MessagePut), content)
		}
	}
	return nil
}

// decided takes a decision: who waits for it is told, and so is who watches.
func (m *member) decided(d *order.Decision) {
	l := m.log
	if d.Kind == order.KindMember || d.Kind == order.KindIncarnation || d.Kind == order.KindSettings {
		m.changed = true
	}
	var content entries
	if d.Own && d.Kind == order.KindBatch && !d.Skipped {
		f := m.flights[0]
		m.flights[0] = nil
		m.flights = m.flights[1:]
		if f.digest != d.Digest {
			l.fail(fmt.Errorf("raft index %d decides %s in the place of %s", d.Index, d.Digest, f.digest))
			return
		}
		if b := f.batch; b != nil {
			l.metrics.committed(b, d)
			l.metrics.commit.Observe(time.Since(f.began).Seconds())
			l.answer(b, d)
			m.spent = append(m.spent, b)
			content = &b.content
		}
	}
	if content == nil && len(d.Runs) > 0 {
		content = m.foreign(d)
	}
	l.prepare(content, d)
	m.forget(d.Digest)
}

// foreign returns the entries of another node's batch, if they are at hand and somebody
// watches their log.
func (m *member) foreign(d *order.Decision) entries {
	watched := slices.ContainsFunc(d.Runs, func(r order.Run) bool { return m.log.topic(&r).Watched() })
	payload, ok := m.payloads[d.Digest]
	if !watched || !ok {
		return nil
	}
	manifest := new(blobstore.Manifest)
	if err := manifest.Parse(payload); err != nil {
		return nil // it is read from the segments
	}
	return manifest
}

// giveUpOld tells those who have waited for too long that the outcome isn't known: sooner while
// the disk is full, since then nothing is decided here.
func (m *member) giveUpOld() {
	patience := m.options.Outcome
	if m.log.space.full.Load() {
		patience = min(patience, m.options.Quorum)
	}
	for _, f := range m.flights {
		if time.Since(f.began) < patience {
			return
		}
		m.giveUp(f)
	}
}

// giveUp tells who waits for a flight that the outcome isn't known. It may be decided later.
func (m *member) giveUp(f *flight) {
	if f.batch == nil {
		return
	}
	m.log.refuse(f.batch, protocol.ErrorUnknownOutcome)
	f.batch = nil
}
