package peer

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// holding starts a node with a method that says that it has begun, and waits until its context ends.
func holding(t *testing.T, change func(*Options)) (n *node, begun, ended chan struct{}) {
	begun, ended = make(chan struct{}, 1), make(chan struct{}, 1)
	n = startNode(t, 1, func(o *Options) {
		o.Serve = map[string]Method{"hold": func(ctx context.Context, _ Caller, _ []byte) ([]byte, error) {
			begun <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return nil, ctx.Err()
		}}
		if change != nil {
			change(o)
		}
	})
	return n, begun, ended
}

// The method's context ends when the caller's does.
func TestTheCallerGivesUp(t *testing.T) {
	n, begun, ended := holding(t, nil)
	caller := startNode(t, 2, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	_, err := caller.Call(ctx, n.address, "hold", nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotSent) || Code(err) != "" {
		t.Errorf("%v", err)
	}
	<-ended
}

// A call outlasts Silence, since heartbeats come; when they don't, it is given up.
func TestACallTakesLong(t *testing.T) {
	n, begun, _ := holding(t, nil)
	caller := startNode(t, 2, func(o *Options) { o.Silence = stalled })
	done := make(chan error, 1)
	p := startProxy(t, n.address, func() fate { return fate{there: -1, back: 1500, stall: true} })
	go func() {
		_, err := caller.Call(t.Context(), p.address(), "hold", nil)
		done <- err
	}()
	<-begun
	if err := <-done; err == nil || !strings.Contains(err.Error(), "nothing came for") {
		t.Errorf("%v", err)
	}
	if p.count() != 1 {
		t.Error("the connection was given up before it stalled")
	}
}

// The node that was called goes: the outcome is unknown.
func TestTheCalledOneGoes(t *testing.T) {
	n, begun, ended := holding(t, nil)
	caller := startNode(t, 2, nil)
	done := make(chan error, 1)
	go func() {
		_, err := caller.Call(t.Context(), n.address, "hold", nil)
		done <- err
	}()
	<-begun
	n.Close()
	<-ended
	if err := <-done; err == nil || errors.Is(err, ErrNotSent) {
		t.Errorf("%v", err)
	}
}

func TestCallsThatCanNotBeMade(t *testing.T) {
	n, _, _ := holding(t, func(o *Options) { o.MaxFrame = 1 << 20 })
	caller := startNode(t, 2, func(o *Options) { o.MaxFrame = 1 << 20 })
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for what, call := range map[string]func() ([]byte, error){
		"nobody listens":   func() ([]byte, error) { return caller.Call(t.Context(), nobody.Addr().String(), "hold", nil) },
		"no address":       func() ([]byte, error) { return caller.Call(t.Context(), "nonsense", "hold", nil) },
		"a long request":   func() ([]byte, error) { return caller.Call(t.Context(), n.address, "hold", make([]byte, 1<<20)) },
		"a long method":    func() ([]byte, error) { return caller.Call(t.Context(), n.address, strings.Repeat("x", 256), nil) },
		"an ended context": func() ([]byte, error) { return caller.Call(ended, n.address, "hold", nil) },
	} {
		if _, err := call(); !errors.Is(err, ErrNotSent) {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := startNode(t, 3, nil)
	other.Identity.Cluster[0]++
	if _, err := other.Call(t.Context(), n.address, "hold", nil); Code(err) != CodeRefused || !strings.Contains(err.Error(), "belongs to cluster") {
		t.Errorf("another cluster: %v", err)
	}
	caller.Close()
	if _, err := caller.Call(t.Context(), n.address, "hold", nil); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrNotSent) {
		t.Errorf("closed: %v", err)
	}
}
