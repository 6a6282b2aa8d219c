package order

import "fmt"

// complete reports what is lost and was not found behind. A node among several can do
// without: what was decided it gets from others, but it may have acknowledged what it doesn't
// know any more, so it is not to be trusted with a vote.
func (c *Core) complete() error {
	err := c.lacksOrder()
	if err == nil || !c.several() {
		return err
	}
	c.restore.entries = nil
	c.restore.hard.commit = min(c.restore.hard.commit, c.state.applied)
	c.Distrust(err)
	return nil
}

// Conclude ends restoring for those who only look: a Core that was given all frames decides
// what a lone voter's start would, and calls fn with that. Its error says what can't be; of a
// node among several, of which not all needs to be there, see Faulty.
func (c *Core) Conclude(fn func(*Decision) error) error {
	if err := c.loaded(); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if _, err := c.restoredState(); err != nil {
		return err
	}
	for s := &c.restore; len(s.entries) > 0 && c.alone(); {
		if err := c.decideAgain(fn); err != nil {
			return err
		}
	}
	return nil
}

// alone tells whether there is no other node, so that what is ordered is decided by that.
func (c *Core) alone() bool { return len(c.state.members.All()) < 2 }

// lacksOrder reports what is lost of what was ordered.
func (c *Core) lacksOrder() error {
	l := &c.restore.loss
	if !l.any {
		return nil
	}
	next := c.gap()
	switch last := c.state.applied + uint64(len(c.restore.entries)); {
	case next != 0:
	case l.missed > last || l.open:
		next = last + 1
	case c.several() && l.doubt && (l.since == 0 || l.since > c.state.applied+1):
		next = c.state.applied + 1
	case c.several() && l.voted:
		return errVoteLost
	}
	if next != 0 {
		return fmt.Errorf("raft entry %d: %w", next, ErrOrderLost)
	}
	return nil
}
