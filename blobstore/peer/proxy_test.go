package peer

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// fate is what a proxy does to a connection: after so many bytes towards the target, or from it, it closes it, or
// passes on nothing more. Less than 0: never.
type fate struct {
	there, back int64
	stall       bool
}

var spared = fate{there: -1, back: -1}

// proxy passes connections on to a target, and harms them.
type proxy struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu     sync.Mutex // guards the following
	next   func() fate
	open   map[net.Conn]struct{}
	harmed int
	closed bool
}

// startProxy starts a proxy; next decides about each connection.
func startProxy(t testing.TB, target string, next func() fate) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, next: next, open: map[net.Conn]struct{}{}}
	p.done.Go(p.run)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.listener.Close()
	p.cut()
	p.done.Wait()
}

// cut closes what is open.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		c.Close()
	}
}

func (p *proxy) run() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.carry(from) })
	}
}

func (p *proxy) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer to.Close()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	f := p.next()
	p.open[from], p.open[to] = struct{}{}, struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, from)
		delete(p.open, to)
	}()
	var both sync.WaitGroup
	pass := func(dst, src net.Conn, limit int64) {
		if limit < 0 {
			_, _ = io.Copy(dst, src)
		} else if n, _ := io.CopyN(dst, src, limit); n == limit {
			p.mu.Lock()
			p.harmed++
			p.mu.Unlock()
			if f.stall {
				_, _ = io.Copy(io.Discard, src)
			}
		}
		dst.Close()
		src.Close()
	}
	both.Go(func() { pass(to, from, f.there) })
	both.Go(func() { pass(from, to, f.back) })
	both.Wait()
}

// rough draws what happens to connections.
func rough(r *rand.Rand, most int64) func() fate {
	return func() fate {
		f := spared
		n := int64(r.ExpFloat64() * float64(most))
		if r.IntN(2) == 0 {
			f.there = n
		} else {
			f.back = n
		}
		f.stall = r.IntN(8) == 0
		return f
	}
}

const stalled = 300 * time.Millisecond // Silence, where connections stall
