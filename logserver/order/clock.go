package order

import (
	"math"
	"slices"
	"time"

	"go.etcd.io/raft/v3/tracker"
)

// Entries get the leader's time. So that one wrong clock doesn't make all times wrong, nodes
// tell each other what time it is, and a leader whose clock is off hands over.

const (
	clockTicks = 10 // between two tellings
	clockFresh = 50 // ticks for which what was told counts
	maxOff     = time.Minute
)

// told is how far another node's clock is ahead of this one's, as of a tick.
type told struct {
	ahead time.Duration
	tick  uint64
}

// tellTime tells the others what time it is here.
func (c *Core) tellTime() {
	if c.clock == 0 || c.ticks%clockTicks != 1 {
		return
	}
	payload := appendTime([]byte{messageVersion}, c.clock)
	for _, id := range c.others() {
		c.send(id, MessageClock, payload)
	}
}

func (c *Core) stepClock(m *Message) error {
	const what = "clock"
	r := reader{b: m.Payload}
	if err := r.version(what); err != nil {
		return err
	}
	theirs := r.time()
	if err := r.end(what); err != nil || c.clock == 0 {
		return err
	}
	if c.clocks == nil {
		c.clocks = make(map[uint64]told)
	}
	c.clocks[m.From] = told{difference(theirs, c.clock), c.ticks}
	return nil
}

// difference returns a - b, or as near to that as can be said.
func difference(a, b int64) time.Duration {
	switch d := a - b; {
	case a > b && d < 0:
		return math.MaxInt64
	case a < b && d > 0:
		return math.MinInt64
	default:
		return time.Duration(d)
	}
}

// ahead returns how far the median of the other members' clocks is ahead of this node's. Of
// an even number of them the two in the middle have to agree: the nearer one counts.
func (c *Core) ahead() time.Duration {
	var list []time.Duration
	for _, id := range c.others() {
		if t, ok := c.clocks[id]; ok && c.ticks-t.tick <= clockFresh {
			list = append(list, t.ahead)
		}
	}
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	low, high := list[(len(list)-1)/2], list[len(list)/2]
	switch {
	case low > 0:
		return low
	case high < 0:
		return high
	}
	return 0
}

// off tells whether a clock is too far from another one.
func off(by time.Duration) bool { return by > maxOff || by < -maxOff }

// ClockOff returns how far this node's clock is ahead of the median of the other members' (or
// behind, less than zero), 0 as long as nothing is known of those. A leader for which that is
// more than a minute hands over to a voter whose clock is right, if there is one.
func (c *Core) ClockOff() time.Duration { return difference(0, int64(c.ahead())) }

// yield hands over when this leader's clock is off.
func (c *Core) yield() error {
	if !c.leading || c.ticks%retryTicks != 0 {
		return nil
	}
	if ahead := c.ahead(); off(ahead) {
		return c.handOverTo(func(id uint64, _ *tracker.Progress) bool {
			t, ok := c.clocks[id]
			return ok && c.ticks-t.tick <= clockFresh && !off(difference(int64(t.ahead), int64(ahead)))
		})
	}
	return nil
}
