package peer

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// events remembers what hooks are told.
type events struct {
	mu   sync.Mutex // guards the following
	list []string
	last map[string]Event
}

func (e *events) hooks() Hooks {
	e.last = map[string]Event{}
	note := func(name string) func(Event) {
		return func(event Event) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.list = append(e.list, name)
			e.last[name] = event
		}
	}
	return Hooks{
		Connect: note("connect"), Initialized: note("initialized"), Acknowledge: note("acknowledge"),
		Disconnect: note("disconnect"), Backoff: note("backoff"), Reconnect: note("reconnect"),
	}
}

func (e *events) count(name string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.list {
		if one == name {
			n++
		}
	}
	return n
}

func (e *events) of(name string) Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[name]
}

func TestHooksTellALinksLife(t *testing.T) {
	var told events
	a := startNode(t, 1, func(o *Options) { o.Hooks = told.hooks() })
	b := startNode(t, 2, nil)
	p := startProxy(t, b.address, func() fate { return spared })
	peer := b.peer()
	peer.Address = p.address()
	b.SetPeers(map[uint64]Peer{1: {Name: "n1"}}) // first, so that a isn't refused
	a.SetPeers(map[uint64]Peer{2: peer})
	a.Send(2, 1, []byte("x"))
	await(t, "acknowledged", func() bool { return told.count("acknowledge") == 1 })
	if e := told.of("acknowledge"); e.Peer != 2 || e.Name != "n2" || e.Count != 1 {
		t.Errorf("%+v", e)
	}
	if told.count("connect") != 1 || told.count("initialized") != 1 || told.count("disconnect") != 0 {
		t.Errorf("%v", told.list)
	}
	b.SetPeers(nil)
	await(t, "backoff", func() bool { return told.count("reconnect") >= 3 })
	if e := told.of("disconnect"); e.Peer != 2 || e.Err == nil {
		t.Errorf("%+v", e)
	}
	if e := told.of("backoff"); e.Count < 3 || e.Delay <= 0 || e.Delay > 30*time.Millisecond || Code(e.Err) != CodeRefused {
		t.Errorf("%+v", e)
	}
	b.SetPeers(map[uint64]Peer{1: {Name: "n1"}})
	await(t, "again", func() bool { return told.count("initialized") == 2 })
	if s := a.Status()[0]; !s.Connected || s.Attempts != 0 || s.LastError != "" || !s.Dialed || s.Address != p.address() {
		t.Errorf("%+v", s)
	}
}

// What is sent while there is no connection is kept within the bounds, and the rest is counted.
func TestKeptWithinBounds(t *testing.T) {
	for name, c := range map[string]struct {
		frames, bytes int
		first         uint64
	}{
		"frames": {10, 1 << 20, 91},
		"bytes":  {1000, 10 * 108, 91},
	} {
		l := newLedger()
		a := startNode(t, 1, func(o *Options) { o.KeepFrames, o.KeepBytes, o.Bulk = c.frames, c.bytes, bulkByKind })
		b := startNode(t, 2, func(o *Options) { o.Handle, o.Bulk = l.handle, bulkByKind })
		a.SetPeers(map[uint64]Peer{2: {}})
		for n := uint64(1); n <= 100; n++ {
			a.Send(2, kindUrgent, entry(n, 100))
			a.Send(2, kindBulk, entry(n, 100))
		}
		if s := a.Status()[0]; s.Queued != 20 || s.QueuedBytes != 20*108 || s.Dropped != 180 {
			t.Errorf("%s: %+v", name, s)
		}
		introduce(a, b)
		l.until(kindUrgent, 100)
		l.until(kindBulk, 100)
		l.check(t, name, 100, 180)
		if l.count[kindUrgent] != 10 {
			t.Errorf("%s: %d came", name, l.count[kindUrgent])
		}
	}
}

func TestKeptForATime(t *testing.T) {
	a := startNode(t, 1, func(o *Options) { o.KeepAge = time.Millisecond })
	a.SetPeers(map[uint64]Peer{2: {}})
	a.Send(2, 1, []byte("old"))
	await(t, "the old one is dropped", func() bool {
		a.Send(2, 1, []byte("new"))
		return a.Status()[0].Dropped > 0
	})
	a.Send(7, 1, []byte("nobody")) // which is no reason to panic
}

// A peer that is there, but says nothing, is given up, and found again.
func TestSilence(t *testing.T) {
	var told events
	fates := []fate{{there: 2000, back: -1, stall: true}, spared}
	a := startNode(t, 1, func(o *Options) { o.Silence, o.Hooks = stalled, told.hooks() })
	b := startNode(t, 2, func(o *Options) { o.Silence = stalled })
	p := startProxy(t, b.address, func() fate {
		f := fates[0]
		fates = fates[len(fates)-1:]
		return f
	})
	peer := b.peer()
	peer.Address = p.address()
	a.SetPeers(map[uint64]Peer{2: peer})
	b.SetPeers(map[uint64]Peer{1: {}})
	for i := range 100 {
		a.Send(2, 1, fmt.Appendf(nil, "%100d", i))
	}
	b.arrived(100)
	if err := told.of("disconnect").Err; err == nil {
		t.Error("the link was never given up")
	}
}

// A Handle that takes its time stops what comes from that peer, and nothing else; nothing is lost.
func TestASlowHandle(t *testing.T) {
	free := make(chan struct{})
	l := newLedger()
	a := startNode(t, 1, func(o *Options) { o.Silence, o.Bulk, o.KeepFrames = 4*stalled, bulkByKind, 1<<20 })
	b := startNode(t, 2, func(o *Options) {
		o.Silence, o.Bulk = 4*stalled, bulkByKind
		o.Handle = func(from uint64, kind byte, payload []byte) {
			<-free
			l.handle(from, kind, payload)
		}
	})
	introduce(a, b)
	const count = 5000
	for n := uint64(1); n <= count; n++ {
		a.Send(2, kindUrgent, entry(n, 2000))
	}
	for i := range 30 {
		b.Send(1, 1, fmt.Append(nil, i))
	}
	a.arrived(30)
	heard := time.Now() // a hears heartbeats of b for longer than Silence
	await(t, "time passes", func() bool { return time.Since(heard) > 5*stalled })
	if s := a.Status()[0]; !s.Connected || s.Since.After(heard) {
		t.Errorf("%+v", s)
	}
	close(free)
	l.until(kindUrgent, count)
	l.check(t, "b", count, count) // of bulk there was nothing
}

// Of two that dial one another at the same moment, one connection stays: the same for both.
func TestOneConnectionStays(t *testing.T) {
	for range 30 {
		a, b := startNode(t, 1, nil), startNode(t, 2, nil)
		var both sync.WaitGroup
		both.Go(func() { a.SetPeers(map[uint64]Peer{2: b.peer()}) })
		both.Go(func() { b.SetPeers(map[uint64]Peer{1: a.peer()}) })
		both.Wait()
		a.Send(2, 1, []byte("x"))
		b.Send(1, 1, []byte("y"))
		a.arrived(1)
		b.arrived(1)
		await(t, "one connection", func() bool {
			s, r := a.Status()[0], b.Status()[0]
			return s.Connected && r.Connected && a.opened() == 1 && b.opened() == 1 && s.Dialed != r.Dialed
		})
		a.Close()
		b.Close()
	}
}

func (n *node) opened() int {
	n.Links.mu.Lock()
	defer n.Links.mu.Unlock()
	return len(n.open)
}

// A peer that comes to have another address is found there.
func TestAnotherAddress(t *testing.T) {
	a := startNode(t, 1, func(o *Options) { o.BackoffMin, o.BackoffMax = patience, patience })
	b := startNode(t, 2, nil)
	b.SetPeers(map[uint64]Peer{1: {}})
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	a.SetPeers(map[uint64]Peer{2: {Address: nobody.Addr().String()}})
	await(t, "an attempt", func() bool { return a.Status()[0].Attempts > 0 })
	a.SetPeers(map[uint64]Peer{2: b.peer()})
	a.Send(2, 1, []byte("x"))
	b.arrived(1)
}

// A guest is heard and answered as long as Admit wants.
func TestAGuest(t *testing.T) {
	var mu sync.Mutex
	admit := true
	a := startNode(t, 1, func(o *Options) {
		o.MaxPeers = 1
		o.Admit = func(i Identity) error {
			mu.Lock()
			defer mu.Unlock()
			if !admit {
				return errors.New("you were removed: start with an empty directory")
			}
			return nil
		}
	})
	guest := startNode(t, 9, nil)
	guest.SetPeers(map[uint64]Peer{1: a.peer()})
	guest.Send(1, 1, []byte("hello"))
	a.arrived(1)
	a.Send(9, 1, []byte("welcome"))
	guest.arrived(1)
	if s := a.Status(); len(s) != 1 || !s[0].Guest || s[0].Name != "n9" {
		t.Errorf("%+v", s)
	}
	more := startNode(t, 8, nil)
	more.SetPeers(map[uint64]Peer{1: a.peer()})
	await(t, "too many", func() bool { return strings.Contains(more.Status()[0].LastError, "are the limit") })
	guest.Close()
	await(t, "another guest has the place", func() bool { return connected(more) == 1 })
	more.SetPeers(nil)
	mu.Lock()
	admit = false
	mu.Unlock()
	more.SetPeers(map[uint64]Peer{1: a.peer()})
	await(t, "refused", func() bool { return strings.Contains(more.Status()[0].LastError, "you were removed") })
}
