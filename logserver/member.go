package logserver

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// member is the part of a Log that is one of several nodes. Its goroutine is the committer
// for as long as it runs: it takes what the others say, proposes what has gathered, has one
// batch of frames flushed after the other, and answers.
type member struct {
	log     *Log
	options *Member
	wake    chan struct{} // there may be something to do
	ended   chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex // guards the following
	inbox  []incoming
	bytes  int        // of inbox
	room   *sync.Cond // inbox was taken
	asks   []*ask
	jobs   []job
	closed bool

	// Owned by the committer.
	coming    []incoming // content, to be stored with the next flush
	size      int64      // of its frames
	payloads  map[blobstore.Digest][]byte
	held      int      // bytes of payloads
	putters   []putter // wait for what is in coming
	flights   []*flight
	placing   []*flight // that wait for their holders, in their order
	placer    *placed.Placer
	kept      map[placed.Ticket][]byte // content that is being placed
	waiting   *batch                   // taken, and could not be proposed yet
	spent     []*batch
	tickets   map[uint64][]*ask
	unserved  time.Time // since when appends have not been taken; zero: they are
	unled     time.Time // since when nobody leads, as far as is known here; zero: somebody does
	lastFlush time.Time
	changed   bool                             // members, or what they say about themselves
	faulty    bool                             // it was told
	compared  bool                             // the settings, with those that Options ask for
	belonged  bool                             // this node was a member at some time of this start
	expected  map[blobstore.Digest][]index.Row // of content that is to come, and was decided already

	standing  atomic.Pointer[Standing]
	placement atomic.Pointer[placement] // nil: not known yet
	errands   chan errand

	fetcher *fetcher
	mover   *mover
	givings chan giving

	hearing   sync.Mutex // guards the following
	lastHeard map[uint64]time.Time
}

// incoming is what another node said.
type incoming struct {
	order.Message
	digest blobstore.Digest // of content, which is checked
	late   bool             // it is stored behind what was decided about it
}

const (
	maxInbox    = 64 << 20 // bytes of messages that wait; a sender of more waits, too
	maxPayloads = 32 << 20 // bytes of content that is kept for who watches
	maxErrands  = 1024     // questions of others that wait to be answered
)

// maxClockOff is from where on a clock is called wrong.
const maxClockOff = time.Minute

func newMember(l *Log, o *Member) *member {
	m := &member{
		log: l, options: o,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		payloads: make(map[blobstore.Digest][]byte), tickets: make(map[uint64][]*ask),
		errands: make(chan errand, maxErrands), givings: make(chan giving, maxGivings),
		expected: make(map[blobstore.Digest][]index.Row), lastHeard: make(map[uint64]time.Time),
	}
	m.fetcher, m.mover = newFetcher(m), newMover(m)
	m.placer, m.kept = newPlacer(o), make(map[placed.Ticket][]byte)
	m.room = sync.NewCond(&m.mu)
	return m
}

// Receive takes a message of another member. It blocks while too much waits.
func (l *Log) Receive(from uint64, kind byte, payload []byte) {
	m := l.member
	m.heard(from)
	switch order.MessageKind(kind) {
	case order.MessageFetch:
		m.asked(from, payload)
		return
	case order.MessageFetched:
		m.fetcher.arrived(from, payload)
		return
	}
	in := incoming{Message: order.Message{From: from, To: m.options.Number, Kind: order.MessageKind(kind), Payload: payload}}
	if in.Kind == order.MessagePut || in.Kind == order.MessageHold {
		var err error
		if in.digest, err = checkContent(payload); err != nil {
			l.metrics.refuse(reasonForeign, 1)
			l.refusals.Error(l.options.Logger, fmt.Errorf("from node %d: %w", from, err), "content of another node is not what its digests say; it was refused")
			return
		}
	}
	m.hear(in)
}

// hear leaves a message to the committer. It blocks while too much waits.
func (m *member) hear(in incoming) {
	m.mu.Lock()
	for m.bytes > maxInbox && !m.closed {
		m.room.Wait()
	}
	if !m.closed {
		m.inbox = append(m.inbox, in)
		m.bytes += len(in.Payload) + 64
	}
	m.mu.Unlock()
	m.poke()
}

// poke has the goroutine look what there is to do.
func (m *member) poke() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run is the goroutine of the member.
func (m *member) run() {
	l := m.log
	tick := time.NewTicker(m.options.Tick)
	defer tick.Stop()
	defer close(m.ended)
	defer m.end()
	for stopping := l.closing; ; {
		var err error
		select {
		case <-m.wake:
			err = m.round()
		case <-tick.C:
			err = m.tick()
		case <-l.failed:
			return
		case <-stopping:
			stopping = nil
			err = m.retire()
		}
		if errors.Is(err, errRetired) {
			return
		}
		if err != nil {
			l.fail(err)
			return
		}
	}
}

// end tells everybody who still waits that nothing will come, and lets nobody wait any more.
func (m *member) end() {
	l, g := m.log, m.log.gatherer
	reason := protocol.ErrorUnknownOutcome
	if l.Err() == nil {
		reason = protocol.ErrorShuttingDown
	}
	l.refuseAppends(reason)
	for _, f := range m.flights {
		m.giveUp(f)
	}
	for _, f := range m.placing {
		l.refuse(f.batch, reason)
	}
	if m.waiting != nil {
		l.refuse(m.waiting, reason)
	}
	m.mu.Lock()
	m.closed = true
	m.room.Broadcast()
	asks, jobs := m.asks, m.jobs
	m.asks, m.jobs = nil, nil
	m.mu.Unlock()
	for _, list := range m.tickets {
		asks = append(asks, list...)
	}
	for _, a := range asks {
		a.answer(ErrClosed)
	}
	for _, j := range jobs {
		j.done <- ErrClosed
	}
	g.mu.Lock()
	b := g.open
	g.open = new(batch)
	g.ended = true
	g.room.Broadcast()
	g.mu.Unlock()
	l.refuse(b, reason)
}

// tick lets the cluster's clock go on.
func (m *member) tick() error {
	l := m.log
	m.giveUpOld()
	m.forgetAsks()
	m.placer.Tick()
	if l.space.full.Load() {
		return m.round() // until there is space this node is silent, and others lead
	}
	if err := l.core.Tick(l.options.Now().UnixNano()); err != nil {
		return err
	}
	if err := m.round(); err != nil {
		return err
	}
	if err := l.core.Faulty(); err != nil && !m.faulty {
		m.faulty = true
		l.options.Logger.Error().Err(err).Msg("this node takes no part in ordering any more; replace it: `ringlog cluster replace`")
	}
	if off := l.core.ClockOff(); off > maxClockOff || off < -maxClockOff {
		l.refusals.Error(l.options.Logger, fmt.Errorf("it is %s off the others' median", off.Round(time.Second)), "the clock of this node is wrong, so it leads only if nobody else can; set it")
	}
	if time.Since(m.lastFlush) > l.options.IdleAfter {
		if err := m.rest(); err != nil {
			return err
		}
	}
	m.publish()
	return nil
}

// round does everything there is to do.
func (m *member) round() error {
	for {
		if err := m.take(); err != nil {
			return err
		}
		m.ask()
		if err := m.propose(); err != nil {
			return err
		}
		did, err := m.flush()
		if err != nil {
			return err
		}
		if !did {
			return m.storePuts()
		}
		if err := m.writeBehind(); err != nil {
			return err
		}
	}
}

// flush makes durable what there is, answers, and sends. What the others have made sure of is answered before.
func (m *member) flush() (did bool, err error) {
	l := m.log
	applied := l.core.Applied()
	if err := m.decide(); err != nil {
		return false, err
	}
	decided := l.core.Applied() != applied // there may be room now for what waits
	if ok, err := m.reserve(); !ok || err != nil {
		return false, err
	}
	ready, ok := l.core.Ready()
	m.post()
	if !ok {
		return decided, l.core.Err()
	}
	if _, err := l.flush(ready, nil); err != nil {
		return false, err
	}
	return true, m.advance()
}

// decide applies what the others have made sure of since, and tells everybody before the next flush.
func (m *member) decide() error { return m.apply(true) }

// advance applies what was flushed, tells everybody, and sends what may leave now.
func (m *member) advance() error { return m.apply(false) }

// apply has the core apply, tells everybody, and sends what may leave now.
func (m *member) apply(early bool) error {
	if err := m.log.apply(early, m.decided); err != nil {
		return err
	}
	m.dispatch()
	m.tell()
	m.answerAsks() // heads are known by now
	if m.changed {
		m.changed = false
		m.publish()
		m.join()
	}
	return nil
}

// tell tells who waits for what was decided.
func (m *member) tell() {
	l := m.log
	l.announce()
	for _, a := range l.touched {
		a.flush()
	}
	clear(l.touched)
	l.touched = l.touched[:0]
	if len(m.spent) > 0 {
		l.gatherer.mu.Lock()
		for i, b := range m.spent {
			l.committed(b)
			m.spent[i] = nil
		}
		l.gatherer.mu.Unlock()
		m.spent = m.spent[:0]
	}
}

// reserve makes room for the next flush. Not ok: there is none for now.
func (m *member) reserve() (ok bool, err error) {
	l := m.log
	l.stall.begin()
	err = l.store.Reserve(l.unstored(), perBatch)
	l.stall.end()
	switch {
	case err == nil:
		if l.space.full.Swap(false) {
			l.options.Logger.Info().Msg("there is space again: this node takes part again")
		}
		return true, nil
	case errors.Is(err, segment.ErrDiskFull), errors.Is(err, segment.ErrNoFiles):
		l.refusals.Error(l.options.Logger, err, "nothing can be written: this node takes no part until it can")
		l.space.full.Store(true)
		return false, nil
	}
	return false, err
}

// post sends what the core wants sent, and answers who asked for heads.
func (m *member) post() {
	m.dispatch()
	m.answerAsks()
}

// dispatch sends what the core wants sent.
func (m *member) dispatch() {
	for _, msg := range m.log.core.Messages() {
		m.options.Network.Send(msg.To, byte(msg.Kind), msg.Payload)
	}
}

// writeBehind writes the index behind when that is due, and holds everything up while too
// much of it is unwritten.
func (m *member) writeBehind() error {
	l := m.log
	m.lastFlush = time.Now()
	l.between()
	return l.Err()
}

// rest does what can wait for a moment when nothing goes on.
func (m *member) rest() error {
	if len(m.coming) > 0 {
		if ok, err := m.reserve(); !ok || err != nil {
			return err
		}
		if _, err := m.log.write(nil); err != nil {
			return err
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	err := m.log.rest()
	m.tell()
	return err
}

// isRemoved tells whether this node was a member and is none any more: what it is told, and
// tells others, doesn't count.
func (m *member) isRemoved() bool {
	members := m.log.core.Members()
	m.belonged = m.belonged || members.Has(m.options.Number)
	return !members.Has(m.options.Number) && len(members.All()) > 0 && (m.belonged || !m.options.Joins)
}

// publish makes public how the cluster looks from here.
func (m *member) publish() {
	core := m.log.core
	s := &Standing{
		Number: m.options.Number, Leader: core.Leader(), Applied: core.Applied(), Removed: m.isRemoved(),
		Serving: core.Serving() && !m.isRemoved(), Faulty: core.Faulty(), Members: core.Members(), Settings: core.Settings(), About: make(map[uint64][]byte), Seats: make(map[uint64]uint64),
	}
	for _, id := range s.Members.All() {
		s.About[id], s.Seats[id] = core.About(id), core.Seat(id)
	}
	m.standing.Store(s)
	m.assign()
	if s.Serving && !m.compared {
		m.compared = true
		m.log.warnOfSettings()
	}
}

// join tells the network who the others are.
func (m *member) join() {
	others := maps.Clone(m.standing.Load().About)
	delete(others, m.options.Number)
	m.options.Network.Join(others)
}
