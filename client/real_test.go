package client_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/logserver"
)

// cutter passes connections on to a server, and cuts them at random bytes
// until there were so many cuts. What the server has received by then, it goes
// on with.
type cutter struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu   sync.Mutex // guards the following
	rnd  *rand.Rand
	cuts int // left
}

func newCutter(t *testing.T, to string, cuts int) *cutter {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := &cutter{listener: listener, to: to, rnd: rand.New(rand.NewPCG(seed, 0)), cuts: cuts}
	c.running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.pass(near) })
		}
	})
	return c
}

func (c *cutter) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

// budget is how many bytes go in a direction before the next cut.
func (c *cutter) budget(most int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cuts <= 0 {
		return 1 << 60
	}
	c.cuts--
	return 1 + c.rnd.Int64N(most)
}

func (c *cutter) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	up, down := c.budget(30_000), c.budget(20_000)
	var back sync.WaitGroup
	back.Go(func() {
		io.CopyN(near, far, down)
		near.Close()
	})
	io.CopyN(far, near, up)
	near.Close()
	far.Close()
	back.Wait()
}

func (c *cutter) close() {
	c.listener.Close()
	c.running.Wait()
}

// Against the real server: every append has one effect, in order, and a tail
// beside it yields each entry once, over connections cut at any byte.
func TestRealServerOverCuts(t *testing.T) {
	const cuts = 600
	addr, stop := serve()
	defer stop()
	proxy := newCutter(t, addr, cuts)
	defer proxy.close()
	c, err := client.New(proxy.listener.Addr().String(), client.BackOff(time.Microsecond, time.Millisecond), client.Keep(10_000, -1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	entry := func(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }
	total := make(chan int, 1)
	var tailed sync.WaitGroup
	tailed.Go(func() { checkTail(t, c, entry, total) })
	window := make(chan struct{}, 500)
	n := 0
	for ; proxy.left() > 0 || n < 5000; n++ {
		want := uint64(n) + 1
		window <- struct{}{}
		c.AppendAsync(t.Context(), []byte(entry(n)), client.OnDone(func(index uint64, err error) {
			if err != nil || index != want {
				t.Errorf("append %d got index %d, %v", want, index, err)
			}
			<-window
		}))
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	total <- n
	if head, err := c.Head(t.Context()); err != nil || head != uint64(n) {
		t.Errorf("%d appends, head %d, %v", n, head, err)
	}
	// The tail may have come to its end before it knew where that is.
	if _, err := c.Append(t.Context(), []byte(entry(n))); err != nil {
		t.Error(err)
	}
	tailed.Wait()
	t.Logf("%d entries", n)
}

// checkTail reads until what it gets from total, or the entry behind it.
func checkTail(t *testing.T, c *client.Client, entry func(int) string, total <-chan int) {
	next, end := 0, -1
	for e, err := range c.Tail(t.Context()) {
		if err != nil || e.Index != uint64(next)+1 || string(e.Data) != entry(next) {
			t.Errorf("instead of entry %d: %d %s, %v", next+1, e.Index, e.Data, err)
			return
		}
		next++
		select {
		case end = <-total:
		default:
		}
		if end >= 0 && next >= end {
			return
		}
	}
}

// A server that is stopped in order and comes back refuses nothing that the
// client doesn't try again.
func TestRealServerRestarts(t *testing.T) {
	l, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	c, err := client.New(addr, client.BackOff(time.Millisecond, 10*time.Millisecond), client.Keep(10_000, -1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const rounds, each = 20, 500
	done := make(chan struct{}, rounds*each)
	go func() {
		for n := range rounds * each {
			want := uint64(n) + 1
			c.AppendAsync(t.Context(), fmt.Appendf(nil, `{"n":%d}`, n), client.OnDone(func(index uint64, err error) {
				if err != nil || index != want {
					t.Errorf("append %d got index %d, %v", want, index, err)
				}
				done <- struct{}{}
			}))
		}
	}()
	for round := range rounds {
		s := logserver.NewServer(l, logserver.ServerOptions{})
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.Serve(listener)
		}()
		for range each {
			<-done
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		if round == rounds-1 {
			break
		}
		if listener, err = net.Listen("tcp", addr); err != nil {
			t.Fatal(err)
		}
	}
}
