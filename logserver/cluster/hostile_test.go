package cluster_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
)

// A member that says what no member says, of every kind, and calls with what no caller sends, gets nothing done: the others
// order and serve as ever.
func TestAMemberThatTalksNonsense(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	until(t, "both in touch", func() bool { return a.Status().State == "joined" && b.Status().State == "joined" })
	st := b.Status()
	must(t, b.Close())
	delete(p.node, "b")
	var node [16]byte
	for _, m := range st.Members {
		if m.Name == "b" {
			node = m.Node
		}
	}
	evil := peer.New(peer.Options{TLS: p.certificates("b").Config(), Self: func() peer.Identity {
		return peer.Identity{Cluster: st.Cluster, Node: node, Number: st.Number, Name: "b", Incarnation: 1 << 62}
	}})
	defer evil.Close()
	evil.SetPeers(map[uint64]peer.Peer{1: {Address: p.at["a"], Name: "a"}})

	content := []byte(`{"not":"its digest's"}`)
	var batch blobstore.Batch
	batch.Add(content, blobstore.Sum([]byte("other")), nil)
	foreign := append(batch.Manifest(), content...)
	r := rand.New(rand.NewPCG(9, 9))
	for kind := range 256 {
		for _, payload := range [][]byte{nil, {0}, {1}, {255}, foreign, bytes.Repeat([]byte{255}, 100), random(r, 300), append([]byte{1}, random(r, 300)...)} {
			evil.Send(1, byte(kind), payload)
		}
	}
	until(t, "all to be handed over", func() bool {
		l := evil.Status()
		return len(l) == 1 && l[0].Connected && l[0].QueuedBytes == 0
	})
	for _, method := range []string{"waiting", "yield", "join", "status", "found", "remove", "replace", "act", "owner", "leader/join", "leader/remove", "leader/replace", "", "\x00"} {
		for _, request := range []string{"", "{", "[]", `{"name":7}`, `"\ud800"`, `"nobody"`, `{"node":"x"}`, string(random(r, 100))} {
			if answer, err := evil.Call(context.Background(), p.at["a"], method, []byte(request)); err != nil && peer.Code(err) == "" {
				t.Errorf("%s %q: %q, %v", method, request, answer, err)
			}
		}
	}
	if _, found, _ := a.Log().Content(blobstore.Sum([]byte("other"))); found {
		t.Error("foreign content was taken")
	}
	must(t, evil.Close())

	p.open(p.options("b", p.at["a"])) // the true one: two of two vote, perhaps, so nothing could be appended without it
	until(t, "an append", func() bool {
		w := a.Log().NewWriter("main")
		defer w.Close()
		w.Add([]byte(`{"n":1}`))
		w.Submit(logserver.Conditions{})
		got, err := w.Wait()
		return err == nil && got.First > 0
	})
	if got := len(a.Status().Members); got != 2 {
		t.Errorf("there are %d members", got)
	}
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
