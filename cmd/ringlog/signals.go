package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// signals turns the first TERM or INT into a closed channel; a second one ends the process at once.
type signals struct {
	stopping chan struct{}
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
		stopping: make(chan struct{}), caught: make(chan os.Signal, 4), ended: make(chan struct{}),
		now: time.Now, exit: os.Exit,
	}
}

func catchSignals(logger zerolog.Logger) *signals {
	s := newSignals()
	signal.Notify(s.caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go s.run(logger)
	return s
}

func (s *signals) run(logger zerolog.Logger) {
	defer close(s.ended)
	var first time.Time
	for caught := range s.caught {
		switch {
		case caught == syscall.SIGHUP:
			// Reserved for reading certificates and tokens again.
			logger.Info().Msg("HUP: nothing to read again")
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
