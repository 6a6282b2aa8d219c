package peer

import (
	"strings"
	"testing"
)

// introduceAs opens a connection to a node as another one would, and returns it with what it was answered.
func introduceAs(t *testing.T, n *node, mine *hello) (*connection, error) {
	t.Helper()
	c, err := n.connect(t.Context(), n.address) // its own means serve as well as others
	if err != nil {
		t.Fatal(err)
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
