package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Lobby is where connections are as long as the log is being opened. Who asks for health
// is answered, truly, without TLS or a token; all others wait, with nothing of what they sent read, and are
// served as soon as everything that was acknowledged can be read.
//
//	lobby := web.NewLobby(options, maxConns, listeners...)
//	log, err := logserver.Open(logserver.Options{Progress: lobby.Progress, …})
//	for _, listener := range lobby.Open() { go server.Serve(listener) }
//	…
//	lobby.Close()
type Lobby struct {
	opening
	foyers   []*foyer
	seats    chan struct{} // has an element for each connection
	opened   chan struct{} // closed by Open and Close
	once     sync.Once
	greeting sync.WaitGroup // those who accept, and look at connections

	http   *http.Server
	asking *listener // of those who ask for health
	served sync.WaitGroup
}

// NewLobby begins to accept connections from listeners, at most maxConns: others wait in
// the system's backlog. So do all where the first bytes can't be looked at without being
// taken (Windows), and nobody is answered there.
func NewLobby(o Options, maxConns int, listeners ...net.Listener) *Lobby {
	o = o.withDefaults()
	l := &Lobby{seats: make(chan struct{}, maxConns), opened: make(chan struct{}), asking: newListener()}
	l.guarded = o.Guarded
	l.makeMetrics(o.Version)
	l.http = &http.Server{
		Handler:           &l.opening,
		ReadHeaderTimeout: o.HeaderTimeout,
		WriteTimeout:      o.AnswerTimeout,
		MaxHeaderBytes:    maxHeader - headerSlack,
		ErrorLog:          complaints(o.Logger),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				<-l.seats
			}
		},
	}
	l.http.SetKeepAlivesEnabled(false) // who asks again may ask the server
	l.served.Go(func() { _ = l.http.Serve(l.asking) })
	for _, inner := range listeners {
		f := &foyer{Listener: inner, lobby: l, looking: make(map[net.Conn]struct{})}
		l.foyers = append(l.foyers, f)
		if _, ok := inner.(interruptible); ok && canPeek {
			l.greeting.Go(f.receive)
		}
	}
	return l
}

// Open lets everybody in: the listeners that it returns accept those who waited first,
// then whoever comes. It is called once, and not after Close.
func (l *Lobby) Open() []net.Listener {
	l.end()
	listeners := make([]net.Listener, len(l.foyers))
	for i, f := range l.foyers {
		listeners[i] = f
	}
	return listeners
}

// lastAnswers is how long those who have asked for health may take once the log is open.
const lastAnswers = time.Second

// end has nobody wait any more.
func (l *Lobby) end() {
	l.once.Do(func() {
		close(l.opened)
		for _, f := range l.foyers {
			f.wake(alreadyPast)
		}
		l.greeting.Wait()
		for _, f := range l.foyers {
			f.wake(time.Time{})
		}
		l.served.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), lastAnswers)
			defer cancel()
			if l.http.Shutdown(ctx) != nil {
				_ = l.http.Close()
			}
			l.asking.end()
		})
	})
}

// Close closes the listeners and every connection that waits. It is idempotent, and
// nothing of the Lobby is left when it returns; who was accepted is not touched.
func (l *Lobby) Close() {
	l.end()
	for _, f := range l.foyers {
		_ = f.Close()
	}
	l.served.Wait()
}
