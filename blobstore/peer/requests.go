package peer

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// requests are the connections on the port of nodes that speak HTTP. To the server that serves them they are a listener.
type requests struct {
	server *PutServer
	max    int

	handed chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex // guards the following
	open int
}

// serveRequests serves puts on the connections that take is given.
func serveRequests(put Put, options PutOptions, limit int) *requests {
	q := &requests{max: limit, handed: make(chan net.Conn), closed: make(chan struct{})}
	handler := NewPutHandler(put, options)
	q.server = servePut(q, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" { // even one of the same origin: a name may have been made to lead here
			say(w, http.StatusForbidden, "web pages have no business on the port of nodes")
			return
		}
		handler.ServeHTTP(w, r)
	}), options)
	return q
}

// speaksHTTP tells whether a connection that somebody has dialed begins with a request of HTTP: a method and a space. No hello begins
// so: bytes 6 and 7 of one are 0. It waits for eight bytes.
func (c *connection) speaksHTTP() (bool, error) {
	first, err := c.r.Peek(8)
	if err != nil {
		return false, err
	}
	method := 0
	for method < len(first) && first[method] >= 'A' && first[method] <= 'Z' {
		method++
	}
	for _, b := range first[method:] {
		if b < ' ' || b > '~' {
			return false, nil
		}
	}
	return method >= 3 && (method == len(first) || first[method] == ' '), nil
}

// take has the requests of a connection served, which has shown who it is. forget is called when it has ended.
func (q *requests) take(c *connection, forget func(*connection)) error {
	if err := c.SetDeadline(time.Time{}); err != nil { // from here on the server's apply
		return err
	}
	q.mu.Lock()
	full := q.open >= q.max
	if !full {
		q.open++
	}
	q.mu.Unlock()
	if full {
		return fmt.Errorf("more than %d connections put over HTTP: close some", q.max)
	}
	h := &handed{connection: c, forget: sync.OnceFunc(func() {
		forget(c)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.open--
	})}
	select {
	case q.handed <- h:
		return nil
	case <-q.closed:
		h.forget()
		return ErrClosed
	}
}

// handed is a connection as net/http wants it: what was read ahead of it is read first.
type handed struct {
	*connection
	forget func()
}

func (h *handed) Read(p []byte) (int, error) { return h.r.Read(p) }

func (h *handed) Close() error {
	h.close(nil)
	h.forget()
	return nil
}

// Accept is net.Listener's.
func (q *requests) Accept() (net.Conn, error) {
	select {
	case c := <-q.handed:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (q *requests) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr is net.Listener's. The port is that of the nodes.
func (q *requests) Addr() net.Addr { return &net.TCPAddr{} }
