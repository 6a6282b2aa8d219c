package peer

import (
	"slices"
	"time"
)

// LinkStatus is how a link is.
type LinkStatus struct {
	Peer         uint64
	Name         string
	Address      string // where it is dialed; empty for a guest
	Remote       string // the other end of the connection
	Guest        bool   // it is no Peer
	Connected    bool
	Dialed       bool      // by this node
	Since        time.Time // it is connected, or not
	Attempts     int       // to connect, since then
	Incarnation  uint64    // as the other said last
	Queued       int       // messages that are not acknowledged
	QueuedBytes  int
	Acknowledged uint64 // messages
	Dropped      uint64 // messages that were not acknowledged in time, or were too many
	Sent         map[byte]Traffic
	Received     map[byte]Traffic
	LastError    string // why it isn't connected
}

// Traffic is what was written or handed over of one kind of message; what was written again counts again.
type Traffic struct{ Messages, Bytes uint64 }

// Status tells how the links are, by their numbers.
func (l *Links) Status() []LinkStatus {
	l.mu.Lock()
	all := make([]*link, 0, len(l.links))
	for _, k := range l.links {
		all = append(all, k)
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b *link) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	list := make([]LinkStatus, 0, len(all))
	for _, k := range all {
		list = append(list, k.status())
	}
	return list
}

func (k *link) status() LinkStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := LinkStatus{
		Peer: k.number, Name: k.peer.Name, Address: k.peer.Address, Guest: k.guest, Connected: k.conn != nil, Since: k.since,
		Attempts: k.attempts, Incarnation: k.incarnation, Acknowledged: k.acked, Dropped: k.dropped,
		Sent: counted(&k.sent), Received: counted(&k.received),
	}
	for i := range k.lanes {
		s.Queued += len(k.lanes[i].kept)
		s.QueuedBytes += k.lanes[i].bytes
	}
	if k.conn != nil {
		s.Remote, s.Dialed = k.conn.RemoteAddr().String(), k.conn.dialed
	}
	if k.lastErr != nil {
		s.LastError = k.lastErr.Error()
	}
	return s
}

func counted(kinds *[256]traffic) map[byte]Traffic {
	m := make(map[byte]Traffic)
	for kind := range kinds {
		if n := kinds[kind].messages.Load(); n > 0 {
			m[byte(kind)] = Traffic{n, kinds[kind].bytes.Load()}
		}
	}
	return m
}
