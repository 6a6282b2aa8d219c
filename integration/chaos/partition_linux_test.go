package chaos

import (
	"context"
	"errors"
	"testing"
	"time"
)

// round is how many faults one cluster lives through; then all of it is compared, and another one begun.
const round = 20

// TestPartition: a minority acknowledges nothing, the majority goes on, and afterwards there is one history.
func TestPartition(t *testing.T) {
	needNetwork(t, partitions)
	s := newSeries(t, partitions)
	var c *trial
	for i := range partitions.Tries(t) {
		if c == nil {
			c = s.begin()
		}
		how := cuts[(i-1)%len(cuts)]
		began := time.Now()
		if err := c.partition(how); err != nil {
			t.Fatalf("SEED=%d, cut %d, %s: %v", c.ledger.Seed, i, how.name, err)
		}
		s.tried++
		t.Logf("%s: healed after %s", how.name, time.Since(began).Round(time.Millisecond))
		if i%round == 0 {
			c = s.finish(c)
		}
	}
	if c != nil {
		s.finish(c)
	}
	s.report()
}

// partition makes a cut, sees who is served and who isn't, and heals it.
func (c *trial) partition(how cut) error {
	c.pause(100*time.Millisecond, time.Second)
	leader, err := c.leader()
	if err != nil {
		return err
	}
	outcasts := how.make(c, leader)
	began := time.Now()
	var clients []*outcast
	for _, n := range outcasts {
		clients = append(clients, c.outcast(n))
	}
	for _, p := range c.probes {
		if contains(outcasts, p.home) {
			continue
		}
		if err := c.until("appends go on: "+how.name, func(context.Context) error {
			if _, ok := p.since(began); !ok {
				return errors.New("none was confirmed to the probe of " + p.home.name)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	c.pause(100*time.Millisecond, 6*time.Second)
	for _, o := range clients {
		o.healing()
	}
	c.net.heal()
	if err := c.healed(); err != nil {
		return err
	}
	for _, o := range clients {
		o.finish()
	}
	return c.verdict()
}
