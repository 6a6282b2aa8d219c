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
