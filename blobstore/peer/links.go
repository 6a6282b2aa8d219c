package peer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Links are a node's links to the others of its cluster, and calls.
type Links struct {
	options    Options
	start      uint64 // tells this Links from those that the node had before
	ctx        context.Context
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
	calls      chan struct{} // one is taken by each call that is served
	requests   *requests     // nil: HTTP isn't spoken

	mu        sync.Mutex // guards the following
	links     map[uint64]*link
	made      uint64 // links so far
	open      map[*connection]struct{}
	pending   []*connection // of open, the oldest first: who has dialed and not said yet who he is
	listeners map[net.Listener]struct{}
	closed    bool
}

// ErrClosed: the Links were closed.
var ErrClosed = errors.New("the links are closed")

// New returns Links without peers that listen nowhere.
func New(options Options) *Links {
	options = options.complete()
	ctx, cancel := context.WithCancel(context.Background())
	l := &Links{
		options: options, start: draw(), ctx: ctx, cancel: cancel,
		calls:     make(chan struct{}, options.MaxCalls),
		links:     make(map[uint64]*link),
		open:      make(map[*connection]struct{}),
		listeners: make(map[net.Listener]struct{}),
	}
	if options.Put != nil {
		l.requests = serveRequests(options.Put, options.PutOptions, options.MaxPeers)
	}
	return l
}

// draw draws a number that isn't 0.
func draw() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.LittleEndian.Uint64(b[:]))
}

// SetPeers says which other nodes there are, by their numbers. Those that are new are dialed, links to those that
// are gone are closed and what they kept is dropped; who is there under another address is dialed there from the next
// time on. This node itself may be among them.
func (l *Links) SetPeers(peers map[uint64]Peer) {
	self := l.options.Self().Number
	var gone []*link
	l.mu.Lock()
	for number, k := range l.links {
		if _, stays := peers[number]; !stays && !k.isGuest() {
			delete(l.links, number)
			gone = append(gone, k)
		}
	}
	for number, p := range peers {
		if number == self || number == 0 || l.closed {
			continue
		}
		k := l.links[number]
		if k == nil {
			k = l.newLink(number)
		}
		if k.setPeer(p) {
			l.goroutines.Go(k.keep)
		}
	}
	l.mu.Unlock()
	for _, k := range gone {
		k.end()
	}
}

// newLink makes a link that nobody dials. l.mu is held.
func (l *Links) newLink(number uint64) *link {
	l.made++
	k := &link{owner: l, number: number, guest: true, since: time.Now(), wake: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	k.ctx, k.cancel = context.WithCancel(l.ctx)
	for i := range k.lanes {
		k.lanes[i].next = l.made<<40 + 1 // never used before by this Links
	}
	l.links[number] = k
	return k
}

func (l *Links) link(number uint64) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.links[number]
}

// Send has a message sent to a node: its payload are the parts behind one another. It never waits. The parts must not be
// changed afterwards. The message is kept until the node has acknowledged it, meanwhile sent again
// whenever the connection was broken; the oldest are dropped when there are more than the options allow, and a
// message to whom there is no link to, or that is longer than MaxFrame, is dropped at once.
func (l *Links) Send(to uint64, kind byte, parts ...[]byte) {
	if k := l.link(to); k != nil {
		k.send(kind, parts)
	}
}

// Run accepts the connections of other nodes until the Links are closed, and closes the listener then. It returns
// nil then, else why the listener accepts no more.
func (l *Links) Run(listener net.Listener) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		listener.Close()
		return nil
	}
	l.listeners[listener] = struct{}{}
	l.goroutines.Add(1)
	l.mu.Unlock()
	defer l.goroutines.Done()
	defer listener.Close()
	for pause := time.Duration(0); ; {
		nc, err := listener.Accept()
		switch {
		case l.ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept nodes: %w", err)
		case err != nil: // out of files, or the other end gave up
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			l.rest(pause)
			continue
		}
		pause = 0
		l.accept(nc)
	}
}

// rest waits, or until the Links are closed.
func (l *Links) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.ctx.Done():
	}
}

// Close closes listeners, links, calls and puts, and returns when the last Handle, Method, Put and hook has. It
// may be called again.
func (l *Links) Close() error {
	l.mu.Lock()
	l.closed = true
	l.cancel()
	for listener := range l.listeners {
		listener.Close()
	}
	for c := range l.open {
		c.close(ErrClosed)
	}
	l.mu.Unlock()
	l.goroutines.Wait()
	if l.requests != nil {
		_ = l.requests.server.Close() // their connections are closed: nobody is there to be told
	}
	return nil
}

// register remembers a connection, so that Close closes it, and tells whether it may live.
func (l *Links) register(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.open[c] = struct{}{}
	return true
}

func (l *Links) forget(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *Links) refusedHook(address string, err error) {
	if hook := l.options.Hooks.Refused; hook != nil {
		hook(address, err)
	}
}
