package order

import (
	"encoding/binary"

	"go.etcd.io/raft/v3"
)

// reads are questions for the newest state. Those that come while a round is under way
// wait for the next: a round answers only what was asked before it began.
type reads struct {
	last    uint64
	waiting []uint64
	asked   []uint64 // in the round that is under way
	round   uint64   // its number; rounds are numbered over the start
	busy    bool
	since   uint64 // tick
	known   []knownRead
	done    []uint64
}

type knownRead struct {
	index   uint64 // to be applied
	tickets []uint64
}

// Read asks whether what is applied here is the newest, and returns a ticket: once
// ReadsDone returns it, everything that was decided anywhere before Read was called is
// applied here. Without a quorum that doesn't come to be.
func (c *Core) Read() (ticket uint64, err error) {
	if c.failed != nil {
		return 0, c.failed
	}
	s := &c.reads
	s.last++
	s.waiting = append(s.waiting, s.last)
	if err := c.askReads(); err != nil {
		return 0, c.fatal(err)
	}
	return s.last, nil
}

// ReadsDone returns the tickets that have been answered since the last call.
func (c *Core) ReadsDone() []uint64 {
	done := c.reads.done
	c.reads.done = nil
	return done
}

// askReads begins a round if there is need and none is under way.
func (c *Core) askReads() (err error) {
	s := &c.reads
	if s.busy || len(s.waiting) == 0 || !c.takesPart() || c.node == nil {
		return nil
	}
	defer caught(&err)
	s.asked, s.waiting = append(s.asked, s.waiting...), nil
	s.round++
	s.busy, s.since = true, c.ticks
	c.node.ReadIndex(c.roundName(nil))
	return nil
}

// roundName names a round as no other of any node is named.
func (c *Core) roundName(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, c.options.Node)
	dst = binary.BigEndian.AppendUint64(dst, c.options.Start)
	return binary.BigEndian.AppendUint64(dst, c.reads.round)
}

// retryReads begins the round anew that wasn't answered: Raft drops what comes when there
// is no leader.
func (c *Core) retryReads() error {
	s := &c.reads
	if s.busy && c.ticks-s.since >= retryTicks {
		s.busy, s.waiting, s.asked = false, append(s.asked, s.waiting...), nil
	}
	return c.askReads()
}

// confirmed takes a round's answer.
func (c *Core) confirmed(answer *raft.ReadState) {
	s := &c.reads
	if !s.busy || string(answer.RequestCtx) != string(c.roundName(nil)) {
		return
	}
	s.known = append(s.known, knownRead{answer.Index, s.asked})
	s.busy, s.asked = false, nil
	c.settleReads()
}

// settleReads answers what has been applied.
func (c *Core) settleReads() {
	s := &c.reads
	for len(s.known) > 0 && s.known[0].index <= c.state.applied {
		for _, ticket := range s.known[0].tickets {
			if ticket == c.newest {
				c.upToDate = true
				continue
			}
			s.done = append(s.done, ticket)
		}
		s.known = s.known[1:]
	}
}
