package order

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// Start ends restoring and starts Raft. A voter that is alone campaigns at once. An
// error is fatal: what was restored can't be.
func (c *Core) Start() error {
	if c.failed != nil {
		return c.failed
	}
	if c.node != nil {
		return c.fatal(errors.New("started twice"))
	}
	if err := c.start(); err != nil {
		return c.fatal(fmt.Errorf("start: %w", err))
	}
	return nil
}

func (c *Core) start() (err error) {
	if c.partial {
		return errors.New("keys and outcomes are missing")
	}
	if err := checkAbout(c.options.About); err != nil {
		return err
	}
	if err := c.options.Placement.Check(); err != nil {
		return err
	}
	if err := c.loaded(); err != nil {
		return err
	}
	if err := c.complete(); err != nil {
		return err
	}
	if c.options.Alone && c.state.settings.Configuration > 0 {
		c.isolate()
	}
	members, err := c.founded()
	if err != nil {
		return err
	}
	c.flushed, err = c.restoredState()
	if err != nil {
		return err
	}
	defer caught(&err)
	if c.storage, err = newStorage(c.state.applied, c.state.term, members, c.options.Retain, c.snapshot); err != nil {
		return err
	}
	if err := c.storage.append(c.restore.entries); err != nil {
		return err
	}
	hard := c.flushed
	if err := c.storage.SetHardState(&pb.HardState{
		Term: new(hard.term), Vote: new(hard.vote), Commit: new(hard.commit),
	}); err != nil {
		return err
	}
	incarnation := c.remembered()
	c.restore = restore{}
	c.inRaft = members.clone()
	c.lead = 0
	if c.node, err = raft.NewRawNode(raftConfig(c.options.Node, c.state.applied, c.storage)); err != nil {
		return err
	}
	c.probation.begin(c, incarnation)
	if !c.takesPart() || len(members.Voters) != 1 || members.Joint() || !members.votes(c.options.Node) {
		return nil
	}
	return c.node.Campaign()
}

// ErrRemoved is wrapped by Start's error for a node that is no member of the cluster: it
// was removed, or these are another node's data. See also Options.Join.
var ErrRemoved = errors.New("this node is not a member of the cluster")

// founded returns who the members are: as agreed on, or this node alone when it founds.
func (c *Core) founded() (*Members, error) {
	m := &c.state.members
	switch {
	case c.options.Node < 1 || c.options.Node > maxNode:
		return nil, fmt.Errorf("node number %d", c.options.Node)
	case c.options.Join:
	case c.state.settings.Configuration == 0:
		return &Members{Voters: []uint64{c.options.Node}}, nil
	case !m.Has(c.options.Node):
		return nil, fmt.Errorf("%w: it is node %d, the members are %d", ErrRemoved, c.options.Node, m.All())
	}
	return m, nil
}

// remembered returns the last incarnation of this node that it has stored.
func (c *Core) remembered() uint64 {
	n := c.state.stand(c.options.Node).incarnation
	for _, e := range c.restore.entries {
		if e.GetType() == pb.EntryNormal && len(e.GetData()) > 0 && c.envelope.decode(e.GetData()) == nil &&
			c.envelope.kind == KindIncarnation && c.envelope.node == c.options.Node {
			n = max(n, c.envelope.incarnation)
		}
	}
	return n
}

// restoredState returns the hard state that goes with the newest of all that was
// restored: a checkpoint or entries may be ahead of the last state frame, or behind.
func (c *Core) restoredState() (hardState, error) {
	h := c.restore.hard
	h.raise(hardState{term: max(c.state.term, c.restore.newest), commit: c.state.applied})
	if next := c.gap(); next != 0 {
		return h, fmt.Errorf("raft entry %d is missing, ones behind it are there", next)
	}
	term := c.state.term
	for _, e := range c.restore.entries {
		if e.GetTerm() < term {
			return h, fmt.Errorf("raft entry %d has term %d after %d", e.GetIndex(), e.GetTerm(), term)
		}
		term = e.GetTerm()
	}
	if last := c.state.applied + uint64(len(c.restore.entries)); h.commit > last {
		return h, fmt.Errorf("raft entries up to %d are committed, %d is the last that is there", h.commit, last)
	}
	return h, nil
}
