package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/server"
)

const (
	writers = 3
	tails   = 2
	around  = 5_000 // entries before a fault that are read at every node at once; all are at the end

	firstProbe   = 100 // numbers of clients: writers are below
	firstOutcast = 200
)

// trial is a cluster, its load, and the ledger of both. What it finds wrong it returns, so that a test can
// also want something to be found.
type trial struct {
	t      *testing.T
	dir    string
	net    *network
	ledger *ledger.Ledger
	random *rand.Rand
	load   *load.Load
	probes []*probe

	probing  sync.WaitGroup
	silence  context.CancelFunc // ends the probes
	outcasts uint32             // so far
	gone     []*node            // that have left

	mu    sync.Mutex // guards the following
	nodes []*node    // members, and who is about to be
}

// newTrial prepares a network without nodes.
func newTrial(t *testing.T, seed uint64) *trial {
	return &trial{t: t, dir: server.Dir(t), net: newNetwork(t), ledger: ledger.New(seed), random: rand.New(rand.NewPCG(seed, 0))}
}

// add prepares a node; nothing is started.
func (c *trial) add(name string) *node {
	n := newNode(c.t, c.net, c.dir, filepath.Join(c.dir, "certs"), name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, n)
	return n
}

// drop gives up a node that has ended.
func (c *trial) drop(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = slices.DeleteFunc(slices.Clone(c.nodes), func(o *node) bool { return o == n })
}

// others are the nodes but one.
func (c *trial) others(n *node) []*node {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(o *node) bool { return o == n })
}

// found starts so many nodes that found a cluster together.
func (c *trial) found(names ...string) error {
	var peers []string
	for _, name := range names {
		peers = append(peers, c.add(name).peer())
	}
	var starting sync.WaitGroup
	failures := make([]error, len(names))
	for i, n := range c.nodes {
		n.Configure(map[string]string{"PEERS": strings.Join(peers, ","), "EXPECT": fmt.Sprint(len(names))})
		starting.Go(func() { failures[i] = n.start() })
	}
	starting.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return c.voters(len(names))
}

// begin starts the load: writers and tails anywhere, a probe at each node.
func (c *trial) begin() {
	c.load = load.Start(c.t.Context(), c.ledger, c.anywhere, 1, writers, tails)
	c.t.Cleanup(c.load.Cut)
	ctx, silence := context.WithCancel(c.t.Context())
	c.silence = silence
	for i, n := range c.nodes {
		p := newProbe(c.ledger, uint32(firstProbe+i), n, c.anywhere)
		c.probes = append(c.probes, p)
		c.probing.Go(func() { p.run(ctx) })
	}
}

var errNobody = errors.New("no node is up")

// anywhere connects to one of the nodes that are up.
func (c *trial) anywhere(ctx context.Context) (net.Conn, error) {
	c.mu.Lock()
	nodes := c.nodes
	c.mu.Unlock()
	for _, i := range rand.Perm(len(nodes)) {
		if nodes[i].up.Load() {
			return nodes[i].dial(ctx)
		}
	}
	return nil, errNobody
}

// pause is part of the load, not a wait for something: it decides when the next fault comes.
func (c *trial) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(c.random.Int64N(int64(most-least))))
}

// some is one of the nodes.
func (c *trial) some() *node { return c.nodes[c.random.IntN(len(c.nodes))] }

// until waits for something that must come. It is asked again and again, an error says why it isn't there.
func (c *trial) until(what string, come func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), server.Patience)
	defer cancel()
	for {
		last := come(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: it is waited for in vain that %s: %w", server.ErrHangs, what, last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// voters waits until all nodes are in touch, and so many of them vote.
func (c *trial) voters(want int) error {
	for _, n := range c.nodes {
		if !n.up.Load() {
			continue
		}
		err := c.until(fmt.Sprintf("%d nodes vote, as %s sees it", want, n.name), func(ctx context.Context) error {
			st, err := n.status(ctx)
			if err != nil {
				return err
			}
			voters := 0
			for _, m := range st.Members {
				if m.Role == "voter" {
					voters++
				}
			}
			if voters != want || !st.Serving || st.State != "joined" && len(st.Members) > 1 {
				return fmt.Errorf("%d voters, %s, serving %v", voters, st.State, st.Serving)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leader waits until a node that is up leads, as itself says.
func (c *trial) leader() (leader *node, err error) {
	err = c.until("somebody leads", func(ctx context.Context) error {
		for _, n := range c.nodes {
			if !n.up.Load() {
				continue
			}
			if st, err := n.status(ctx); err == nil && st.Leader == st.Number && st.Serving {
				leader = n
				return nil
			}
		}
		return errors.New("nobody does")
	})
	return leader, err
}

// must ends the test at an error.
func (c *trial) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("SEED=%d: %v", c.ledger.Seed, err)
	}
}

// end gives up the data after a round in order.
func (c *trial) end() { os.RemoveAll(c.dir) }
