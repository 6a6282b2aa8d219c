package cluster_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/logserver/cluster"
)

// shared is a log that a test reads while it is written.
type shared struct {
	mu   sync.Mutex // guards the following
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) has(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Contains(s.text.Bytes(), []byte(what))
}

// Two clusters that are told of one another refuse each other, and both say so: the one that asked said nothing.
func TestTwoClustersToldOfEachOther(t *testing.T) {
	p := newPlant(t)
	var heard, said shared
	o := p.options("a")
	o.Log.Logger = zerolog.New(&heard)
	a := p.open(o)
	b := p.open(p.options("b"))
	for _, n := range []*cluster.Node{a, b} {
		until(t, "both to serve", func() bool { return n.Status().Serving })
	}
	must(t, b.Close())
	delete(p.node, "b")
	o = p.options("b", p.at["a"])
	o.Log.Logger = zerolog.New(&said)
	b = p.open(o)
	until(t, "b to say so", func() bool { return said.has("one of PEERS refuses this node") && said.has("correct PEERS") })
	until(t, "a to say so", func() bool { return heard.has("correct PEERS") })
	until(t, "both to serve", func() bool { return a.Status().Serving && b.Status().Serving })
	if a.Status().Cluster == b.Status().Cluster || len(a.Status().Members) != 1 || len(b.Status().Members) != 1 {
		t.Errorf("%+v, %+v", a.Status(), b.Status())
	}
}
