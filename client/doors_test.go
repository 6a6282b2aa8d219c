package client_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// doors are proxies before servers of one log, one each. They pass connections
// on and do to each what a seed says, until there were so many faults.
type doors struct {
	t       *testing.T
	running sync.WaitGroup
	closed  atomic.Bool

	mu       sync.Mutex // guards the following
	changed  *sync.Cond
	rnd      *rand.Rand
	faults   int // left
	done     map[fault]int
	accepted int
	door     []*door
}

type door struct {
	addr     string
	to       string       // "": the server behind it is away
	listener net.Listener // nil: connections are refused
}

// fault is what is done to a connection, or to a door.
type fault string

const (
	none      fault = "none"
	shut      fault = "the door is shut" // for a while: connections are refused
	late      fault = "cut late"
	atOnce    fault = "closed at once"                 // connecting
	mute      fault = "accepted, then nothing"         // connecting
	cutUp     fault = "cut within what is sent"        // at any byte
	cutUnsaid fault = "cut when answered, answer lost" // after a line was sent, before the answer
	cutDown   fault = "cut within an answer"           // at any byte
	stallUp   fault = "nothing more arrives"           // and all is taken
	blockUp   fault = "nothing more is taken"          // the client's writes block
	stallDown fault = "nothing more is answered"       // and all arrives
)

// weighted are the faults, as often as they are to be.
var weighted = []fault{
	shut, late, atOnce, mute, cutUp, cutUp, cutUp, cutUp, cutUnsaid, cutUnsaid, cutUnsaid, cutUnsaid,
	cutDown, cutDown, cutDown, cutDown, cutDown, stallUp, blockUp, stallDown,
}

func openDoors(t *testing.T, seed uint64, faults int, to ...string) *doors {
	d := &doors{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), faults: faults, done: map[fault]int{}}
	d.changed = sync.NewCond(&d.mu)
	d.mu.Lock() // somebody may still look for who had the port before
	defer d.mu.Unlock()
	for _, server := range to {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		o := &door{addr: listener.Addr().String(), to: server, listener: listener}
		d.door = append(d.door, o)
		d.accept(o, listener)
	}
	return d
}

func (d *doors) addrs() (all []string) {
	for _, o := range d.door {
		all = append(all, o.addr)
	}
	return all
}

func (d *doors) accept(o *door, listener net.Listener) {
	d.running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			d.running.Go(func() { d.pass(o, near) })
		}
	})
}

// lead has a door lead to another server, or to none.
func (d *doors) lead(i int, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.door[i].to = to
}

// afterConnections waits for so many more connections, or for the last fault.
func (d *doors) afterConnections(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for until := d.accepted + n; d.accepted < until && d.faults > 0; {
		d.changed.Wait()
	}
}

func (d *doors) left() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults
}

// plan is what becomes of a connection.
type plan struct {
	fault fault
	bytes int // after so many
	lines int // or so many lines
	to    string
	round int // the connections accepted when it comes to an end, for blockUp
}

// draw decides over a new connection through o. Until all faults have
// happened, each gets one; some late, so that things go on.
func (d *doors) draw(o *door) (p plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepted++
	d.changed.Broadcast()
	d.reopen()
	p = plan{fault: none, to: o.to, bytes: d.size(), lines: 1 + d.rnd.IntN(6), round: d.accepted + 4}
	if d.faults <= 0 {
		return p
	}
	d.faults--
	p.fault = weighted[d.rnd.IntN(len(weighted))]
	d.done[p.fault]++
	switch p.fault {
	case shut:
		d.shut()
		fallthrough // this one goes on for a while
	case late:
		p.fault, p.bytes = cutDown, 10_000+d.rnd.IntN(20_000)
	}
	return p
}

// size is mostly a few lines' length, sometimes much.
func (d *doors) size() int {
	if d.rnd.IntN(16) == 0 {
		return d.rnd.IntN(10_000)
	}
	return d.rnd.IntN(400)
}

// shut refuses connections at all doors but one.
func (d *doors) shut() {
	open := 0
	for _, i := range d.rnd.Perm(len(d.door)) {
		o := d.door[i]
		if o.listener == nil {
			continue
		}
		if open++; open > 1 {
			o.listener.Close()
			o.listener = nil
		}
	}
}

// reopen opens shut doors again, now and then.
func (d *doors) reopen() {
	for _, o := range d.door {
		if o.listener == nil && (d.faults <= 0 || d.rnd.IntN(4) == 0) && !d.closed.Load() {
			listener, err := net.Listen("tcp", o.addr)
			if err != nil {
				continue // somebody else has the port: it stays shut
			}
			o.listener = listener
			d.accept(o, listener)
		}
	}
}

func (d *doors) pass(o *door, near net.Conn) {
	defer near.Close()
	p := d.draw(o)
	if p.fault == atOnce || p.to == "" {
		reset(near, p.bytes)
		return
	}
	if p.fault == mute {
		io.Copy(io.Discard, near)
		return
	}
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	unsaid := new(atomic.Bool) // the next answer is lost, and with it the connection
	var back sync.WaitGroup
	back.Go(func() {
		d.down(near, far, p, unsaid)
		reset(near, p.bytes)
		far.Close()
	})
	d.up(near, far, p, unsaid)
	near.Close()
	far.Close()
	back.Wait()
}

// reset closes, half the time with a reset.
func reset(conn net.Conn, n int) {
	if tcp, ok := conn.(*net.TCPConn); ok && n%2 == 0 {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// up passes on what the client sends.
func (d *doors) up(near, far net.Conn, p plan, unsaid *atomic.Bool) {
	switch p.fault {
	case cutUp:
		io.CopyN(far, near, int64(p.bytes))
	case stallUp:
		io.CopyN(far, near, int64(p.bytes))
		io.Copy(io.Discard, near)
	case blockUp:
		io.CopyN(far, near, int64(p.bytes))
		d.mu.Lock()
		for d.accepted < p.round && d.faults > 0 && !d.closed.Load() {
			d.changed.Wait()
		}
		d.mu.Unlock()
	case cutUnsaid:
		copyLines(far, near, p.lines, unsaid)
		io.Copy(io.Discard, near)
	default:
		io.Copy(far, near)
	}
}

// copyLines copies so many lines; before the last of them it sets last.
func copyLines(far io.Writer, near io.Reader, lines int, last *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := near.Read(buf)
		chunk := buf[:n]
		for len(chunk) > 0 && lines > 0 {
			end := bytes.IndexByte(chunk, '\n') + 1
			if end == 0 {
				end = len(chunk)
			} else if lines--; lines == 0 {
				last.Store(true)
			}
			if _, err := far.Write(chunk[:end]); err != nil {
				return
			}
			chunk = chunk[end:]
		}
		if err != nil || lines == 0 {
			return
		}
	}
}

// down passes on what the server sends, and returns when there is no more or
// it is to be cut.
func (d *doors) down(near, far net.Conn, p plan, unsaid *atomic.Bool) {
	switch p.fault {
	case cutDown:
		io.CopyN(near, far, int64(p.bytes))
	case stallDown:
		io.CopyN(near, far, int64(p.bytes))
		io.Copy(io.Discard, far)
	case cutUnsaid:
		buf := make([]byte, 4<<10)
		for {
			n, err := far.Read(buf)
			if err != nil || unsaid.Load() {
				return
			}
			if _, err := near.Write(buf[:n]); err != nil {
				return
			}
		}
	default:
		io.Copy(near, far)
	}
}

func (d *doors) close() {
	d.mu.Lock()
	d.closed.Store(true)
	for _, o := range d.door {
		if o.listener != nil {
			o.listener.Close()
		}
	}
	d.changed.Broadcast()
	d.mu.Unlock()
	d.running.Wait()
	var counts []string
	for _, f := range slices.Sorted(maps.Keys(d.done)) {
		counts = append(counts, fmt.Sprintf("%s %d", f, d.done[f]))
	}
	d.t.Logf("%d connections; %v", d.accepted, counts)
}
