package chaos

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/load"
)

// TestCutsCut: what a cut is to keep apart is kept apart, also on connections that are open, in the directions
// meant, and comes through afterwards.
func TestCutsCut(t *testing.T) {
	needNetwork(t, partitions)
	for name, c := range map[string]struct {
		cut          func(n *network, a, b *host)
		aToB, bToA   bool // gets through
		nothingAtAll bool
	}{
		"nothing is cut":           {func(*network, *host, *host) {}, true, true, false},
		"b doesn't hear a":         {func(n *network, a, b *host) { n.deafen(b, a) }, false, true, false},
		"a doesn't hear b":         {func(n *network, a, b *host) { n.deafen(a, b) }, true, false, false},
		"a has no way to b":        {func(n *network, a, b *host) { n.silence(a, b) }, false, true, false},
		"neither hears the other":  {func(n *network, a, b *host) { n.deafen(a, b); n.deafen(b, a) }, false, false, true},
		"neither has a way to one": {func(n *network, a, b *host) { n.silence(a, b); n.silence(b, a) }, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			a, b := n.host("a"), n.host("b")
			wantsThrough(t, a, b, true)
			ab, ba := talk(t, a, b), talk(t, b, a)
			c.cut(n, a, b)
			if got := ab(); got != c.aToB {
				t.Errorf("a to b: %v", got)
			}
			if got := ba(); got != c.bToA {
				t.Errorf("b to a: %v", got)
			}
			if c.nothingAtAll {
				wantsThrough(t, a, b, false)
			}
			n.heal()
			wantsThrough(t, a, b, true)
		})
	}
}

// arrives is how long a packet of the test may take; one that is lost isn't waited for any longer.
const arrives = 300 * time.Millisecond

// talk returns what sends a packet of UDP from one host to another, and tells whether it came.
func talk(t *testing.T, from, to *host) (send func() bool) {
	t.Helper()
	var listener net.PacketConn
	var sender net.Conn
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(within(to.space, func() (err error) {
		listener, err = net.ListenPacket("udp", to.address+":0")
		return err
	}))
	must(within(from.space, func() (err error) {
		sender, err = net.Dial("udp", listener.LocalAddr().String())
		return err
	}))
	t.Cleanup(func() { listener.Close(); sender.Close() })
	return func() bool {
		if _, err := sender.Write([]byte("x")); err != nil {
			return false
		}
		must(listener.SetReadDeadline(time.Now().Add(arrives)))
		_, _, err := listener.ReadFrom(make([]byte, 1))
		return err == nil
	}
}

// wantsThrough holds that a new connection can, or can't, be made.
func wantsThrough(t *testing.T, from, to *host, want bool) {
	t.Helper()
	var listener net.Listener
	if err := within(to.space, func() (err error) {
		listener, err = net.Listen("tcp", to.address+":0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	limit := time.Minute
	if !want {
		limit = arrives
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, err := load.Dialer(func(ctx context.Context) (net.Conn, error) { return from.dial(ctx, listener.Addr().String()) }).Connect(ctx)
	if (err == nil) != want {
		t.Errorf("connecting: %v", err)
	}
	if err == nil {
		conn.Close()
	}
}
