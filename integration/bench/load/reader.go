//go:build linux

package load

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

// Readers are the readers of one run.
type Readers struct {
	// Again makes the next reader of one that has come to its end; nil: it is not begun again.
	Again func() (*Socket, wire.Reader, error)
	// Latency is where to count how old stamped entries are when they come; nil: nowhere.
	Latency *Histogram

	Entries uint64 // received
	Done    int    // readers that have ended

	loop    *Loop
	readers []*reader
	conns   []*conn
}

type reader struct {
	*Readers
	wired   wire.Reader
	entries uint64
}

// Add makes a reader of a connection. It reads from Begin on.
func (r *Readers) Add(l *Loop, s *Socket, wired wire.Reader) error {
	reader := &reader{Readers: r, wired: wired}
	c, err := l.add(s, reader)
	c.out = wired.Begin(c.out)
	r.loop = l
	r.readers = append(r.readers, reader)
	r.conns = append(r.conns, c)
	return err
}

// Begin lets the readers added since the last time read.
func (r *Readers) Begin() error {
	for _, c := range r.conns {
		if err := r.loop.flush(c); err != nil {
			return err
		}
	}
	r.conns = nil
	return nil
}

// Len is how many readers there are.
func (r *Readers) Len() int { return len(r.readers) }

// Slowest is how many entries the reader with the fewest has.
func (r *Readers) Slowest() uint64 {
	least := ^uint64(0)
	for _, reader := range r.readers {
		least = min(least, reader.entries)
	}
	return least
}

// Await waits until every reader has n entries, or a time has passed, and says whether they have.
func (r *Readers) Await(n uint64, limit time.Duration) (bool, error) {
	deadline := r.loop.now() + int64(limit)
	for r.Slowest() < n && r.loop.now() < deadline {
		if err := r.loop.step(deadline); err != nil {
			return false, err
		}
	}
	return r.Slowest() >= n, nil
}

func (r *reader) take(c *conn, chunk []byte, now int64) (int, error) {
	taken, err := r.wired.Take(chunk)
	if err != nil {
		return 0, err
	}
	c.out = append(c.out, taken.Send...)
	r.entries += uint64(taken.Count)
	r.Entries += uint64(taken.Count)
	if r.Latency != nil {
		r.age(chunk[:len(chunk)-taken.Rest], now)
	}
	if taken.Done {
		r.Done++
		r.loop.drop(c)
		return 0, r.again()
	}
	return taken.Rest, nil
}

func (r *reader) again() error {
	if r.Again == nil {
		return nil
	}
	s, wired, err := r.Again()
	if err != nil {
		return err
	}
	if err := r.Add(r.loop, s, wired); err != nil {
		return err
	}
	return r.Begin()
}

var mark = []byte(wire.Mark)

// age finds stamps. One that two reads share is left out.
func (r *reader) age(chunk []byte, now int64) {
	for {
		at := bytes.Index(chunk, mark)
		if at < 0 {
			return
		}
		chunk = chunk[at+len(mark):]
		if stamp, ok := wire.Number(chunk); ok {
			r.Latency.Add(now-int64(stamp), 1)
		}
	}
}

func (r *reader) more(*conn, int64) {}

// Tick makes the loop take a step at least every interval, so that what is due in time is done in time.
func (l *Loop) Tick(interval time.Duration) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return err
	}
	each := unix.NsecToTimespec(int64(interval))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		return err
	}
	_, err = l.add(&Socket{fd: fd}, ticker{})
	return err
}

type ticker struct{}

func (ticker) take(*conn, []byte, int64) (int, error) { return 0, nil }
func (ticker) more(*conn, int64)                      {}

// Now is the time of the loop's clock, in nanoseconds.
func (l *Loop) Now() int64 { return l.now() }
