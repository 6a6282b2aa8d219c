package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// logWriter passes log lines on to out from a goroutine of its own, so that a reader that is slow,
// stopped or gone never holds up who logs. What doesn't fit into its buffer is dropped, and a line
// says how many once there is room again.
type logWriter struct {
	out   io.Writer
	limit int
	wake  chan struct{} // capacity 1: something to write, or closed
	done  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex // guards the following
	pending []byte     // whole lines
	dropped int
	closed  bool
}

// newLogWriter starts a writer that holds at most limit bytes of lines. Close ends it.
func newLogWriter(out io.Writer, limit int) *logWriter {
	w := &logWriter{out: out, limit: limit, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line. It never waits and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	if w.closed || len(w.pending)+len(line) > w.limit {
		w.dropped++
	} else {
		w.pending = append(w.pending, line...)
	}
	w.mu.Unlock()
	w.signal()
	return len(line), nil
}

func (w *logWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close lets what is pending be written, for at most patience, and reports whether it was. A write
// that hangs is left behind: the process is about to end.
func (w *logWriter) Close(patience time.Duration) bool {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	select {
	case <-w.done:
		return true
	case <-time.After(patience):
		return false
	}
}

func (w *logWriter) run() {
	defer close(w.done)
	var lines []byte
	for range w.wake {
		var closed bool
		lines, closed = w.take(lines)
		if len(lines) > 0 {
			// An error means that nobody reads any more; later lines are tried all the same.
			_, _ = w.out.Write(lines)
		}
		if closed {
			return
		}
	}
}

// take swaps the pending lines against the buffer written before.
func (w *logWriter) take(spare []byte) (lines []byte, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, w.pending = w.pending, spare[:0]
	if w.dropped > 0 {
		lines = fmt.Appendf(lines, "{\"level\":\"warn\",\"message\":\"log lines dropped\",\"dropped\":%d}\n", w.dropped)
		w.dropped = 0
	}
	return lines, w.closed
}
