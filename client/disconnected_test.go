package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errNoServer = errors.New("no server here")

// dialing replaces how connections are made.
func dialing(dial func() (net.Conn, error)) Option {
	return Dialer(func(context.Context, string) (net.Conn, error) { return dial() })
}

func newBubbleClient(t *testing.T, opts ...Option) *Client {
	t.Helper()
	c, err := New("server:8089", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func noServer() (net.Conn, error) { return nil, errNoServer }

// endings are what became of appends, and when.
type endings struct {
	began time.Time
	mu    sync.Mutex // guards the following
	list  []ending
}

type ending struct {
	after time.Duration
	err   error
}

// begin begins n appends. It returns when all is at rest.
func (e *endings) begin(t *testing.T, c *Client, n int) {
	for i := range n {
		c.AppendAsync(t.Context(), testEntry(i), OnDone(func(_ uint64, err error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.list = append(e.list, ending{time.Since(e.began), err})
		}))
	}
	synctest.Wait()
}

// after waits and returns what has ended by then.
func (e *endings) after(d time.Duration) []ending {
	time.Sleep(d)
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.list
}

// Without a server, 1,000 appends are kept, for 15 minutes each.
func TestKeptWhileDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, dialing(noServer))
		defer c.Close()
		e := &endings{began: time.Now()}
		e.begin(t, c, 500)
		if ended := e.after(5 * time.Minute); len(ended) != 0 {
			t.Errorf("%d have ended at once", len(ended))
		}
		e.begin(t, c, 600)
		if ended := e.after(0); len(ended) != 100 || ended[0].after != 5*time.Minute {
			t.Errorf("%d of 1,100 were refused", len(ended))
		}
		ended := e.after(30 * time.Minute)
		if len(ended) != 1100 {
			t.Fatalf("%d of 1,100 ended", len(ended))
		}
		for i, want := range map[int]time.Duration{100: 15, 599: 15, 600: 20, 1099: 20} {
			if ended[i].after != want*time.Minute {
				t.Errorf("the %d-th ended after %v", i, ended[i].after)
			}
		}
		for _, end := range ended {
			if !errors.Is(end.err, ErrDisconnected) || !errors.Is(end.err, errNoServer) || errors.Is(end.err, ErrUnknownOutcome) {
				t.Fatalf("error %v", end.err)
			}
		}
	})
}

// What was sent before the connection broke is kept beyond that number, and
// may have been appended when it is given up.
func TestSentBeforeDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		conns := []net.Conn{near}
		c := newBubbleClient(t, Keep(10, time.Minute), dialing(func() (net.Conn, error) {
			if len(conns) == 0 {
				return nil, errNoServer
			}
			conn := conns[0]
			conns = conns[1:]
			return conn, nil
		}))
		defer c.Close()
		e := &endings{began: time.Now()}
		e.begin(t, c, 100)
		far.Read(make([]byte, 1<<20)) // one write: of all of them, or of the first
		far.Close()
		if ended := e.after(30 * time.Second); len(ended) != 0 {
			t.Errorf("%d have ended after half the time", len(ended))
		}
		e.begin(t, c, 1) // more than are kept
		if ended := e.after(0); len(ended) != 1 || errors.Is(ended[0].err, ErrUnknownOutcome) {
			t.Errorf("at the limit: %v", ended)
		}
		ended := e.after(31 * time.Second)
		if len(ended) != 101 || !errors.Is(ended[1].err, ErrUnknownOutcome) {
			t.Errorf("%d have ended after the time, the first: %v", len(ended)-1, ended[1].err)
		}
		for _, end := range ended {
			if !errors.Is(end.err, ErrDisconnected) {
				t.Errorf("error %v", end.err)
			}
		}
	})
}

// An append that waits for room is told when the connection is lost.
func TestBlockedWhenDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		dialed := false
		c := newBubbleClient(t, MaxUnanswered(1), dialing(func() (net.Conn, error) {
			if dialed {
				return nil, errNoServer
			}
			dialed = true
			return near, nil
		}))
		defer c.Close()
		c.AppendAsync(t.Context(), testEntry(0))
		result := make(chan error)
		go func() {
			_, err := c.Append(t.Context(), testEntry(1))
			result <- err
		}()
		synctest.Wait()
		far.Close()
		if err := <-result; !errors.Is(err, ErrDisconnected) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("error %v", err)
		}
	})
}

// Attempts become rarer, to one in about 10 s, and never come in step.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		c := newBubbleClient(t, Keep(1, -1), dialing(func() (net.Conn, error) {
			at = append(at, time.Now())
			return nil, errNoServer
		}))
		c.AppendAsync(t.Context(), testEntry(0))
		time.Sleep(10 * time.Minute)
		c.Close()
		if len(at) < 45 || len(at) > 110 {
			t.Errorf("%d attempts in 10 minutes", len(at))
		}
		if first := at[1].Sub(at[0]); first < 25*time.Millisecond || first > 76*time.Millisecond {
			t.Errorf("the second came after %v", first)
		}
		different := map[time.Duration]bool{}
		for i := 20; i < len(at); i++ {
			gap := at[i].Sub(at[i-1])
			different[gap] = true
			if gap < 5*time.Second || gap > 15*time.Second+1 {
				t.Errorf("attempt %d came after %v", i, gap)
			}
		}
		if len(different) < 10 {
			t.Error("without jitter")
		}
	})
}

// Reads and heads give up after the time that appends are kept.
func TestReadsGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBubbleClient(t, dialing(noServer))
		defer c.Close()
		began := time.Now()
		for _, err := range c.Tail(t.Context()) {
			if !errors.Is(err, ErrDisconnected) || !errors.Is(err, errNoServer) {
				t.Errorf("error %v", err)
			}
		}
		if d := time.Since(began); d < 15*time.Minute || d > 16*time.Minute {
			t.Errorf("after %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.Head(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNoServer) {
			t.Errorf("head: %v", err)
		}
		impatient := newBubbleClient(t, dialing(noServer), Keep(0, 0))
		defer impatient.Close()
		began = time.Now()
		_, err := impatient.Head(t.Context())
		if _, appended := impatient.Append(t.Context(), testEntry(0)); !errors.Is(err, ErrDisconnected) || !errors.Is(appended, ErrDisconnected) {
			t.Errorf("head: %v, append: %v", err, appended)
		}
		if d := time.Since(began); d > 0 {
			t.Errorf("impatient for %v", d)
		}
	})
}

// A pause after refusals grows, and nothing else is sent meanwhile.
func TestRefusedAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newBubbleClient(t, RetryRefused(time.Minute), dialing(func() (net.Conn, error) { return near, nil }))
		defer c.Close()
		defer far.Close()
		asked := 0
		go func() {
			buf := make([]byte, 1<<16)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				for line := range bytes.Lines(buf[:n]) {
					asked++
					if m := parseMessage(line); m.Head {
						fmt.Fprintln(far, `{"head":0}`)
					} else {
						fmt.Fprintf(far, `{"id":%s,"error":"disk full"}`+"\n", m.ID)
					}
				}
			}
		}()
		began := time.Now()
		_, err := c.Append(t.Context(), testEntry(0))
		if d := time.Since(began); !errors.Is(err, ErrDiskFull) || d < time.Minute || d > 80*time.Second {
			t.Errorf("after %v: %v", d, err)
		}
		if asked < 8 || asked > 40 {
			t.Errorf("asked %d times", asked)
		}
	})
}
