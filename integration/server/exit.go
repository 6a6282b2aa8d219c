package server

import (
	"errors"
	"os/exec"
	"strings"
)

// Exit waits until the process ends by itself, and returns its exit code and what it said.
func (s *Server) Exit() (code int, said string) {
	s.t.Helper()
	err := s.wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	return code, strings.TrimSpace(s.stderr.String())
}
