package peer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// link is a node's link to one other.
type link struct {
	owner   *Links
	number  uint64
	ctx     context.Context // ends with the link
	cancel  context.CancelFunc
	wake    chan struct{} // something is to be written
	changed chan struct{} // for keep: conn has changed

	mu          sync.Mutex // guards the following
	peer        Peer
	guest       bool // it is no Peer: nobody dials it
	lanes       [lanes]lane
	conn        *connection // nil: none
	since       time.Time   // conn has changed
	inbox       *inbox      // of the other's newest start; nil: none was seen
	incarnation uint64      // as the other said last
	previous    uint64      // the id of the conn that was lost last
	attempts    int         // to connect, since conn was lost
	lastErr     error
	dropped     uint64
	acked       uint64

	sent, received [256]traffic
}

// traffic counts messages of one kind.
type traffic struct{ messages, bytes atomic.Uint64 }

func (t *traffic) count(size int) {
	t.messages.Add(1)
	t.bytes.Add(uint64(size))
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (k *link) isGuest() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.guest
}

// setPeer says who the other is, and tells whether it has to be dialed from now on.
func (k *link) setPeer(p Peer) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := k.guest
	k.peer, k.guest = p, false
	signal(k.changed)
	return first
}

func (k *link) event() Event {
	return Event{Peer: k.number, Name: k.peer.Name, Address: k.peer.Address}
}

// end closes the link for ever.
func (k *link) end() {
	k.cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != nil {
		k.conn.close(refusedf(CodeRefused, "the peer was taken off the list"))
	}
}

func (k *link) send(kind byte, parts [][]byte) {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	o := &k.owner.options
	now := time.Now()
	k.mu.Lock()
	if size > o.MaxFrame {
		k.dropped++
		k.mu.Unlock()
		return
	}
	n := &k.lanes[urgent]
	if o.Bulk(kind, size) {
		n = &k.lanes[bulk]
		n.pushBulk(now.UnixNano(), kind, size, parts)
	} else {
		n.pushUrgent(now.UnixNano(), kind, size, parts)
	}
	k.bound(n, now)
	k.mu.Unlock()
	signal(k.wake)
}

// bound drops what is too much or too old. k.mu is held.
func (k *link) bound(n *lane, now time.Time) {
	o := &k.owner.options
	k.dropped += uint64(n.bound(o.KeepFrames, o.KeepBytes, now.Add(-o.KeepAge).UnixNano()))
}

// install makes a connection the link's one and only, after both have said hello; said is the other's. The goroutines
// that serve it write first before anything else. k.mu is held.
func (k *link) install(c *connection, said *hello, first []byte) {
	old := k.conn
	if k.inbox == nil || k.inbox.start != said.start {
		k.inbox = &inbox{start: said.start}
	}
	k.incarnation = said.Incarnation
	c.inbox, c.id = k.inbox, said.connection
	k.conn, k.since, k.attempts, k.lastErr = c, time.Now(), 0, nil
	c.established(k.owner.options.Silence)
	for i := range k.lanes {
		if said.known == k.owner.start && said.received[i] < k.lanes[i].next {
			k.acked += uint64(k.lanes[i].acknowledged(said.received[i]))
		}
		k.bound(&k.lanes[i], time.Now())
		k.lanes[i].rewind()
	}
	if old != nil {
		old.close(refusedf(CodeCrossed, "another connection of the two takes its place"))
	}
	signal(k.changed)
	signal(k.wake)
	k.owner.goroutines.Go(func() { k.serve(c, old, first) })
}

// serve reads and writes a connection until it ends. old is the connection before.
func (k *link) serve(c, old *connection, first []byte) {
	event := k.told(c)
	tell(k.owner.options.Hooks.Initialized, event)
	var writer sync.WaitGroup
	writer.Go(func() { k.write(c, first) })
	if old != nil {
		<-old.read
	}
	err := k.readAll(c)
	close(c.read)
	c.close(err)
	writer.Wait()
	k.lost(c)
	k.owner.forget(c)
	event.Err = c.err
	tell(k.owner.options.Hooks.Disconnect, event)
}

// told is the event that a connection is about.
func (k *link) told(c *connection) Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.event()
	if c != nil {
		e.Address = c.address
	}
	return e
}

func (k *link) lost(c *connection) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn == c {
		k.conn, k.previous, k.since, k.lastErr = nil, c.id, time.Now(), c.err
		signal(k.changed)
	}
}

// acknowledge forgets what was handed over. The error is an ErrFrame.
func (k *link) acknowledge(received [lanes]uint64) error {
	count := 0
	k.mu.Lock()
	for i := range k.lanes {
		if received[i] >= k.lanes[i].next {
			k.mu.Unlock()
			return fmt.Errorf("%w: what was never sent is acknowledged", ErrFrame)
		}
		count += k.lanes[i].acknowledged(received[i])
	}
	k.acked += uint64(count)
	k.mu.Unlock()
	if hook := k.owner.options.Hooks.Acknowledge; hook != nil && count > 0 {
		event := k.told(nil)
		event.Count = count
		hook(event)
	}
	return nil
}
