package main

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ringlog/ringlog/client"
)

// reconnecting says that the server went away and that it is back, once each.
type reconnecting struct {
	addr string
	out  io.Writer

	mu       sync.Mutex // guards the following
	met      bool       // the server has answered before
	failures int        // since then
	told     bool       // that it is away
}

// changed is a client.OnConnection.
func (r *reconnecting) changed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		if r.told {
			fmt.Fprintf(r.out, "ringlog: connected to %s again\n", r.addr)
		}
		r.met, r.failures, r.told = true, 0, false
	case errors.Is(err, client.ErrTooLong), errors.Is(err, client.ErrInvalid):
		// It closes for a line that it does not take; who sent that is told.
	default:
		r.failures++
		// A first connection may fail for the one that knocked, which still has its place.
		if !r.told && (r.met || r.failures > 1) {
			r.told = true
			fmt.Fprintf(r.out, "ringlog: no connection to %s (%v); reconnecting, for %v at most\n", r.addr, err, reconnectFor)
		}
	}
}
