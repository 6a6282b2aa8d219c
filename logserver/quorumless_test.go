package logserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// cutOff returns a server of a node that has three entries, and then lost the two others.
func cutOff(t *testing.T) (n *lan, s *Server, address string) {
	t.Helper()
	n = newLAN(t)
	n.quorum = 300 * time.Millisecond
	logs := n.form(t)
	s = NewServer(logs[3], ServerOptions{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Shutdown(context.Background())
		<-served
		closeAll(t, logs)
	})
	address = l.Addr().String()
	until(t, "an answer", func() bool {
		return slices.Contains(said(t, address, `{"id":"1","entries":[[1],[2],[3]],"key":"k"}`), `{"id":"1","index":1,"count":3}`)
	})
	n.isolate(3, true)
	until(t, "it to notice", func() bool { s, _ := logs[3].Standing(); return s.Leader == 0 })
	return n, s, address
}

// said sends a line on a connection of its own, half closes it, and returns what comes until the
// server closes.
func said(t *testing.T, address, line string) (lines []string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	scanner := bufio.NewScanner(conn)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatalf("%s: after %q: %v", line, lines, err)
	}
	return lines
}

// A read that ends at the head ends without a quorum, too: behind the entries that are
// there it is told that nobody knows whether there are more.
func TestReadsEndWithoutAQuorum(t *testing.T) {
	n, s, address := cutOff(t)
	entries := []string{`{"index":1,"entry":[1]}`, `{"index":2,"entry":[2]}`, `{"index":3,"entry":[3]}`}
	const refusal = `{"error":"no quorum"}`
	for line, want := range map[string][]string{
		`{"from":1,"follow":false}`:          append(slices.Clone(entries), refusal),
		`{"from":1}`:                         append(slices.Clone(entries), refusal), // half closed
		`{"from":3,"read":9,"follow":false}`: {entries[2], refusal},
		`{"from":4,"follow":false}`:          {refusal},
		`{"head":true}`:                      {refusal},
		`{"id":"7","head":true}`:             {`{"id":"7","error":"no quorum"}`},
		`{"logs":true}`:                      {refusal},
	} {
		if got := said(t, address, line); !slices.Equal(got, want) {
			t.Errorf("%s: %s", line, strings.Join(got, " "))
		}
	}
	var sent streamed
	m := &protocol.Message{Kind: protocol.KindRead, From: protocol.From{Kind: protocol.FromIndex, Index: 2}}
	if err := s.Stream(context.Background(), m, "test", &sent); !errors.Is(err, ErrNoQuorum) || sent.String() != strings.Join(entries[1:], "\n")+"\n" {
		t.Errorf("a stream: %v, %s", err, &sent)
	}
	n.isolate(3, false)
	until(t, "the end of a read", func() bool {
		got := said(t, address, `{"from":1,"follow":false}`)
		return slices.Equal(got, append(slices.Clone(entries), `{"current":true}`))
	})
}

// One that goes on at the head goes on without a quorum, and is current when there is one.
func TestFollowingOutlastsAQuorum(t *testing.T) {
	n, _, address := cutOff(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte(`{"from":3}` + "\n")); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, %v; want %s", lines.Text(), lines.Err(), want)
		}
	}
	next(`{"index":3,"entry":[3]}`)
	if got := said(t, address, `{"from":4,"follow":false}`); !slices.Equal(got, []string{`{"error":"no quorum"}`}) {
		t.Errorf("another read: %q", got)
	}
	n.isolate(3, false)
	next(`{"current":true}`)
}

// streamed is a Receiver that keeps everything.
type streamed struct{ bytes.Buffer }

func (*streamed) SetWriteDeadline(time.Time) error { return nil }
