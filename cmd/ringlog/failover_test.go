package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// way is an address at which a server is reached until it is blocked.
type way struct {
	net.Listener
	mu    sync.Mutex // guards the following
	conns []net.Conn
}

// wayTo opens a way.
func wayTo(t *testing.T, address string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: listener}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, near, far)
			w.mu.Unlock()
			for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
				passing.Go(func() {
					io.Copy(pair[0], pair[1])
					pair[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		w.block()
		passing.Wait()
	})
	return w
}

func (w *way) address() string { return w.Addr().String() }

// block cuts all connections, and refuses further ones.
func (w *way) block() {
	w.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		conn.Close()
	}
}

// A tail and an append whose address is lost go on at the next, say so once, and leave nothing out.
func TestCommandsGoOnAtAnotherAddress(t *testing.T) {
	p := startProcess(t)
	first, second := wayTo(t, p.address), wayTo(t, p.address)
	both := first.address() + "," + second.address()
	tail := startTalking(t, both, "tail", "-f", "--from", "1")
	appending := startTalking(t, both, "append")
	follower := bufio.NewScanner(tail.out)
	const half = 1000
	for i := range half {
		fmt.Fprintf(appending.in, "{\"n\":%d}\n", i)
	}
	wantNumbers(t, follower, 0, half)
	first.block()
	for i := range half {
		fmt.Fprintf(appending.in, "{\"n\":%d}\n", half+i)
	}
	appending.in.Close()
	wantNumbers(t, follower, half, 2*half)
	for _, c := range []*talking{tail, appending} {
		c.says("no connection to " + first.address())
		c.says("connected to " + second.address() + " instead")
	}
	appending.says(fmt.Sprintf("%d appended to main (index 1 to %d), 0 not", 2*half, 2*half))
	appending.ends(exitOK)
	tail.cmd.Process.Kill()
	tail.ends(-1)
}
