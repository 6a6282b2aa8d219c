package web

import (
	"context"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/logserver"
)

// Site is what a Server shows to those who speak HTTP.
type Site struct {
	server  *logserver.Server
	log     *logserver.Log
	options Options

	listener   *listener
	http       *http.Server
	served     chan struct{} // closed when http has stopped accepting
	cross      *http.CrossOriginProtection
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	compressed chan struct{} // has an element for each answer that is being compressed
	metrics    http.Handler
	filters    chan struct{} // has an element for each process that runs jq

	assets  map[string]*asset // of the page
	started time.Time
	history history
	workers sync.WaitGroup

	stopping context.Context // ends when the site stops
	stop     context.CancelFunc
}

// Handler returns what logserver.ServerOptions.HTTP wants.
func Handler(o Options) func(*logserver.Server) logserver.HTTP {
	return func(s *logserver.Server) logserver.HTTP { return newSite(s, o) }
}

// maxHeader is how many bytes the head of a request may have; net/http adds slack of its own.
const (
	maxHeader   = 16 << 10
	headerSlack = 4 << 10
)

func newSite(server *logserver.Server, o Options) *Site {
	s := &Site{
		server:   server,
		log:      server.Log(),
		options:  o.withDefaults(),
		listener: newListener(),
		served:   make(chan struct{}),
		cross:    http.NewCrossOriginProtection(),
	}
	s.filters = make(chan struct{}, s.options.MaxFilters)
	s.compressed = make(chan struct{}, s.options.MaxCompressed)
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.makeMetrics()
	s.assets, s.started = loadAssets(), time.Now()
	s.workers.Go(s.watch)
	s.http = &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            s.options.HeaderTimeout,
		IdleTimeout:                  s.options.IdleTimeout,
		MaxHeaderBytes:               maxHeader - headerSlack,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     complaints(s.options.Logger),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, logserver.PeerOf(conn))
		},
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(s.listener) // it ends when it is told to
	}()
	return s
}

// Serve implements logserver.HTTP.
func (s *Site) Serve(conn net.Conn) { s.listener.give(conn) }

// Shutdown implements logserver.HTTP: bodies that are on their way are read for a moment
// more, reads are ended by the Server, and connections on which nothing goes on are closed.
func (s *Site) Shutdown(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	<-s.served
	s.workers.Wait()
	s.listener.end()
	return err
}

// complaints takes what net/http has to say: of clients that break off, and of panics.
func complaints(logger zerolog.Logger) *stdlog.Logger {
	return stdlog.New(complainer{logger}, "", 0)
}

type complainer struct{ logger zerolog.Logger }

func (c complainer) Write(line []byte) (int, error) {
	c.logger.Debug().Bytes("said", line).Msg("http")
	return len(line), nil
}
