package main

import (
	"os"
	"os/signal"
	"syscall"
)

// signals turns the first TERM or INT into a closed channel; a second one ends the process at once. HUP
// is told on another.
type signals struct {
	stopping chan struct{}
	again    chan struct{} // HUP: files are to be read again
	caught   chan os.Signal
	ended    chan struct{}
}

func catchSignals() *signals {
	s := &signals{stopping: make(chan struct{}), again: make(chan struct{}, 1), caught: make(chan os.Signal, 4), ended: make(chan struct{})}
	signal.Notify(s.caught, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go s.run()
	return s
}

func (s *signals) run() {
	defer close(s.ended)
	stopping := false
	for caught := range s.caught {
		switch {
		case caught == syscall.SIGHUP:
			select {
			case s.again <- struct{}{}:
			default: // they will be
			}
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
