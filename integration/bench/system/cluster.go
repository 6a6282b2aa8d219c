//go:build linux

package system

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

// Cluster is several processes that are one server.
type Cluster struct {
	System *System
	Nodes  []*Process
	dir    string
	seats  []seat
}

// seat is what a node's neighbours know of it.
type seat struct {
	name    string
	dir     string
	clients netip.AddrPort
	peers   netip.AddrPort // where the other nodes connect
	monitor netip.AddrPort
}

// clustered is how a system runs as several nodes.
type clustered struct {
	dialect func(nodes int) wire.Dialect
	// prepare makes what all nodes share in dir.
	prepare func(dir string, seats []seat) error
	command func(seats []seat, i int) (command, error)
	// ready tells whether clients may come, once each process runs.
	ready  func(c *Cluster) error
	leader func(c *Cluster) (name string, err error)
}

// ErrNoCluster says that a system is not known to run as several nodes.
var ErrNoCluster = errors.New("it is no cluster")

// NewCluster prepares so many nodes with empty directories under parent.
func NewCluster(s *System, n int, parent string) (*Cluster, error) {
	if s.cluster == nil {
		return nil, fmt.Errorf("%s: %w", s.Name, ErrNoCluster)
	}
	dir, err := os.MkdirTemp(parent, s.Name+"-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{System: s, dir: dir}
	for i := range n {
		own := *s
		own.Dialect = s.cluster.dialect(n)
		own.command = func(string, int) (command, error) { return s.cluster.command(c.seats, i) }
		p, err := New(&own, dir)
		if err != nil {
			return nil, err
		}
		at := seat{name: fmt.Sprintf("n%d", i), dir: p.Dir, clients: p.Address}
		for _, address := range []*netip.AddrPort{&at.peers, &at.monitor} {
			if *address, err = freeAddress(); err != nil {
				return nil, err
			}
		}
		c.Nodes, c.seats = append(c.Nodes, p), append(c.seats, at)
	}
	return c, s.cluster.prepare(dir, c.seats)
}

// Start starts all nodes, makes the log and returns when every one of them serves it.
func (c *Cluster) Start() error {
	for _, p := range c.Nodes {
		if err := p.launch(); err != nil {
			return err
		}
	}
	ready := func() error { return c.System.cluster.ready(c) }
	if err := persist(ready); err != nil {
		return fmt.Errorf("%s: %w", c.System.Name, err)
	}
	if err := persist(c.Nodes[0].Found); err != nil {
		return fmt.Errorf("%s: %w", c.System.Name, err)
	}
	return c.each(func(p *Process) error {
		_, err := p.serving(time.Now())
		return err
	})
}

// persist tries until it succeeds or patience ends.
func persist(try func() error) error {
	began := time.Now()
	for {
		err := try()
		if err == nil || time.Since(began) > patience {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *Cluster) each(do func(p *Process) error) error {
	errs := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i, p := range c.Nodes {
		all.Go(func() { errs[i] = do(p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Leader is the node that leads the log, found out once it has one.
func (c *Cluster) Leader() (leader *Process, err error) {
	err = persist(func() error {
		name, err := c.System.cluster.leader(c)
		for i := range c.seats {
			if c.seats[i].name == name {
				leader = c.Nodes[i]
			}
		}
		if err == nil && leader == nil {
			err = fmt.Errorf("no node is called %q", name)
		}
		return err
	})
	return leader, err
}

// From lists the nodes, p first.
func (c *Cluster) From(p *Process) []*Process {
	nodes := []*Process{p}
	for _, other := range c.Nodes {
		if other != p {
			nodes = append(nodes, other)
		}
	}
	return nodes
}

// CPU is what all nodes have spent.
func (c *Cluster) CPU() (sum time.Duration) {
	for _, p := range c.Nodes {
		sum += p.CPU()
	}
	return sum
}

// Close kills the nodes and removes their data.
func (c *Cluster) Close() error {
	return errors.Join(c.each((*Process).Close), os.RemoveAll(c.dir))
}
