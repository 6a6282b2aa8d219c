package logserver

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/logserver/access"
)

// ErrServerClosed is returned by Serve after Shutdown.
var ErrServerClosed = errors.New("logserver: server closed")

// Server serves a Log to connections. It may serve several listeners.
type Server struct {
	log     *Log
	options ServerOptions
	http    HTTP           // nil: connections speak lines only
	serving sync.WaitGroup // one for each connection and each Serve

	mu        sync.Mutex // guards the following
	stopping  bool
	listeners map[net.Listener]struct{}
	conns     map[*connection]struct{}
	handed    int                      // connections that speak HTTP
	streams   map[*connection]struct{} // reads on some of those

	unsealed atomic.Uint64 // handshakes of TLS that failed
}

// NewServer returns a Server for l. The caller closes l after Shutdown.
func NewServer(l *Log, o ServerOptions) *Server {
	s := &Server{
		log:       l,
		options:   o.withDefaults(),
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*connection]struct{}),
		streams:   make(map[*connection]struct{}),
	}
	if o.HTTP != nil {
		s.http = o.HTTP(s)
	}
	return s
}

// Log returns what is served.
func (s *Server) Log() *Log { return s.log }

// Guard returns who knows the tokens, nil if none is wanted.
func (s *Server) Guard() *access.Guard { return s.options.Guard }

// Serve accepts connections from listener until Shutdown, which closes the
// listener and makes Serve return ErrServerClosed. When no connection can be
// accepted for now (out of file descriptors), it tries again after a while and
// goes on serving the others.
func (s *Server) Serve(listener net.Listener) error {
	if !s.begin(listener) {
		_ = listener.Close()
		return ErrServerClosed
	}
	defer s.end(listener)
	pause := time.Duration(0)
	for {
		nc, err := listener.Accept()
		if err == nil {
			pause = 0
			s.start(nc)
			continue
		}
		if s.isStopping() {
			return ErrServerClosed
		}
		if !temporary(err) {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.log.metrics.trouble(troubleAccept)
		s.log.options.Logger.Warn().Err(err).Dur("pause", pause).Msg("cannot accept a connection; trying again")
		time.Sleep(pause)
	}
}

// temporary tells whether accepting may work again later. The method of that
// name is deprecated for want of a meaning in general; for Accept it has one.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Server) begin(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.listeners[listener] = struct{}{}
	s.serving.Add(1)
	return true
}

func (s *Server) end(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, listener)
	_ = listener.Close()
	s.serving.Done()
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// start serves nc on a goroutine of its own, or closes it when there are too
// many already or the server stops.
func (s *Server) start(nc net.Conn) {
	s.mu.Lock()
	full := len(s.conns)+s.handed >= s.options.MaxConns
	if s.stopping || full {
		s.mu.Unlock()
		_ = nc.Close()
		if full {
			s.log.metrics.trouble(troubleConnections)
			s.log.refusals.Warn(s.log.options.Logger, "too many connections: one was closed; raise MAX_CONNS if they are wanted")
		}
		return
	}
	c := newConnection(s, nc)
	s.conns[c] = struct{}{}
	s.serving.Add(1)
	s.mu.Unlock()
	go s.serve(c)
}

// serve is the goroutine of a connection.
func (s *Server) serve(c *connection) {
	switch c.serve() {
	case speaksHTTP:
		s.handOver(c)
	case speaksTLS:
		s.seal(c)
	default:
		defer s.serving.Done()
		s.forget(c)
	}
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Shutdown stops the server in order: no connection is accepted any more,
// appends that arrived are answered, later ones are refused "shutting down",
// every connection is closed. When ctx ends first, the connections that are
// left are cut, and its error is returned. No goroutine of the server is left
// afterwards.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for listener := range s.listeners {
		_ = listener.Close()
	}
	conns := make([]*connection, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	for c := range s.streams {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.stop()
	}
	done := make(chan struct{})
	var cut error // ctx's, if it has cut requests short
	go func() {
		if s.http != nil {
			if err := s.http.Shutdown(ctx); err != nil {
				cut = ctx.Err()
			}
		}
		s.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return cut
	case <-ctx.Done():
	}
	for _, c := range conns {
		c.cut()
	}
	<-done
	return ctx.Err()
}
