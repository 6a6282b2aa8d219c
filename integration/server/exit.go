package server

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrHangs is the error of a server that neither does what it should nor ends.
var ErrHangs = errors.New("the server hangs")

// Exit is how a process ended that did not exit 0.
type Exit struct {
	Code   int    // -1: by a signal
	Stderr string // what it said
}

func (e *Exit) Error() string { return fmt.Sprintf("the server ended with %d: %s", e.Code, e.Stderr) }

// Wait waits for the end of the process: nil, an *Exit, or ErrHangs.
func (s *Server) Wait() error {
	select {
	case err := <-s.exited:
		defer func() { s.cmd = nil }()
		if err != nil {
			return &Exit{s.cmd.ProcessState.ExitCode(), strings.TrimSpace(s.stderr.String())}
		}
		return nil
	case <-time.After(Patience):
		return fmt.Errorf("%w: it does not end: %s", ErrHangs, s.stderr.String())
	}
}

// Alive says whether the process is still running, and what it said if not.
func (s *Server) Alive() error {
	select {
	case err := <-s.exited:
		s.exited <- err
		return fmt.Errorf("the server ended by itself: %w: %s", err, strings.TrimSpace(s.stderr.String()))
	default:
		return nil
	}
}

// Exit waits until the process ends by itself, and returns its exit code and what it said.
func (s *Server) Exit() (code int, said string) {
	s.t.Helper()
	err := s.Wait()
	if exit := (*Exit)(nil); errors.As(err, &exit) {
		return exit.Code, strings.TrimSpace(exit.Stderr)
	} else if err != nil {
		s.t.Fatal(err)
	}
	return 0, strings.TrimSpace(s.stderr.String())
}
