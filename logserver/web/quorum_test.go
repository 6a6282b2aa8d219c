package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/web"
)

// A read that ends at the head ends without a quorum with what is there, and the reason as the last
// line; where there is nothing to send, with 503.
func TestReadsEndWithoutAQuorum(t *testing.T) {
	var nodes []*cluster.Node
	var peers []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n, err := cluster.Open(cluster.Options{
			Log: logserver.Options{Files: fs.Memory(), Logger: zerolog.New(zerolog.NewTestWriter(t))}, Listener: l, Peers: peers, Retry: 10 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		nodes, peers = append(nodes, n), append(peers, l.Addr().String())
	}
	last := nodes[2]
	site := serveLog(t, last.Log())
	wait(t, func() bool { return last.Status().Voters == 3 && last.Status().Serving })
	if code, body := site.ask("POST", "/logs/main", "[1]\n[2]\n"); code != http.StatusOK {
		t.Fatal(code, body)
	}
	_ = nodes[0].Close()
	_ = nodes[1].Close()
	const remedy = `{"error":"no quorum","remedy":"there may be more: read on when enough nodes can be reached (ringlog cluster status)"}` + "\n"
	for query, want := range map[string]string{
		"?follow=false":                     `{"index":1,"entry":[1]}` + "\n" + `{"index":2,"entry":[2]}` + "\n" + remedy,
		"?follow=false&from=2&contains=[2]": `{"index":2,"entry":[2]}` + "\n" + remedy,
		"?follow=false&from=3":              remedy,
	} {
		code, body := site.ask("GET", "/logs/main"+query, "")
		if status := map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusOK}[body == remedy]; code != status || body != want {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

func wait(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(guard); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// serveLog serves a log that others close.
func serveLog(t *testing.T, log *logserver.Log) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, scheme: "http://", addr: l.Addr().String(), log: log}
	s.server = logserver.NewServer(log, logserver.ServerOptions{HTTP: web.Handler(web.Options{})})
	s.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: guard}
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		_ = s.server.Shutdown(ctx)
		<-served
	})
	return s
}

// ask sends a request, and returns the answer.
func (s *site) ask(method, path, body string) (code int, said string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.scheme+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
