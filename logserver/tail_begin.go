package logserver

import (
	"math"
	"time"

	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/protocol"
)

// handleRead begins a read. It is taken now: without waiting for appends before
// it on the connection.
func (c *connection) handleRead(m *protocol.Message) {
	if !c.may(access.Read, m.Log) {
		c.refuse(nil, protocol.ErrorForbidden)
		return
	}
	if c.beginRead(m) == nil {
		c.refuse(nil, protocol.ErrorAlreadyReading)
	}
}

// beginRead begins a read; nil: there is one already.
func (c *connection) beginRead(m *protocol.Message) *tail {
	t := &tail{
		c: c, history: history{cursor: cursor{log: c.log}},
		bounded: m.Read > 0, left: m.Read,
		follow: m.Follow, meta: m.Meta,
		echo: m.Read > 0 || m.Echo || c.limits.Echo,
	}
	if !c.out.begin(t) {
		return nil
	}
	name := m.Log
	if name == nil {
		name = mainLog
	}
	t.driven.Store(driven)
	t.topic = c.log.hub.Watch(name, t)
	c.tails.Add(1)
	if c.log.member != nil {
		from := m.From
		t.high, t.next = math.MaxUint64, 1
		go t.runConfirmed(&from)
		return t
	}
	t.high = t.topic.Head()
	t.next = c.log.firstIndex(t.topic, &m.From, t.high)
	go t.run()
	return t
}

// firstIndex says where a read begins whose log's head is high.
func (l *Log) firstIndex(topic *hub.Topic, from *protocol.From, high uint64) uint64 {
	var at time.Time
	switch from.Kind {
	case protocol.FromIndex:
		return max(from.Index, 1)
	case protocol.FromEnd:
		return high - min(from.Index, high) + 1
	case protocol.FromTime:
		at = from.Time
	case protocol.FromAge:
		at = l.options.Now().Add(-from.Age)
	}
	return min(l.firstAt(topic, at), high+1)
}
