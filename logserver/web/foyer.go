package web

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// foyer is one listener of a Lobby.
type foyer struct {
	net.Listener
	lobby *Lobby

	mu      sync.Mutex // guards the following
	looking map[net.Conn]struct{}
	waiting []net.Conn
}

// interruptible is a listener that can be woken without being closed.
type interruptible interface{ SetDeadline(time.Time) error }

// alreadyPast is a deadline that wakes whoever waits for the network.
var alreadyPast = time.Unix(1, 0)

// acceptPause is how long nobody is accepted after that has failed.
const acceptPause = 50 * time.Millisecond

// receive accepts connections until the Lobby is opened.
func (f *foyer) receive() {
	for {
		select {
		case f.lobby.seats <- struct{}{}:
		case <-f.lobby.opened:
			return
		}
		conn, err := f.Listener.Accept()
		if err == nil {
			f.lobby.greeting.Go(func() { f.greet(conn) })
			continue
		}
		<-f.lobby.seats
		select {
		case <-f.lobby.opened:
			return
		case <-time.After(acceptPause): // out of file descriptors, perhaps
		}
	}
}

// greet looks at what a connection begins with: it is answered, or waits.
func (f *foyer) greet(conn net.Conn) {
	asks := f.look(conn) && peek(conn, asksForHealth)
	f.mu.Lock()
	delete(f.looking, conn)
	if !asks {
		f.waiting = append(f.waiting, conn)
	}
	f.mu.Unlock()
	if asks {
		_ = conn.SetReadDeadline(time.Time{})
		f.lobby.asking.give(conn)
	}
}

// look notes that conn is looked at, so that this can be interrupted; false: the Lobby is open.
func (f *foyer) look(conn net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.lobby.opened:
		return false
	default:
		f.looking[conn] = struct{}{}
		return true
	}
}

// wake sets the deadline of everybody who waits for the network.
func (f *foyer) wake(at time.Time) {
	if l, ok := f.Listener.(interruptible); ok {
		_ = l.SetDeadline(at)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.looking {
		_ = conn.SetReadDeadline(at)
	}
	for _, conn := range f.waiting {
		_ = conn.SetReadDeadline(at)
	}
}

// Accept implements net.Listener, for when the Lobby is open.
func (f *foyer) Accept() (net.Conn, error) {
	if conn := f.next(); conn != nil {
		return conn, nil
	}
	return f.Listener.Accept()
}

func (f *foyer) next() net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		f.waiting = nil
		return nil
	}
	conn := f.waiting[0]
	f.waiting = f.waiting[1:]
	return conn
}

// Close implements net.Listener.
func (f *foyer) Close() error {
	for conn := f.next(); conn != nil; conn = f.next() {
		_ = conn.Close()
	}
	return f.Listener.Close()
}

// verdict is what the first bytes of a connection tell.
type verdict uint8

const (
	unsure verdict = iota // more of them are needed
	no
	yes
)

// healthRequests are how those begin who are answered in the Lobby.
var healthRequests = func() (all [][]byte) {
	for _, method := range []string{"GET ", "HEAD "} {
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			all = append(all, []byte(method+path+" "), []byte(method+path+"?"))
		}
	}
	return all
}()

// longestHealthRequest is how many bytes suffice to tell.
const longestHealthRequest = len("HEAD /metrics ")

func asksForHealth(first []byte) verdict {
	told := no
	for _, request := range healthRequests {
		switch {
		case bytes.HasPrefix(first, request):
			return yes
		case bytes.HasPrefix(request, first):
			told = unsure
		}
	}
	return told
}
