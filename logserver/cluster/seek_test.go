package cluster_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// A node that looks for a cluster can be told where one is; one that has a cluster refuses, and
// says what to do.
func TestJoiningByName(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	var mu sync.Mutex
	var reasons []string
	o := p.options("b", "127.0.0.1:1")
	o.Waiting = func(reason string) {
		mu.Lock()
		defer mu.Unlock()
		if len(reasons) == 0 || reasons[len(reasons)-1] != reason {
			reasons = append(reasons, reason)
		}
	}
	certificates := p.certificates("a")
	links := peer.New(peer.Options{TLS: certificates.Config(), Self: func() peer.Identity { return peer.Identity{Name: "a"} }})
	defer links.Close()
	enter := func(who, where string) error {
		return cluster.Call(context.Background(), links, p.at[who], "enter", where, nil)
	}
	opened := make(chan *cluster.Node, 1)
	go func() {
		n, err := cluster.Open(o)
		if err != nil {
			t.Error(err)
		}
		opened <- n
	}()
	until(t, "it to say that it waits", func() bool { mu.Lock(); defer mu.Unlock(); return len(reasons) == 1 })
	for _, where := range []string{"127.0.0.1:1", p.at["b"]} { // nobody; itself
		if err := enter("b", where); peer.Code(err) != peer.CodeRefused || !strings.Contains(err.Error(), where) {
			t.Errorf("told to join %s: %v", where, err)
		}
	}
	must(t, enter("b", p.at["a"]))
	b := <-opened
	p.node["b"] = b
	until(t, "both in touch", func() bool { return b.Status().State == cluster.Joined && a.Status().State == cluster.Joined })
	mu.Lock()
	defer mu.Unlock()
	if len(reasons) != 2 || !strings.Contains(reasons[0], "ringlog cluster join") || reasons[1] != "" {
		t.Errorf("waits: %q", reasons)
	}
	other := p.open(p.options("c"))
	for where, want := range map[string]string{p.at["a"]: "in the same cluster already", p.at["c"]: "start it with PEERS=" + p.at["c"]} {
		if err := b.Join(context.Background(), where); peer.Code(err) != peer.CodeRefused || !strings.Contains(err.Error(), want) {
			t.Errorf("a member told to join %s: %v", where, err)
		}
	}
	if len(other.Status().Members) != 1 || len(a.Status().Members) != 2 {
		t.Error("somebody has joined")
	}
}
