package chaos

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
)

// TestLeaderKill: the leader is killed; appends go on at the others, and nothing is lost. How long appends had
// to wait is measured, not judged.
func TestLeaderKill(t *testing.T) {
	needNetwork(t, kills)
	s := newSeries(t, kills)
	var c *trial
	for i := range kills.Tries(t) {
		if c == nil {
			c = s.begin()
		}
		c.pause(200*time.Millisecond, time.Second)
		leader, err := c.leader()
		c.must(err)
		began := time.Now()
		c.must(leader.kill())
		gap, err := c.gap(began)
		c.must(err)
		s.gaps = append(s.gaps, gap)
		s.tried++
		c.must(leader.start())
		c.must(c.healed())
		if i%round == 0 {
			c = s.finish(c)
		}
	}
	if c != nil {
		s.finish(c)
	}
	s.report()
}

// gap waits until every probe was served again, and says how long that took the slowest.
func (c *trial) gap(since time.Time) (longest time.Duration, err error) {
	for _, p := range c.probes {
		err := c.until("appends go on for the probe of "+p.home.name, func(context.Context) error {
			gap, ok := p.since(since)
			if !ok {
				return errors.New("none was confirmed")
			}
			longest = max(longest, gap)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return longest, nil
}

// TestStall: a node is stopped, as by a debugger or a hanging machine, and goes on later as if nothing had been.
func TestStall(t *testing.T) {
	needNetwork(t, stalls)
	s := newSeries(t, stalls)
	c := s.begin()
	for i := range stalls.Tries(t) {
		c.pause(200*time.Millisecond, time.Second)
		n, err := c.leader()
		c.must(err)
		if i%3 == 0 {
			n = c.some()
		}
		began := time.Now()
		n.up.Store(false)
		c.must(n.signal(syscall.SIGSTOP))
		gap, err := c.gap(began)
		c.must(err)
		s.gaps = append(s.gaps, gap)
		c.pause(0, 4*time.Second)
		c.must(n.signal(syscall.SIGCONT))
		n.up.Store(true)
		c.must(c.healed())
		s.tried++
	}
	s.finish(c)
	s.report()
}

// TestRoll: the nodes are stopped in order and started again, one after the other. A client that retries sees
// no error, and is served nearly all the time.
func TestRoll(t *testing.T) {
	needNetwork(t, rolls)
	s := newSeries(t, rolls)
	c := s.begin()
	for range rolls.Tries(t) {
		began := time.Now()
		for _, n := range c.nodes {
			c.must(n.stop())
			c.must(n.start())
			c.must(c.voters(len(c.nodes)))
			c.must(c.healed())
		}
		served, all := c.windows(began, time.Now())
		t.Logf("%d of %d windows of 100 ms were served", served, all)
		s.served, s.windows = s.served+served, s.windows+all
		s.tried++
	}
	s.finish(c)
	s.report()
}

// windows counts the tenths of seconds in which any probe was served.
func (c *trial) windows(from, to time.Time) (served, all int) {
	all = int(to.Sub(from) / (100 * time.Millisecond))
	seen := map[int]bool{}
	for _, p := range c.probes {
		for _, at := range p.times(from, to) {
			if w := int(at.Sub(from) / (100 * time.Millisecond)); w < all {
				seen[w] = true
			}
		}
	}
	return len(seen), all
}
