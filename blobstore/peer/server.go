package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// DefaultAddress is where AllData's peers listen if nothing else is said.
const DefaultAddress = "localhost:8080"

// PutServer is a handler of puts that listens.
type PutServer struct {
	server   http.Server
	listener net.Listener
	options  PutOptions
	cancel   context.CancelFunc // ends the puts under way
	served   chan error         // gets one, when accepting has ended

	// One for each connection. Added to by the goroutine that accepts.
	connections sync.WaitGroup

	closing sync.Once
	closed  error // written by closing
}

// ListenPut listens on a TCP address, DefaultAddress if it is empty, and serves what NewPutHandler describes
// until Close is called. It is plain text: it is for a network that is trusted. A program that wants TLS gives
// the handler to a server of its own.
func ListenPut(address string, put Put, options PutOptions) (*PutServer, error) {
	if address == "" {
		address = DefaultAddress
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for puts: %w", err)
	}
	return servePut(listener, NewPutHandler(put, options), options), nil
}

// servePut serves a handler of puts on a listener until Close is called.
func servePut(listener net.Listener, handler http.Handler, options PutOptions) *PutServer {
	options = options.complete()
	ctx, cancel := context.WithCancel(context.Background())
	s := &PutServer{listener: listener, options: options, cancel: cancel, served: make(chan error, 1)}
	s.server = http.Server{
		Handler:           handler,
		ReadHeaderTimeout: options.ReadTime,
		WriteTimeout:      2 * (options.ReadTime + options.PutTime), // a turn, the body, the put, the answer
		IdleTimeout:       options.IdleTime,
		ConnState:         s.count,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // about clients' connections; Put knows its own errors
	}
	go func() { s.served <- s.server.Serve(listener) }()
	return s
}

// Addr is where the server listens.
func (s *PutServer) Addr() net.Addr { return s.listener.Addr() }

// Close stops listening, waits CloseTime for the puts under way to be answered, then ends their contexts and
// closes their connections, and returns when the last Put has. It may be called again, and returns the same. The
// error is why the server had stopped listening before, or that puts had to be broken off.
func (s *PutServer) Close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.options.CloseTime)
		defer cancel()
		err := s.server.Shutdown(ctx)
		s.cancel()
		if err != nil {
			_ = s.server.Close() // it was closed by Shutdown; this is for the connections
			err = fmt.Errorf("puts under way were broken off: %w", err)
		}
		served := <-s.served
		s.connections.Wait()
		if errors.Is(served, http.ErrServerClosed) {
			served = nil
		}
		s.closed = errors.Join(served, err)
	})
	return s.closed
}

func (s *PutServer) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed:
		s.connections.Done()
	}
}
