package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signals turns the first TERM or INT into a closed channel; a second one ends the process at once. HUP
// is told on another.
type signals struct {
	stopping chan struct{}
	again    chan struct{} // HUP: files are to be read again
	caught   chan os.Signal
	ended    chan struct{}
	now      func() time.Time
	exit     func(code int)
}

// sameWish is how long after the first signal another one says nothing new: timeout(1), and those who
// signal a process and then its group, send two at once.
const sameWish = 500 * time.Millisecond

func newSignals() *signals {
	return &signals{
		stopping: make(chan struct{}), again: make(chan struct{}, 1), caught: make(chan os.Signal, 4), ended: make(chan struct{}),
		now: time.Now, exit: os.Exit,
	}
}

func catchSignals() *signals {
	s := newSignals()
	signal.Notify(s.caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go s.run()
	return s
}

func (s *signals) run() {
	defer close(s.ended)
	var first time.Time
	for caught := range s.caught {
		switch {
		case caught == syscall.SIGHUP:
			select {
			case s.again <- struct{}{}:
			default: // they will be
			}
		case first.IsZero():
			first = s.now()
			close(s.stopping)
		case s.now().Sub(first) > sameWish:
			fmt.Fprintln(os.Stderr, "ringlog: a second signal: ending at once; what was acknowledged is safe, what had no answer may have been appended or not")
			s.exit(exitFailure)
		}
	}
}

func (s *signals) stop() {
	signal.Stop(s.caught)
	close(s.caught)
	<-s.ended
}
