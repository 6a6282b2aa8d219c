package cluster

import (
	"encoding/json"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// messagePulse is the kind of the message that tells a logserver.Pulse, as JSON. The kinds of
// package order are small.
const messagePulse = 0xf0

// beat is what a member has said last of how it does.
type beat struct {
	logserver.Pulse
	at time.Time
}

// pulseTime is how long what a member has said counts, in intervals of housekeeping.
const pulseTime = 10

// tellPulse tells the members that can be reached how this node does.
func (n *Node) tellPulse(st *Status) {
	payload, err := json.Marshal(n.log.Load().Pulse())
	if err != nil {
		return // it has only numbers
	}
	for _, m := range st.Members {
		if m.Connected && m.Number != st.Number {
			n.links.Send(m.Number, messagePulse, payload)
		}
	}
}

// hearPulse takes what a member says of how it does. What isn't understood is of a newer version.
func (n *Node) hearPulse(from uint64, payload []byte) {
	var p logserver.Pulse
	if json.Unmarshal(payload, &p) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.others[from]; known {
		n.beats[from] = beat{p, time.Now()}
	}
}

// Pulse returns what another member has said last of how it does; not ok: it has said nothing
// lately.
func (n *Node) Pulse(number uint64) (p logserver.Pulse, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := n.beats[number]
	return b.Pulse, time.Since(b.at) < pulseTime*n.options.Housekeeping
}

// pulseOf returns how a member does, as far as is known here.
func (n *Node) pulseOf(m *Member) *logserver.Pulse {
	p, ok := n.Pulse(m.Number)
	if m.Self {
		p, ok = n.log.Load().Pulse(), true
	}
	if !ok {
		return nil
	}
	return &p
}
