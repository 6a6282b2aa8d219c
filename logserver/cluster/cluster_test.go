package cluster_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// plant is nodes of a test, with certificates.
type plant struct {
	t    *testing.T
	dir  string
	node map[string]*cluster.Node
	disk map[string]*fs.Mem
	at   map[string]string
}

func newPlant(t *testing.T) *plant {
	dir := filepath.Join(t.TempDir(), "certs")
	p := &plant{t: t, dir: dir, node: map[string]*cluster.Node{}, disk: map[string]*fs.Mem{}, at: map[string]string{}}
	must(t, mkdir(dir))
	must(t, peer.MakeCA(dir))
	t.Cleanup(func() {
		for _, n := range p.node {
			_ = n.Close()
		}
	})
	return p
}

// options are those of a node, whose peer port stays the same.
func (p *plant) options(name string, peers ...string) cluster.Options {
	t := p.t
	t.Helper()
	if p.disk[name] == nil {
		p.disk[name] = fs.Memory()
		must(t, peer.MakeNode(p.dir, name))
	}
	at := p.at[name]
	if at == "" {
		at = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", at)
	must(t, err)
	p.at[name] = l.Addr().String()
	logger := zerolog.New(zerolog.NewTestWriter(t)).With().Str("node", name).Logger()
	return cluster.Options{
		Log:      logserver.Options{Files: p.disk[name], DB: filepath.Join(t.TempDir(), "db"), Logger: logger},
		Listener: l, Certificates: p.certificates(name), Peers: peers, Retry: 20 * time.Millisecond, Housekeeping: 50 * time.Millisecond,
	}
}

func (p *plant) certificates(name string) *peer.Certificates {
	p.t.Helper()
	c, err := peer.LoadCertificates(filepath.Join(p.dir, name+peer.CertSuffix), filepath.Join(p.dir, name+peer.KeySuffix), filepath.Join(p.dir, peer.CAFile))
	must(p.t, err)
	return c
}

func (p *plant) open(o cluster.Options) *cluster.Node {
	p.t.Helper()
	n, err := cluster.Open(o)
	must(p.t, err)
	p.node[o.Certificates.Name()] = n
	return n
}

func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
	}
}

func voters(n *cluster.Node) (count int) {
	for _, m := range n.Status().Members {
		if m.Role == "voter" {
			count++
		}
	}
	return count
}

// Nodes that are told how many they are found one cluster together, in whatever order
// they start.
func TestExpectedNodesFoundOneCluster(t *testing.T) {
	p := newPlant(t)
	names := []string{"a", "b", "c"}
	var options []cluster.Options
	var peers []string
	for _, name := range names {
		options = append(options, p.options(name))
		peers = append(peers, p.at[name])
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, o := range options {
		o.Peers, o.Expect = peers, 3
		all.Go(func() {
			n, err := cluster.Open(o)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			p.node[o.Certificates.Name()] = n
		})
	}
	all.Wait()
	for _, n := range p.node {
		until(t, "three voters in touch", func() bool { return voters(n) == 3 && n.Status().State == cluster.Joined })
		if n.Status().Cluster != p.node["a"].Status().Cluster {
			t.Error("two clusters were founded")
		}
	}
}

// A node that was alone becomes three, and one again, by being told of others.
func TestOneBecomesThreeAndOneAgain(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	until(t, "a to serve", func() bool { return a.Status().Serving })
	b, c := p.open(p.options("b", p.at["a"])), p.open(p.options("c", "127.0.0.1:1", p.at["a"]))
	for _, n := range []*cluster.Node{a, b, c} {
		until(t, "three voters in touch", func() bool { return voters(n) == 3 && n.Status().State == cluster.Joined })
	}
	var first uint64
	for i, n := range []*cluster.Node{a, b, c} {
		owners, err := n.Owners("a value")
		if err != nil || len(owners) != 3 {
			t.Fatalf("%d owners, %v", len(owners), err)
		}
		if i == 0 {
			first = owners[0].Number
		}
		if own := n.Status().Number == first; owners[0].Number != first || n.Owns("a value") != own {
			t.Errorf("node %d says that %d owns it, and itself: %v", n.Status().Number, owners[0].Number, n.Owns("a value"))
		}
	}
	until(t, "all to say how they do", func() bool {
		of, ok := a.Pulse(b.Status().Number)
		back, also := b.Pulse(a.Status().Number)
		return ok && also && of.Applied == a.Log().Pulse().Applied && back.Applied == of.Applied && of.Stored > 0
	})
	ctx := context.Background()
	for _, leaving := range []string{"c", "b"} {
		_, err := p.node[leaving].Leave(ctx)
		must(t, err)
		must(t, p.node[leaving].Close())
		delete(p.node, leaving)
	}
	until(t, "a to be alone", func() bool { return voters(a) == 1 && a.Status().State == cluster.Lonely && a.Status().Serving })
	if _, err := a.Leave(ctx); err == nil {
		t.Error("the last one has left")
	}
}

// A node that starts again finds the others, though all addresses but one have changed.
func TestMovedNodesFindEachOther(t *testing.T) {
	p := newPlant(t)
	p.open(p.options("a"))
	p.open(p.options("b", p.at["a"]))
	p.open(p.options("c", p.at["a"]))
	for _, n := range p.node {
		until(t, "three voters", func() bool { return voters(n) == 3 && n.Status().State == cluster.Joined })
	}
	for name, n := range p.node {
		must(t, n.Close())
		delete(p.node, name)
		delete(p.at, name)
	}
	oa, ob, oc := p.options("a"), p.options("b"), p.options("c")
	for _, o := range []*cluster.Options{&oa, &ob, &oc} {
		o.Peers = []string{p.at["a"], p.at["b"], p.at["c"]}
		p.open(*o)
	}
	for _, n := range p.node {
		until(t, "three in touch again", func() bool { return n.Status().State == cluster.Joined && n.Status().Serving })
	}
}

// Nobody is taken in whose name another has, or under another name than his certificate's.
func TestNamesAreUnique(t *testing.T) {
	p := newPlant(t)
	p.open(p.options("a"))
	p.open(p.options("b", p.at["a"]))
	certificates := p.certificates("b")
	links := peer.New(peer.Options{TLS: certificates.Config(), Self: func() peer.Identity { return peer.Identity{Name: "b"} }})
	defer links.Close()
	for _, name := range []string{"b", "c"} {
		about := cluster.About{Node: uuid.New(), Name: name, Address: "127.0.0.1:1"}
		err := cluster.Call(context.Background(), links, p.at["a"], "join", about, nil)
		if peer.Code(err) != peer.CodeRefused {
			t.Errorf("another node %s: %v", name, err)
		}
	}
	if members := p.node["a"].Status().Members; len(members) != 2 {
		t.Errorf("there are %d members", len(members))
	}
}

// A node that has lost its disk comes back under its name, if that was allowed, and gets its
// place on the ring.
func TestLostDiskIsReplaced(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	lost := p.open(p.options("c", p.at["a"]))
	until(t, "three voters", func() bool { return voters(a) == 3 && a.Status().State == cluster.Joined })
	old := lost.Status().Number
	must(t, lost.Close())
	delete(p.node, "c")
	p.disk["c"] = fs.Memory()
	until(t, "c to be missed", func() bool { return a.Status().State == cluster.Unbalanced })
	if name, err := b.Replace(context.Background(), "c"); err != nil || name != "c" {
		t.Fatalf("%q, %v", name, err)
	}
	c := p.open(p.options("c", p.at["a"]))
	for _, n := range []*cluster.Node{a, b, c} {
		until(t, "three voters again", func() bool {
			st := n.Status()
			return voters(n) == 3 && len(st.Members) == 3 && st.State == cluster.Joined
		})
	}
	if st := c.Status(); st.Number == old {
		t.Errorf("number %d was given again", old)
	}
	for _, m := range a.Status().Members {
		if m.Name == "c" && m.Seat != old {
			t.Errorf("c sits at %d on the ring, the lost one at %d", m.Seat, old)
		}
	}
}

// What a program has registered can be called on another node by name, and nothing else.
func TestActions(t *testing.T) {
	p := newPlant(t)
	o := p.options("a")
	o.Actions = map[string]cluster.Action{
		"echo": func(_ context.Context, from cluster.About, payload []byte) ([]byte, error) {
			return fmt.Appendf(nil, "%s says %s", from.Name, payload), nil
		},
	}
	a := p.open(o)
	b := p.open(p.options("b", p.at["a"]))
	for _, n := range []*cluster.Node{a, b} {
		until(t, "both in touch", func() bool { return n.Status().State == cluster.Joined })
	}
	answer, err := b.Act(context.Background(), 1, "echo", []byte("hello"))
	if err != nil || string(answer) != "b says hello" {
		t.Errorf("%s, %v", answer, err)
	}
	if _, err := b.Act(context.Background(), 1, "reboot", nil); peer.Code(err) != peer.CodeUnknown {
		t.Errorf("an action that isn't there: %v", err)
	}
	if _, err := a.Act(context.Background(), b.Status().Number, "echo", nil); peer.Code(err) != peer.CodeUnknown {
		t.Errorf("actions are on where none is registered: %v", err)
	}
}
