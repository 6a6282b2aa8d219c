package cluster_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// A node takes content by `_put` on its peer port from whoever shows a certificate of the nodes, under its digest only; what it
// holds then is in no log.
func TestNodesTakePuts(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	until(t, "a to serve", func() bool { return a.Status().Serving })
	client, err := peer.NewPutClient("https://"+p.at["a"]+"/_put", peer.ClientOptions{TLS: p.certificates("b").Config()})
	must(t, err)
	defer client.Close()
	ctx := context.Background()
	const text = `{"some":"entry"}`
	for range 2 {
		must(t, client.Put(ctx, blobstore.Sum([]byte(text)).String(), []byte(text)))
	}
	got, found, err := a.Log().Content(blobstore.Sum([]byte(text)))
	if err != nil || !found || string(got) != text {
		t.Errorf("%q, %v, %v", got, found, err)
	}
	if _, found, _ := b.Log().Content(blobstore.Sum([]byte(text))); found {
		t.Error("another node has it")
	}
	if heads := a.Log().Heads(); len(heads) != 0 {
		t.Errorf("%v", heads)
	}
	for _, key := range []string{"", "2026-11-20T10:00:00Z", blobstore.Sum([]byte("other")).String()} {
		if err := client.Put(ctx, key, []byte(text)); !errors.Is(err, peer.ErrRefused) {
			t.Errorf("%q: %v", key, err)
		}
	}
	stranger, err := peer.NewPutClient("http://"+p.at["a"], peer.ClientOptions{})
	must(t, err)
	defer stranger.Close()
	if err := stranger.Put(ctx, blobstore.Sum([]byte(`[]`)).String(), []byte(`[]`)); err == nil {
		t.Error("a stranger has put something")
	}
	web := http.Client{Transport: &http.Transport{TLSClientConfig: p.certificates("b").Config(), DisableKeepAlives: true}}
	answer, err := web.Get("https://" + p.at["a"] + "/_put")
	must(t, err)
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != http.MethodPost || !strings.Contains(string(body), "POST") {
		t.Errorf("%s %v %s", answer.Status, answer.Header, body)
	}
}

// A node that has no cluster yet has nowhere to put anything.
func TestAWaitingNodeTakesNoPuts(t *testing.T) {
	p := newPlant(t)
	o := p.options("a", "127.0.0.1:1")
	stop := make(chan struct{})
	o.Interrupt = stop
	opened := make(chan error, 1)
	go func() { _, err := cluster.Open(o); opened <- err }()
	client, err := peer.NewPutClient("https://"+p.at["a"], peer.ClientOptions{TLS: p.certificates("a").Config()})
	must(t, err)
	defer client.Close()
	if err := client.Put(context.Background(), blobstore.Sum([]byte(`[]`)).String(), []byte(`[]`)); !errors.Is(err, peer.ErrUnknown) {
		t.Error(err)
	}
	close(stop)
	if err := <-opened; err == nil {
		t.Error("it has opened")
	}
}
