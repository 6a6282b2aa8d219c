package peer

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

// introduceAs opens a connection to a node as another one would, and returns it with what it was answered.
func introduceAs(t *testing.T, n *node, mine *hello) (*connection, error) {
	t.Helper()
	c, err := n.connect(t.Context(), n.address) // its own means serve as well as others
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.close(nil); n.forget(c) })
	_, err = c.introduce(mine)
	return c, err
}

func TestStarts(t *testing.T) {
	a := startNode(t, 1, func(o *Options) { o.Heartbeat = patience }) // so that who has spoken is taken to be there
	a.SetPeers(map[uint64]Peer{2: {}, 3: {}})
	as := func(number, incarnation, start, connection, previous uint64) *hello {
		return &hello{
			purpose:  forLink,
			Identity: Identity{Cluster: cluster, Node: [16]byte{2}, Number: number, Name: "n", Incarnation: incarnation},
			start:    start, connection: connection, previous: previous,
		}
	}
	alone := func(what string, c *connection) {
		t.Helper()
		await(t, what, func() bool { return a.opened() == 2 && connected(a) == 1 }) // this test's end is a's, too
		if s := a.Status()[0]; s.Remote != c.LocalAddr().String() {
			t.Errorf("%s: %+v", what, s)
		}
	}
	first, err := introduceAs(t, a, as(2, 5, 100, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	alone("the first", first)
	for what, c := range map[string]struct {
		hello *hello
		want  string
	}{
		"an older start":                  {as(2, 4, 99, 2, 0), "in its start 5, this one is in start 4"},
		"another process of the same one": {as(2, 5, 101, 3, 0), "in start 5: stop one of the two"},
	} {
		tried, err := introduceAs(t, a, c.hello)
		if Code(err) != CodeRefused || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
		a.forget(tried)
	}
	alone("still the first", first)
	again, err := introduceAs(t, a, as(2, 5, 100, 4, 1))
	if err != nil {
		t.Fatalf("the same start, whose connection was lost: %v", err)
	}
	a.forget(first)
	alone("the same start again", again)
	newer, err := introduceAs(t, a, as(2, 6, 102, 5, 0))
	if err != nil {
		t.Fatalf("a newer start: %v", err)
	}
	a.forget(again)
	alone("a newer start", newer)
	newer.close(nil)
	await(t, "it is gone", func() bool { return connected(a) == 0 })
	// One that was killed may have forgotten its newest incarnation.
	if _, err := introduceAs(t, a, as(2, 5, 103, 7, 0)); err != nil {
		t.Errorf("an older incarnation, when there is no connection: %v", err)
	}
}

// While a node dials, the other one connects: the node leaves it at that. It once said hello all the same, and named
// the new connection as one that it had lost, so that the other closed it.
func TestTheOtherIsQuicker(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var b *node
	var tried atomic.Bool
	b = startNode(t, 2, func(o *Options) {
		o.Hooks.Connect = func(Event) { // first of the connection that b dials, then of the one that comes
			if tried.CompareAndSwap(false, true) {
				one := helloOf(Identity{Cluster: cluster, Node: [16]byte{1}, Number: 1, Name: "n1"})
				one.to = 2
				if _, err := introduceAs(t, b, one); err != nil {
					t.Error(err)
				}
			}
		}
	})
	b.SetPeers(map[uint64]Peer{1: {Address: listener.Addr().String()}})
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if heard := said(t, c); heard != "" {
		t.Errorf("it said %q", heard)
	}
	if s := b.Status()[0]; !s.Connected || s.Dialed || s.Attempts != 0 {
		t.Errorf("%+v", s)
	}
}
