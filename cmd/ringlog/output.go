package main

import (
	"bufio"
	"io"
	"sync"
	"time"
)

// flushAfter is how long a line of a live tail may wait for others to be written with it.
const flushAfter = 2 * time.Millisecond

// output writes entries to standard output in large pieces, and when live soon after each.
type output struct {
	live bool

	mu       sync.Mutex // guards the following
	buffered *bufio.Writer
	timing   bool // a flush is on its way
	err      error
}

func newOutput(w io.Writer, live bool) *output {
	return &output{live: live, buffered: bufio.NewWriterSize(w, 256<<10)}
}

// line writes text and a LF.
func (o *output) line(text []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	_, _ = o.buffered.Write(text) // a bufio.Writer repeats its error
	if o.err = o.buffered.WriteByte('\n'); o.err == nil && o.live && !o.timing {
		o.timing = true
		time.AfterFunc(flushAfter, func() { _ = o.flush() })
	}
	return o.err
}

func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timing = false
	if o.err == nil {
		o.err = o.buffered.Flush()
	}
	return o.err
}
