package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/ringlog/ringlog/client"
)

// reconnecting says that the server went away, and that it is back or another in its place, once each.
type reconnecting struct {
	out io.Writer

	mu       sync.Mutex // guards the following
	met      bool       // a server has answered before
	failures int        // since then
	lost     string     // the address that was told to be away
}

func newReconnecting() *reconnecting { return &reconnecting{out: os.Stderr} }

func (r *reconnecting) hooks() client.Hooks {
	return client.Hooks{Connect: r.connected, Disconnect: r.disconnected}
}

// ending are hooks for a read that ends at the head: it isn't tried again for long where no server
// knows the head, for want of a quorum.
func (r *reconnecting) ending(giveUp func(error)) client.Hooks {
	var refused error // of this round; a read's connections come one after the other
	return client.Hooks{
		Connect: r.connected,
		Disconnect: func(e client.Event) {
			switch {
			case !errors.Is(e.Err, client.ErrNoQuorum):
				r.disconnected(e)
			case e.Use == client.ForRead:
				refused = e.Err
			}
		},
		Backoff: func(e client.Event) {
			if e.Use == client.ForRead && refused != nil {
				giveUp(refused)
			}
		},
	}
}

func (r *reconnecting) connected(e client.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.lost {
	case "":
	case e.Address:
		fmt.Fprintf(r.out, "ringlog: connected to %s again\n", e.Address)
	default:
		fmt.Fprintf(r.out, "ringlog: connected to %s instead\n", e.Address)
	}
	r.met, r.failures, r.lost = true, 0, ""
}

func (r *reconnecting) disconnected(e client.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(e.Err, client.ErrTooLong) || errors.Is(e.Err, client.ErrInvalid) {
		return // it closes for a line that it does not take; who sent that is told
	}
	r.failures++
	// A first connection may fail for the one that knocked, which still has its place.
	if r.lost == "" && (r.met || r.failures > 1) {
		r.lost = e.Address
		fmt.Fprintf(r.out, "ringlog: no connection to %s (%v); reconnecting, for %v at most\n", e.Address, e.Err, reconnectFor)
	}
}
