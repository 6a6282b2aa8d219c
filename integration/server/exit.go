package server

import (
	"errors"
	"strings"
)

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
