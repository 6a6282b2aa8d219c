package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// refusing refuses appends for now, with what is in the text, if anything is,
// and counts them.
func refusing(text *atomic.Pointer[string], asked *atomic.Int32) conduct {
	return conduct{answer: func(m message) []byte {
		asked.Add(1)
		if t := text.Load(); t != nil {
			return protocol.AppendError(nil, m.ID, *t)
		}
		return nil
	}}
}

// What one server does not take for now, another is asked for, in order, and
// nobody is told.
func TestWhatOneRefusesAnotherTakes(t *testing.T) {
	for _, text := range []string{
		protocol.ErrorDiskFull, protocol.ErrorOverloaded, protocol.ErrorNoQuorum, protocol.ErrorShuttingDown,
	} {
		t.Run(text, func(t *testing.T) {
			for _, told := range []bool{false, true} {
				var refusal atomic.Pointer[string]
				var asked atomic.Int32
				refusal.Store(&text)
				s := newServer(t)
				full := s.also(refusing(&refusal, &asked))
				others := []string{s.addr()}
				if told { // the client is not given the other address
					s.members, others = others, nil
				}
				s.start()
				c := newClient(t, full, Others(others...))
				h := appendAll(t, c, 1000, nil)
				if err := h.failure(); err != nil {
					t.Error(err)
				}
				h.check(t, s.log(protocol.MainLog))
				if n := asked.Load(); n == 0 || n > 600 || c.Address() != s.addr() {
					t.Errorf("told %v: %d were refused, the current address is %s", told, n, c.Address())
				}
			}
		})
	}
}

// A refusal is told when every server has refused; one that has room again is
// found.
func TestWhatAllRefuseIsRefused(t *testing.T) {
	text := protocol.ErrorDiskFull
	var refusal [2]atomic.Pointer[string]
	var asked [2]atomic.Int32
	refusal[0].Store(&text)
	refusal[1].Store(&text)
	s := newServer(t)
	addrs := []string{s.also(refusing(&refusal[0], &asked[0])), s.also(refusing(&refusal[1], &asked[1]))}
	c := newClient(t, addrs[0], Others(addrs[1]))
	if _, err := c.Append(t.Context(), testEntry(0)); !errors.Is(err, ErrDiskFull) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("error %v", err)
	}
	if asked[0].Load() != 1 || asked[1].Load() != 1 {
		t.Errorf("the servers were asked %d and %d times", asked[0].Load(), asked[1].Load())
	}
	free := slices.Index(addrs, c.Address()) ^ 1 // the one that the client is not at
	refusal[free].Store(nil)
	for n := 1; ; n++ {
		index, err := c.Append(t.Context(), testEntry(n))
		if err == nil {
			if index != 1 {
				t.Errorf("index %d after refusals", index)
			}
			break
		}
		if !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
	}
}

// A server tells the members, and the client goes on at one of them that it
// was not given; not if it is to keep to what it was given.
func TestMembersAreLearned(t *testing.T) {
	s := newServer(t)
	other := s.also(conduct{})
	s.members = []string{s.addr(), other, "no address", ":8089", "host:0", "host:65536"}
	s.start()
	c := newClient(t, s.addr(), Keep(10, -1))
	faithful := newClient(t, s.addr(), Keep(10, 0), OnlyThese())
	for i, c := range []*Client{c, faithful} {
		if _, err := c.Append(t.Context(), testEntry(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for len(c.Addresses()) < 2 { // the answer has come by the time that a Head returns, if not to the first
		if _, err := c.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Addresses(); !slices.Equal(got, []string{s.addr(), other}) {
		t.Errorf("addresses %q", got)
	}
	if got := faithful.Addresses(); !slices.Equal(got, []string{s.addr()}) {
		t.Errorf("with OnlyThese: addresses %q", got)
	}
	s.listener.Close()
	s.cutAll()
	if index, err := c.Append(t.Context(), testEntry(2)); err != nil || index != 3 || c.Address() != other {
		t.Errorf("index %d, %v at %s", index, err, c.Address())
	}
	if _, err := faithful.Append(t.Context(), testEntry(3)); !errors.Is(err, ErrDisconnected) {
		t.Errorf("with OnlyThese: %v", err)
	}
}

// network is what a dialer of a test reaches, by address: in a bubble, without
// sockets.
type network struct {
	mu     sync.Mutex // guards the following
	serve  map[string]func(net.Conn)
	dialed []string
	at     []time.Time
}

func (n *network) dial(_ context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialed = append(n.dialed, addr)
	n.at = append(n.at, time.Now())
	serve := n.serve[addr]
	if serve == nil {
		return nil, errNoServer
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		serve(far)
	}()
	return near, nil
}

// confirming answers heads and appends.
func confirming(conn net.Conn) {
	index := uint64(0)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		switch m := parseMessage(lines.Bytes()); {
		case m.Head:
			conn.Write(protocol.AppendHead(nil, m.ID, index))
		case m.Producer != "":
			index++
			conn.Write(protocol.AppendConfirmation(nil, m.ID, index, 0, false))
		}
	}
}

// silently takes everything and says nothing.
func silently(conn net.Conn) { io.Copy(io.Discard, conn) }

// denying is a server that wants another token.
func denying(conn net.Conn) {
	if bufio.NewScanner(conn).Scan() {
		fmt.Fprintln(conn, `{"error":"unauthorized"}`)
	}
}

// Every address is tried once, at once, before there is a pause; the pauses
// grow and are told.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		var delays []time.Duration
		c, err := New("a:1", Others("b:1", "c:1", "b:1"), Dialer(n.dial), Keep(1, -1),
			OnEvents(Hooks{Backoff: func(e Event) { delays = append(delays, e.Delay) }}))
		if err != nil {
			t.Fatal(err)
		}
		c.AppendAsync(t.Context(), testEntry(0))
		time.Sleep(time.Minute)
		c.Close()
		if len(delays) < 8 || len(n.dialed) != 3*len(delays) {
			t.Fatalf("%d attempts, %d pauses", len(n.dialed), len(delays))
		}
		for i, addr := range n.dialed {
			if want := []string{"a:1", "b:1", "c:1"}[i%3]; addr != want {
				t.Errorf("attempt %d at %s, want %s", i, addr, want)
			}
			if pause := n.at[i].Sub(n.at[max(0, i-1)]); i > 0 && pause != map[bool]time.Duration{true: delays[max(0, i/3-1)]}[i%3 == 0] {
				t.Errorf("attempt %d after %v", i, pause)
			}
		}
		if delays[0] > 75*time.Millisecond || delays[len(delays)-1] < time.Second {
			t.Errorf("pauses %v", delays)
		}
	})
}

// One address that works is enough: no time to keep, no room, a token that
// another does not take, one that says nothing.
func TestOneAddressThatWorks(t *testing.T) {
	for name, first := range map[string]func(net.Conn){"down": nil, "another token": denying, "silent": silently} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{serve: map[string]func(net.Conn){"a:1": first, "c:1": confirming}}
				c, err := New("a:1", Others("b:1", "c:1"), Dialer(n.dial), Keep(0, 0), MaxUnanswered(1))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				began := time.Now()
				var all []*Pending
				go func() { c.Append(t.Context(), testEntry(0)) }()
				for i := range 5 {
					all = append(all, c.AppendAsync(t.Context(), testEntry(i)))
				}
				for _, p := range all {
					if _, err := p.Result(); err != nil {
						t.Error(err)
					}
				}
				if _, err := c.Head(t.Context()); err != nil {
					t.Error(err)
				}
				if d := time.Since(began); d > patience {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// A token that some server does not take, and no other server: that is told.
func TestATokenThatNoneTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{serve: map[string]func(net.Conn){"a:1": denying}}
		c, err := New("a:1", Others("b:1"), Dialer(n.dial), Token("x"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Append(t.Context(), testEntry(0)); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("append: %v", err)
		}
		if _, err := c.Head(t.Context()); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("head: %v", err)
		}
	})
}

// All servers are slow to answer: each is given more time, until one is slow
// enough to be waited for.
func TestPatienceGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowly := func(conn net.Conn) {
			time.Sleep(10 * time.Second)
			confirming(conn)
		}
		n := &network{serve: map[string]func(net.Conn){"a:1": slowly, "b:1": slowly}}
		c, err := New("a:1", Others("b:1"), Dialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Append(t.Context(), testEntry(0)); err != nil {
			t.Error(err)
		}
		if len(n.dialed) != 5 {
			t.Errorf("%d attempts, want two of 3 s, two of 6 s, and one of 10 s", len(n.dialed))
		}
	})
}

// A busy connection, too, learns of members that come and go.
func TestMembersAreLearnedOnABusyConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		busily := func(conn net.Conn) {
			lines := bufio.NewScanner(conn)
			go func() {
				for i := uint64(1); ; i++ {
					if _, err := conn.Write(protocol.AppendEntry(nil, i, testEntry(0))); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			for lines.Scan() {
				if m := parseMessage(lines.Bytes()); m.Members {
					conn.Write(protocol.AppendHeadMembers(nil, m.ID, 0, []string{fmt.Sprintf("member:%d", asked.Add(1))}))
				}
			}
		}
		n := &network{serve: map[string]func(net.Conn){"a:1": busily}}
		c, err := New("a:1", Dialer(n.dial))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			c.Close()
			time.Sleep(2 * time.Second) // the member's last entry fails
		}()
		for _, err := range c.Tail(t.Context(), Count(3600)) {
			if err != nil {
				t.Fatal(err)
			}
		}
		times := asked.Load()
		if got := c.Addresses(); times < 5 || times > 7 || !slices.Equal(got, []string{"a:1", fmt.Sprintf("member:%d", times)}) {
			t.Errorf("after an hour asked %d times, addresses %q", times, got)
		}
	})
}

func TestAddressesOfNew(t *testing.T) {
	for _, bad := range []string{"", "host", "host:", "a:b:c", "[::1"} {
		if _, err := New(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := New("good:1", Others("good:2", bad)); !errors.Is(err, ErrInvalid) {
			t.Errorf("another %q: %v", bad, err)
		}
	}
	if _, err := New("good:1", Dialer(nil)); !errors.Is(err, ErrInvalid) {
		t.Errorf("no dialer: %v", err)
	}
}
