//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

// Writers are the writers of one run.
type Writers struct {
	// Limit is how many appends are sent at most, all together; 0: any number.
	Limit uint64
	// Allow, if there, says how many may be sent now.
	Allow func(now int64) int
	// Stamp makes the entries' numbers the times they were sent at, in place of running ones.
	Stamp bool
	// Latency is where to count how long answers took, nil: nowhere.
	Latency *Histogram

	Sent, Answered uint64

	stopped bool
	conns   []*conn
}

// writer keeps a window of appends full on one connection.
type writer struct {
	*Writers
	appender         wire.Appender
	number           uint64 // of the last entry
	window, inFlight int
	sending          []sending // those in flight, oldest first, from first on
	first            int
}

// sending is n requests that were written at one time.
type sending struct {
	n  int
	at int64
}

// Add makes a writer of a connection, with a window of so many appends. number tells the writers of one
// server apart.
func (w *Writers) Add(l *Loop, s *Socket, appender wire.Appender, number, window int) error {
	added := &writer{Writers: w, appender: appender, window: window}
	if !w.Stamp {
		added.number = uint64(number) << 40
	}
	c, err := l.add(s, added)
	w.conns = append(w.conns, c)
	return err
}

// Start lets the writers send what they may: at the beginning, and whenever Allow may allow more.
func (w *Writers) Start(l *Loop) error {
	for _, c := range w.conns {
		if err := l.flush(c); err != nil {
			return err
		}
	}
	return nil
}

// ErrUnanswered says that appends were not answered in time.
var ErrUnanswered = errors.New("appends without an answer")

// Drain stops sending and waits until everything is answered.
func (w *Writers) Drain(l *Loop) error {
	w.stopped = true
	deadline := l.now() + int64(patience)
	for w.Answered < w.Sent {
		if l.now() > deadline {
			return fmt.Errorf("%w: %d of %d after %v", ErrUnanswered, w.Sent-w.Answered, w.Sent, patience)
		}
		if err := l.step(deadline); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) take(c *conn, chunk []byte, now int64) (int, error) {
	taken, err := w.appender.Take(chunk)
	if err != nil {
		return 0, err
	}
	c.out = append(c.out, taken.Send...)
	w.Answered += uint64(taken.Count)
	w.answered(taken.Count, now)
	return taken.Rest, nil
}

// answered takes in that the n oldest requests have been answered.
func (w *writer) answered(n int, now int64) {
	w.inFlight -= n
	for n > 0 && w.first < len(w.sending) {
		s := &w.sending[w.first]
		k := min(n, s.n)
		if w.Latency != nil {
			w.Latency.Add(now-s.at, uint64(k))
		}
		n -= k
		if s.n -= k; s.n == 0 {
			w.first++
		}
	}
	if w.first == len(w.sending) {
		w.sending, w.first = w.sending[:0], 0
	} else if w.first >= 1024 {
		w.sending, w.first = append(w.sending[:0], w.sending[w.first:]...), 0
	}
}

func (w *writer) more(c *conn, now int64) {
	n := w.window - w.inFlight
	if w.Limit > 0 {
		n = int(min(uint64(n), w.Limit-w.Sent))
	}
	if w.stopped || n <= 0 {
		return
	}
	if w.Allow != nil {
		n = min(n, w.Allow(now))
	}
	sent := 0
	for ; sent < n && len(c.out) < writeSize; sent++ {
		w.number++
		if w.Stamp {
			w.number = max(w.number, uint64(now))
		}
		c.out = w.appender.Append(c.out, w.number)
	}
	if sent > 0 {
		w.sending = append(w.sending, sending{sent, now})
		w.inFlight += sent
		w.Sent += uint64(sent)
	}
}

// Window is what happens between two points of time in a run.
type Window struct {
	Warm, Measure time.Duration
	Begin, End    func()      // called at its ends
	Full          func() bool // ends it early
}

// Pass runs the loop through a window and returns how long the measured part took. each is called after
// every step.
func (l *Loop) Pass(w Window, each func() error) (time.Duration, error) {
	until := func(deadline int64) error {
		for l.now() < deadline && !w.Full() {
			if err := l.step(deadline); err != nil {
				return err
			}
			if err := each(); err != nil {
				return err
			}
		}
		return nil
	}
	if err := until(l.now() + int64(w.Warm)); err != nil {
		return 0, err
	}
	w.Begin()
	begin := l.now()
	err := until(begin + int64(w.Measure))
	took := l.now() - begin
	w.End()
	return time.Duration(took), err
}
