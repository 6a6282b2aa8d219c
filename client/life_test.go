package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

func TestCloseWithPending(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	c := newClient(t, s.start().addr(), MaxUnanswered(1000))
	defer close(block)
	sent := c.AppendAsync(t.Context(), testEntry(0))
	c.waitUntil(t, func() bool { return c.window.inFlight() })
	results := make(chan error, 20)
	for range cap(results) { // some will be accepted, some wait for room
		go func() {
			_, err := c.Append(t.Context(), testEntry(1))
			results <- err
		}()
	}
	c.waitUntil(t, func() bool { return c.blocked.len() > 5 })
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := sent.Result(); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("sent: %v", err)
	}
	for range cap(results) {
		if err := <-results; !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
	if _, err := c.Append(t.Context(), testEntry(2)); !errors.Is(err, ErrClosed) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := c.Head(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// waitUntil waits until a condition over what mu guards holds.
func (c *Client) waitUntil(t testing.TB, condition func() bool) {
	t.Helper()
	for {
		c.mu.Lock()
		ok := condition()
		c.mu.Unlock()
		if ok {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("never")
		}
		runtime.Gosched()
	}
}

func TestContext(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	c := newClient(t, s.start().addr(), MaxUnanswered(1))
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := c.Append(ended, testEntry(0)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("before it was accepted: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := c.Append(ctx, testEntry(1))
		result <- err
	}()
	c.waitUntil(t, func() bool { return c.window.inFlight() })
	go func() {
		_, err := c.Append(ctx, testEntry(2))
		result <- err
	}()
	c.waitUntil(t, func() bool { return c.blocked.len() == 1 })
	cancel()
	unknown := 0
	for range 2 {
		err := <-result
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if errors.Is(err, ErrUnknownOutcome) {
			unknown++
		}
	}
	if unknown != 1 {
		t.Errorf("%d of 2 have an unknown outcome, only 1 was sent", unknown)
	}
	close(block)
	if index, err := c.Append(t.Context(), testEntry(3)); err != nil || index != 2 {
		t.Errorf("afterwards %d, %v", index, err)
	}
}

// While the server doesn't answer, appends wait at the byte limit.
func TestBackPressure(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	const limit = 10_000
	c := newClient(t, s.start().addr(), MaxUnanswered(limit))
	done := make(chan *history)
	go func() { done <- appendAll(t, c, 1000, nil) }()
	c.waitUntil(t, func() bool { return c.blocked.len() == 1 })
	c.mu.Lock()
	if c.window.bytes > limit || c.window.bytes < limit-200 || c.window.count > 100 {
		t.Errorf("%d appends, %d bytes are accepted", c.window.count, c.window.bytes)
	}
	c.mu.Unlock()
	close(block)
	h := <-done
	if err := h.failure(); err != nil {
		t.Error(err)
	}
	h.check(t, s.log(protocol.MainLog))
}

func TestFlush(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr())
	called := 0
	for i := range 1000 {
		c.AppendAsync(t.Context(), testEntry(i), OnDone(func(index uint64, err error) {
			if called++; err != nil || index != uint64(called) {
				t.Errorf("%d: %d, %v", called, index, err)
			}
		}))
	}
	if err := c.Flush(t.Context()); err != nil || called != 1000 {
		t.Errorf("after Flush: %d were called, %v", called, err)
	}
}

// A server that is silent while something is under way is asked for a sign of
// life, and left when it gives none.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conns := make(chan net.Conn)
	go func() {
		for range 2 {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	c := newClient(t, listener.Addr().String(), Timeout(20*time.Millisecond))
	p := c.AppendAsync(t.Context(), testEntry(0))
	for range 2 {
		conn := <-conns
		defer conn.Close()
	}
	c.Close()
	if _, err := p.Result(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// Another kind of server is not taken for one that comes and goes.
func TestOtherServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	c := newClient(t, listener.Addr().String(), Keep(10, 50*time.Millisecond))
	if _, err := c.Append(t.Context(), testEntry(0)); !errors.Is(err, ErrDisconnected) {
		t.Errorf("append: %v", err)
	}
	if _, err := c.Head(t.Context()); err == nil {
		t.Error("head: no error")
	}
}

// The hooks tell of each break, of what follows, and of the first sign of life
// after it, of appends and of reads.
func TestHooksTellBreaksAndReturns(t *testing.T) {
	s := newServer(t)
	s.conduct = func(n int) conduct {
		return conduct{answer: func(message) []byte {
			if n == 1 {
				return []byte("cut")
			}
			return nil
		}}
	}
	told := newTold()
	c := newClient(t, s.start().addr(), OnEvents(told.hooks()))
	if _, err := c.Append(t.Context(), testEntry(0)); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Read(t.Context(), Log("other")) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	told.want(t, s.addr(),
		"appends connect", "appends disconnect", "appends backoff", "appends reconnect", "appends connect",
		"read connect", "read current other", "question connect")
}

// told notes what hooks are called with.
type told struct {
	mu     sync.Mutex // guards the following
	events []string
	last   map[string]Event // by name
}

func newTold() *told { return &told{last: map[string]Event{}} }

func (n *told) hooks() Hooks {
	note := func(name string) func(Event) {
		return func(e Event) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.events = append(n.events, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Use, name, e.Log)))
			n.last[name] = e
		}
	}
	return Hooks{note("connect"), note("disconnect"), note("reconnect"), note("backoff"), note("current")}
}

// want wants these events, of connections to one address.
func (n *told) want(t *testing.T, addr string, events ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.events, events) {
		t.Errorf("told %q\nwant %q", n.events, events)
	}
	for name, e := range n.last {
		if e.Address != addr || (e.Err != nil) != (name == "disconnect" || name == "backoff") || (e.Delay > 0) != (name == "backoff") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
