//go:build linux

package limits

import (
	"bytes"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// TestMemory lets many clients take what they can get of a server that may have 256 MiB: half lines,
// reads whose entries nobody takes, answers that nobody takes, and connections that do nothing. It is not
// killed, goes on serving, and afterwards holds nothing for those who are gone.
//
// A commit tries a tenth of it; MEMORY_TEST=whole makes it 10,000 connections, 1,000 of them stalled tails.
func TestMemory(t *testing.T) {
	idle, halves, tails, deaf := 700, 200, 100, 50
	if os.Getenv("MEMORY_TEST") == "whole" {
		idle, halves, tails, deaf = 7000, 1500, 1000, 500
	}
	raiseFiles(t, uint64(idle+halves+tails+deaf+100))
	s := server.New(t, server.Dir(t), map[string]string{"KEYS": "1000"})
	s.Prefix = memoryGroup(t, 256<<20)
	s.Start()
	k := dial(t, s.Addr)
	for range 100 {
		k.appended(`["` + strings.Repeat("x", 500_000) + `"]`)
	}
	before := look(t, s.PID())
	clients := &crowd{t: t, address: s.Addr}
	clients.add(idle, nil)
	clients.add(tails, []byte("{\"from\":1}\n"))
	clients.add(deaf, bytes.Repeat([]byte(`{"id":"`+strings.Repeat("i", 200)+`","entry":{"deaf":true}}`+"\n"), 10_000))
	clients.add(halves, append([]byte(`{"id":"half","entry":["`), bytes.Repeat([]byte("h"), 1<<20)...))
	overloaded := 0
	for range 20 { // appends are taken or refused, and nobody hangs
		switch a := dial(t, s.Addr).append(`{"while":"crowded"}`); a.Error {
		case "":
		case "overloaded":
			overloaded++
		default:
			t.Fatalf("%+v", a)
		}
	}
	if n := dial(t, s.Addr).history(); n < 100 {
		t.Errorf("%d entries", n)
	}
	crowded := look(t, s.PID())
	t.Logf("%d connections: %d MiB resident, %d at most; %d of 20 appends were refused",
		idle+halves+tails+deaf, crowded.rss>>20, crowded.peak>>20, overloaded)
	clients.leave()
	waitFor(t, "appends to be taken again", func() bool { return dial(t, s.Addr).append(`{"after":true}`).Error == "" })
	waitFor(t, "the connections to be given up", func() bool { return look(t, s.PID()).files <= before.files+25 })
	if err := s.Alive(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
}

// crowd is many clients that read nothing.
type crowd struct {
	t       *testing.T
	address string
	conns   []net.Conn
	sending sync.WaitGroup
}

// add connects n clients, each of which sends text as far as the server takes it.
func (c *crowd) add(n int, text []byte) {
	c.t.Helper()
	for range n {
		conn, err := net.DialTimeout("tcp", c.address, server.Patience)
		if err != nil {
			c.t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10)
		c.sending.Go(func() {
			_ = conn.SetWriteDeadline(time.Now().Add(server.Patience))
			_, _ = conn.Write(text) // it may be dropped in the middle
		})
	}
}

// leave closes all connections.
func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.sending.Wait()
}

// waitFor looks again and again until something is so.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(server.Patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// raiseFiles sees to it that this process, and those that it starts, may open so many files.
func raiseFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur, limit.Max = max(limit.Cur, n), max(limit.Max, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		notProven(t, "%d open files: %v", n, err)
	}
}
