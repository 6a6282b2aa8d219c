package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ringlog/ringlog/client"
)

// place is a line of a file. The zero place is none.
type place struct {
	file   string
	number int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.number) }

// tally keeps what has become of the lines of an `append`, and how many are on their way.
type tally struct {
	out io.Writer

	mu          sync.Mutex // guards the following
	changed     *sync.Cond // inFlight or bytes shrank, or no more lines are taken
	inFlight    int        // appends without an outcome
	bytes       int        // of theirs
	appended    uint64
	first, last uint64
	bad         uint64
	taken       place // the last one
	stopped     bool  // by a signal
	lost        error // why nothing more can be appended

	// Given up without a line each, after stopped or lost.
	givenUp                uint64
	givenUpFrom, givenUpTo place
}

// open tells whether more lines are taken.
func (t *tally) open() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stillOpen()
}

func (t *tally) stillOpen() bool { return t.lost == nil && !t.stopped }

func (t *tally) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	t.changed.Broadcast()
}

// take waits for room for a line and counts it as on its way, unless no more are taken.
func (t *tally) take(at place, size int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.stillOpen() && (t.inFlight >= maxInFlight || t.inFlight > 0 && t.bytes > maxBytes) {
		t.changed.Wait()
	}
	if !t.stillOpen() {
		return false
	}
	t.taken = at
	t.inFlight++
	t.bytes += size
	return true
}

// drained waits until nothing is on its way.
func (t *tally) drained() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.inFlight > 0 {
		t.changed.Wait()
	}
}

// outcome takes in that an append has one; index 0: it failed.
func (t *tally) outcome(index uint64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	t.bytes -= size
	t.changed.Broadcast()
	if index == 0 {
		return
	}
	t.appended++
	if t.first == 0 {
		t.first = index
	}
	t.last = max(t.last, index)
}

// report tells of a line that was not appended. When none will be any more, only the first is told of,
// and summary counts the others.
func (t *tally) report(at place, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bad++
	if t.lost != nil || t.stopped && errors.Is(err, client.ErrClosed) {
		if t.givenUp == 0 {
			t.givenUpFrom = at
		}
		t.givenUp++
		t.givenUpTo = at
		return
	}
	if errors.Is(err, client.ErrDisconnected) || errors.Is(err, client.ErrForbidden) || errors.Is(err, client.ErrUnauthorized) {
		t.lost = err
		t.changed.Broadcast()
	}
	if at == (place{}) {
		fmt.Fprintf(t.out, "ringlog: %v\n", err)
		return
	}
	fmt.Fprintf(t.out, "ringlog: %v: %v\n", at, err)
}

// summary says what was done; its error is empty where every line was reported already.
func (t *tally) summary(log string, took time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		t.sayInterrupted()
	} else if t.givenUp > 0 {
		fmt.Fprintf(t.out, "ringlog: %v to %v: %d more lines were given up\n", t.givenUpFrom, t.givenUpTo, t.givenUp)
	}
	fmt.Fprintf(t.out, "%d appended to %s", t.appended, log)
	if t.appended > 0 {
		fmt.Fprintf(t.out, " (index %d to %d)", t.first, t.last)
	}
	fmt.Fprintf(t.out, ", %d not, in %v\n", t.bad, took.Round(time.Millisecond))
	switch {
	case t.lost != nil:
		return clientError(t.lost)
	case t.bad > 0, t.stopped:
		return withCode(exitFailure, errors.New(""))
	}
	return nil
}

func (t *tally) sayInterrupted() {
	if t.taken == (place{}) {
		fmt.Fprintln(t.out, "ringlog: interrupted before the first line")
		return
	}
	fmt.Fprintf(t.out, "ringlog: interrupted after %v", t.taken)
	if t.givenUp > 0 {
		fmt.Fprintf(t.out, "; %d lines, %v to %v, had no answer: look in the log whether they were appended", t.givenUp, t.givenUpFrom, t.givenUpTo)
	}
	fmt.Fprintln(t.out)
}
