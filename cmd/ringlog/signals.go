package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
)

// signals turns the first TERM or INT into a closed channel; a second one ends the process at once.
type signals struct {
	stopping chan struct{}
	caught   chan os.Signal
	ended    chan struct{}
}

func catchSignals(logger zerolog.Logger) *signals {
	s := &signals{stopping: make(chan struct{}), caught: make(chan os.Signal, 4), ended: make(chan struct{})}
	signal.Notify(s.caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go s.run(logger)
	return s
}

func (s *signals) run(logger zerolog.Logger) {
	defer close(s.ended)
	stopping := false
	for caught := range s.caught {
		switch {
		case caught == syscall.SIGHUP:
			// Reserved for reading certificates and tokens again.
			logger.Info().Msg("HUP: nothing to read again")
		case stopping:
			os.Exit(exitFailure)
		default:
			stopping = true
			close(s.stopping)
		}
	}
}

func (s *signals) stop() {
	signal.Stop(s.caught)
	close(s.caught)
	<-s.ended
}
