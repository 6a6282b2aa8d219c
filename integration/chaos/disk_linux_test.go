package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDiskLost: a node loses its disk; it is removed, and comes again as a new one, while appends go on.
func TestDiskLost(t *testing.T) {
	needNetwork(t, disks)
	s := newSeries(t, disks)
	c := s.begin()
	for range disks.Tries(t) {
		c.pause(200*time.Millisecond, time.Second)
		n := c.some()
		c.must(n.kill())
		c.must(n.lose())
		c.must(c.replace(n))
		c.must(c.healed())
		s.tried++
	}
	s.finish(c)
	s.report()
}

// replace removes a node that has ended, and has one of its name, with nothing on its disk, join.
func (c *trial) replace(n *node) error {
	other := c.others(n)[0]
	if _, err := other.admin(c.t.Context(), "remove", n.name); err != nil {
		return err
	}
	n.Configure(map[string]string{"PEERS": other.peer(), "EXPECT": "0"})
	if err := n.start(); err != nil {
		return err
	}
	return c.voters(len(c.nodes))
}

// TestOldCopy: an old copy of a disk is put back. The node finds out that it has forgotten something, and doesn't
// vote; it is replaced.
func TestOldCopy(t *testing.T) {
	needNetwork(t, copies)
	s := newSeries(t, copies)
	c := s.begin()
	for range copies.Tries(t) {
		n := c.some()
		old := filepath.Join(c.dir, "old")
		c.must(n.stop())
		c.must(os.CopyFS(old, os.DirFS(filepath.Join(n.Dir, "blobs"))))
		c.must(n.start())
		c.must(c.healed())
		c.pause(200*time.Millisecond, time.Second)
		c.must(n.kill())
		c.must(n.lose())
		c.must(os.Rename(old, filepath.Join(n.Dir, "blobs")))
		n.Launch()
		c.must(c.until("the node with the old copy is faulty", func(ctx context.Context) error {
			st, err := n.status(ctx)
			if err == nil && st.Faulty == "" {
				err = fmt.Errorf("it is %+v", st)
			}
			return err
		}))
		n.Kill()
		c.must(n.lose())
		c.must(c.replace(n))
		c.must(c.healed())
		s.tried++
	}
	s.finish(c)
	s.report()
}

// TestOneToThree: a server that knew nothing of clusters becomes three nodes by being told of others, while it serves, and one again.
func TestOneToThree(t *testing.T) {
	needNetwork(t, members)
	s := newSeries(t, members)
	c := s.trial()
	a := c.add("a")
	for variable := range a.peering {
		a.Configure(map[string]string{variable: ""})
	}
	c.must(a.start())
	c.must(a.stop())
	a.Configure(a.peering)
	c.must(a.start())
	c.begin()
	for range members.Tries(t) {
		for i, name := range []string{"b", "c"} {
			n := c.joiner(name)
			n.Configure(map[string]string{"PEERS": c.nodes[0].peer()})
			c.must(n.start())
			if i == 1 {
				c.must(c.voters(3))
			}
		}
		c.must(c.healed())
		c.pause(200*time.Millisecond, time.Second)
		for len(c.nodes) > 1 {
			n := c.nodes[len(c.nodes)-1]
			_, err := n.admin(c.t.Context(), "leave")
			c.must(err)
			c.must(n.stop())
			c.must(n.lose())
			c.drop(n)
			c.gone = append(c.gone, n)
		}
		c.must(c.voters(1))
		c.must(c.healed())
		s.tried++
	}
	if _, err := c.nodes[0].admin(t.Context(), "leave"); err == nil {
		c.must(errors.New("the last one has left"))
	}
	s.finish(c)
	s.report()
}

// joiner is a node that has left, with nothing on its disk, or a new one.
func (c *trial) joiner(name string) *node {
	for i, n := range c.gone {
		if n.name == name {
			c.gone = append(c.gone[:i], c.gone[i+1:]...)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.nodes = append(c.nodes[:len(c.nodes):len(c.nodes)], n)
			return n
		}
	}
	return c.add(name)
}
