package logserver

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestStalledReadsShareAnAllowance: reads that nobody takes hold no more than their
// allowance, together, and others are served beside them.
func TestStalledReadsShareAnAllowance(t *testing.T) {
	const guard = 30 * time.Second
	l, err := Open(Options{Blobs: InMemory, Memory: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(l, ServerOptions{StopTimeout: time.Millisecond, StopGrace: time.Millisecond, Linger: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	defer func() {
		s.Shutdown(context.Background())
		<-done
		if held := l.history.used; held != 0 {
			t.Errorf("%d bytes are held by nobody", held)
		}
		if held := l.memory.used.Load(); held != 0 {
			t.Errorf("connections that are gone hold %d bytes", held)
		}
		l.Close()
	}()
	dial := func() (net.Conn, *bufio.Scanner) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(guard))
		conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		scanner := bufio.NewScanner(conn)
		scanner.Buffer(nil, 2<<20)
		return conn, scanner
	}
	conn, answers := dial()
	const entries = 64
	for i := range entries {
		fmt.Fprintf(conn, `{"id":"a","entry":{"n":%d,"pad":"%s"}}`+"\n", i, strings.Repeat("x", 200_000))
		if !answers.Scan() || !strings.Contains(answers.Text(), "index") {
			t.Fatalf("%q %v", answers.Text(), answers.Err())
		}
	}
	for range 100 {
		stalled, _ := dial()
		fmt.Fprintln(stalled, `{"from":1}`)
	}
	for range 3 {
		conn, lines := dial()
		fmt.Fprintln(conn, `{"from":1,"follow":false}`)
		for range entries + 1 {
			if !lines.Scan() {
				t.Fatal(lines.Err())
			}
			l.history.mu.Lock()
			used, limit := l.history.used, l.history.limit
			l.history.mu.Unlock()
			if used > 3*limit { // large batches turn out to be larger than was thought
				t.Fatalf("%d bytes are held, %d may be", used, limit)
			}
		}
		if lines.Text() != `{"current":true}` {
			t.Fatalf("%.100q", lines.Text())
		}
	}
}

// TestTheLongestHalfLineIsDropped: as long as more is held than may be.
func TestTheLongestHalfLineIsDropped(t *testing.T) {
	b := budget{limit: 1000, halves: map[*connection]int64{}}
	conns := make([]*connection, 5)
	for i := range conns {
		conns[i] = new(connection)
		b.used.Add(int64(100 * (i + 1)))
		if drop := b.half(conns[i], int64(100*(i+1))); i < 4 && drop != nil {
			t.Fatalf("dropped although %d of %d are used", b.used.Load(), b.limit)
		} else if i == 4 && (len(drop) != 1 || drop[0] != conns[4]) {
			t.Fatalf("%d were dropped", len(drop))
		}
	}
	if drop := b.half(conns[4], 600); drop != nil {
		t.Error("dropped twice")
	}
	b.used.Add(-500)
	b.half(conns[4], 0)
	if b.dropping != 0 || len(b.halves) != 4 {
		t.Errorf("%d bytes, %d half lines", b.dropping, len(b.halves))
	}
	b.used.Add(1000)
	if drop := b.half(conns[0], 1100); len(drop) != 1 || drop[0] != conns[0] {
		t.Errorf("%d were dropped", len(drop))
	}
}
